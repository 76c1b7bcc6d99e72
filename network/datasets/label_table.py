"""Which stored value of a mask of indices is which class: ``{1: Building, 2: Road, 0: ignore}``."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from network.datasets.layout import listed
from network.errors import ConfigError

IGNORE = "ignore"
MOST_APART = 1 << 24


class LabelTable(NamedTuple):
    """A table of stored values.

    Attributes:
        class_of: name of the class by its value; several values may be one class.
        ignored: values that count as no class.
    """

    class_of: dict[int, str]
    ignored: tuple[float, ...]

    @classmethod
    def of(cls, labels: Any) -> LabelTable:
        """The table in the settings.

        Raises:
            ConfigError: no table of numbers and names, or no class in it.
        """
        if not isinstance(labels, Mapping):
            raise ConfigError(
                f"labels={labels!r}: stored values with the names of their classes, as "
                f"{{1: 'Building', 2: 'Road', 0: {IGNORE!r}}}"
            )
        class_of: dict[int, str] = {}
        ignored: list[float] = []
        for value, name in labels.items():
            if not _is_number(value) or not _is_name(name):
                raise ConfigError(
                    f"labels: {value!r}: {name!r} must be a number and the name of its class, or "
                    f"{IGNORE!r}"
                )
            if name == IGNORE:
                ignored.append(value)
            elif not math.isfinite(value) or value != int(value):
                raise ConfigError(f"labels: {value!r}: {name!r}: classes have whole numbers")
            else:
                class_of[int(value)] = str(name)
        if not class_of:
            raise ConfigError("labels name no class")
        if max(class_of) - min(class_of) > MOST_APART:
            raise ConfigError(
                f"labels: {min(class_of)} and {max(class_of)} are more than {MOST_APART} apart"
            )
        return cls(class_of, tuple(ignored))

    @property
    def names(self) -> tuple[str, ...]:
        """The classes in the order of the table."""
        return tuple(dict.fromkeys(self.class_of.values()))

    def indices(self, classes: Sequence[str]) -> dict[int, int]:
        """Index of the class by its value.

        Args:
            classes: names in the order of their indices.

        Raises:
            ConfigError: names that are no classes, or classes without a value.
        """
        if IGNORE in classes:
            raise ConfigError(f"with labels no class can be called {IGNORE!r}")
        for name in self.names:
            if name not in classes:
                near = difflib.get_close_matches(name, classes, n=1, cutoff=0.5)
                hint = f"; did you mean {near[0]!r}?" if near else f"; there are {listed(classes)}"
                raise ConfigError(f"labels: {name!r} is no class{hint}")
        lacking = [name for name in classes if name not in self.names]
        if lacking:
            raise ConfigError(f"labels has no value for the classes {listed(lacking)}")
        return {value: classes.index(name) for value, name in self.class_of.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_name(name: Any) -> bool:
    return isinstance(name, str | int) and not isinstance(name, bool) and name != ""
