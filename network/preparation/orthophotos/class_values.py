"""Which class each value of a field, or of a raster of labels, stands for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np

from network.datasets.class_table import MAX_CLASSES
from network.datasets.layout import listed
from network.errors import DataError

IGNORED, UNLABELED = 255, 254
"""In masks of indices: labeled as no class; not labeled at all."""


@dataclass(frozen=True)
class ClassTable:
    """The classes and the values that stand for them.

    Attributes:
        names: of the classes, in the order of their indices.
        index: of each value, as text; ``IGNORED`` for those that count as no class.
        background: index of what is not labeled, or ``IGNORED``.
        notes: what a user has to know of them.
    """

    names: tuple[str, ...]
    index: dict[str, int]
    background: int = IGNORED
    notes: tuple[str, ...] = ()

    def indices(self, values: Iterable[Any]) -> np.ndarray:
        """Indices uint8 [n] of values as they are stored."""
        return np.array([self.index[text_of(value)] for value in values], np.uint8)


def text_of(value: Any) -> str:
    """A stored value as text: whole numbers without a point, nothing as the empty text."""
    if value is None or value != value:  # NaN, NaT
        return ""
    if isinstance(value, float | np.floating) and math.isfinite(value) and value == int(value):
        return str(int(value))
    return str(value)


def class_table(
    values: Iterable[str],
    where: str,
    chosen: Sequence[str] | None = None,
    ignored: Sequence[str] = (),
    background: str | None = None,
) -> ClassTable:
    """Give every value an index.

    Args:
        values: those that occur, as text.
        where: they stand, for messages.
        chosen: ``VALUE`` or ``VALUE=NAME`` in the order of the indices; several values may have one
            name. Without it, all values, sorted.
        ignored: values that count as no class.
        background: name of the class of what is not labeled.

    Raises:
        DataError: values that are not listed, or ignored ones that do not occur; too few classes or
            too many.
    """
    found = _sorted(set(values))
    for value in ignored:
        if value not in found:
            raise DataError(
                f"--ignore-values {value}: no such value in {where}{_near(value, found)}"
            )
    left = [value for value in found if value not in ignored]
    names = {value: value for value in left} if chosen is None else _names(chosen, left)
    unlisted = [value for value in left if value not in names]
    if unlisted:
        named = listed([repr(value) for value in unlisted])
        hint = _near(unlisted[0], list(names)) if len(unlisted) == 1 else ""
        raise DataError(
            f"{where} holds values that --classes does not list: {named}{hint}. List them too "
            "(VALUE=NAME gives several values one name), or name them by --ignore-values"
        )
    order = list(dict.fromkeys(names.values()))
    if background is not None and background not in order:
        order = [*order, background] if chosen else _sorted({*order, background})
    if not 2 <= len(order) <= MAX_CLASSES:
        few = len(order) < 2
        advice = (
            "where all else is background, name it by --background"
            if few
            else "is it the right field?"
        )
        raise DataError(
            f"{where} holds {len(order)} class{'es' * (len(order) != 1)} "
            f"({listed(order, 5)}); from 2 to {MAX_CLASSES} are possible, {advice}"
        )
    index = {value: order.index(name) for value, name in names.items()}
    return ClassTable(
        tuple(order),
        index | dict.fromkeys(ignored, IGNORED),
        IGNORED if background is None else order.index(background),
        tuple(_notes(order, names, left)),
    )


def _names(chosen: Sequence[str], values: Sequence[str]) -> dict[str, str]:
    """Name of each value that is listed; a value may have an equals sign in it."""
    names: dict[str, str] = {}
    for entry in chosen:
        value, equals, name = (entry, "", "") if entry in values else entry.rpartition("=")
        if not equals:
            value, name = entry, entry
        if not value or not name.strip() or value in names:
            raise DataError(f"--classes {entry}: VALUE or VALUE=NAME, each value once")
        names[value] = name
    return names


def _notes(order: Sequence[str], names: dict[str, str], values: Sequence[str]) -> list[str]:
    notes = []
    absent = [value for value in names if value not in values]
    if absent:
        notes.append(f"no label has the value {listed(absent)}, which --classes lists")
    alike: dict[str, list[str]] = {}
    for name in order:
        alike.setdefault(" ".join(name.casefold().split()), []).append(name)
    for same in alike.values():
        if len(same) > 1:
            notes.append(
                f"{' and '.join(map(repr, same))} are classes of their own; --classes VALUE=NAME "
                "gives them one name"
            )
    return notes


def _sorted(values: Iterable[str]) -> list[str]:
    """By number where all are numbers, else by letters."""

    def key(value: str) -> tuple[float, str]:
        try:
            return float(value), value
        except ValueError:
            return math.nan, value

    found = sorted(values)
    numbers = [key(value)[0] for value in found]
    return sorted(found, key=key) if not any(map(math.isnan, numbers)) else found


def _near(value: str, others: Sequence[str]) -> str:
    near = get_close_matches(value, others, n=1)
    return f" (nearest: {near[0]!r})" if near else ""
