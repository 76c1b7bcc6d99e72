"""The settings of a folder of one's own images: ``dataset.yaml``, and what they may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from network.datasets.catalog import Color
from network.errors import ConfigError, MissingDataError

MAX_CLASSES = 250
SETTINGS_FILE = "dataset.yaml"
STATISTICS_SETTINGS = ("scale", "mean", "std")
SHARED_SETTINGS = (
    *("classes", "ignore_colors", "ignore_values", "first_label", "unscored", "masks", "val"),
    "test",
    *("bands", "band_names", "display", "alpha", *STATISTICS_SETTINGS),
)
_KINDS = {
    str: "names or patterns",
    float: "numbers",
    list: "colors such as [0, 0, 0]",
}
_TYPES = {str: str, float: (int, float), list: (list, tuple)}


def read_settings(root: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings in the folder's ``dataset.yaml``, and those given instead of them.

    Raises:
        ConfigError: an unreadable file, unknown names, or no classes.
        MissingDataError: no such folder.
    """
    path = root / SETTINGS_FILE
    stored = {}
    if path.is_file():
        try:
            stored = yaml.load(path.read_text(encoding="utf-8"), _OnceLoader) or {}
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
            raise ConfigError(f"{path} is not readable YAML: {error}") from error
        if not isinstance(stored, dict):
            raise ConfigError(f"{path} must hold names with values, such as 'classes:'")
        unknown = stored.keys() - set(SHARED_SETTINGS)
        if unknown:
            raise ConfigError(
                f"{path} has unknown settings: {', '.join(sorted(map(str, unknown)))}; "
                f"known are {', '.join(SHARED_SETTINGS)}"
            )
    settings = {k: v for k, v in (stored | dict(given)).items() if v is not None}
    if "classes" not in settings:
        if not root.is_dir():
            raise MissingDataError(f"no folder {root}")
        raise ConfigError(f"no classes: give dataset.classes, or list them in {path}")
    return settings


class _OnceLoader(yaml.SafeLoader):
    """Refuses a name that stands twice in a mapping; of two, YAML would take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen: list[Any] = []
        for key, _ in node.value:
            if key.value in seen:
                line = key.start_mark.line + 1
                raise yaml.YAMLError(f"line {line}: {key.value!r} stands there a second time")
            seen.append(key.value)
        return super().construct_mapping(node, deep)


def list_of(kind: type, settings: Mapping[str, Any], name: str) -> tuple:
    """A setting that is a list; a single string or number stands for a list of one.

    Args:
        kind: ``str``, ``float`` (any number) or ``list`` (colors).
        settings: all of them.
        name: of the setting.

    Raises:
        ConfigError: values of another kind.
    """
    value = settings.get(name, ())
    values = [value] if isinstance(value, str | int | float) else value
    if not isinstance(values, list | tuple) or not all(
        isinstance(v, _TYPES[kind]) and not isinstance(v, bool) for v in values
    ):
        raise ConfigError(f"{name}={value!r}: a list of {_KINDS[kind]}")
    return tuple(values)


def index_settings(
    settings: Mapping[str, Any], masks: str, num_classes: int
) -> tuple[int, tuple[float, ...]]:
    """``first_label`` and ``ignore_values``, which masks of indices have.

    Raises:
        ConfigError: masks in colors, or values that are those of classes.
    """
    first, ignored = settings.get("first_label", 0), list_of(float, settings, "ignore_values")
    if not isinstance(first, int) or isinstance(first, bool):
        raise ConfigError(f"first_label={first!r}: a whole number, the value of the first class")
    if masks == "color":
        for name, value in (("first_label", first), ("ignore_values", ignored)):
            if value:
                raise ConfigError(
                    f"{name}={settings[name]!r} is of masks of class indices, and these are in "
                    "colors: set masks='index' or leave it out (ignore_colors are for colors)"
                )
    confused = [value for value in ignored if value in range(first, first + num_classes)]
    if confused:
        raise ConfigError(
            f"ignore_values {confused} are indices of classes, which are stored as {first} to "
            f"{first + num_classes - 1}; masks that count from 1 need first_label=1"
        )
    return first, ignored


def class_table(classes: Any, masks: str) -> tuple[tuple[str, ...], tuple[Color, ...]]:
    """Names and colors of ``classes``; without colors, distinct ones are made up.

    Raises:
        ConfigError: no names, no colors where masks have some, too few or too many.
    """
    if isinstance(classes, Mapping):
        names = tuple(str(name) for name in classes)
        palette = tuple(color(name, value) for name, value in classes.items())
    elif masks == "index" and not isinstance(classes, str) and isinstance(classes, Sequence):
        names = tuple(str(name) for name in classes)
        palette = tuple(_distinct_color(index) for index in range(len(names)))
    else:
        raise ConfigError(
            "classes must map each name to its color, as {'road': (110, 193, 228), ...}; "
            "names alone do where masks='index'"
        )
    if not 2 <= len(names) <= MAX_CLASSES:
        raise ConfigError(f"{len(names)} classes: from 2 to {MAX_CLASSES} are possible")
    return names, palette


def color(name: str, value: Sequence[int]) -> Color:
    """A color of three numbers.

    Raises:
        ConfigError: anything else.
    """
    values = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else ()
    if len(values) != 3 or not all(isinstance(v, int) and 0 <= v <= 255 for v in values):
        raise ConfigError(f"color of {name!r}: three numbers from 0 to 255 (RGB), got {value!r}")
    return values


def _distinct_color(index: int) -> Color:
    """Neighboring indices get far-apart colors: their bits are spread over the three bands."""
    found = [0, 0, 0]
    value = index + 1
    for shift in range(7, -1, -1):
        for band in range(3):
            found[band] |= (value >> band & 1) << shift
        value >>= 3
    return tuple(found)
