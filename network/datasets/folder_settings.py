"""The settings of a folder of one's own images: ``dataset.yaml``, and what they may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from network.datasets.label_table import LabelTable
from network.errors import ConfigError, MissingDataError

SETTINGS_FILE = "dataset.yaml"
STATISTICS_SETTINGS = ("scale", "mean", "std")
SHARED_SETTINGS = (
    *("classes", "ignore_colors", "ignore_values", "first_label", "unscored", "masks", "val"),
    *("test", "train", "image_files", "mask_files", "sample_names", "labels"),
    *("bands", "band_names", "display", "alpha", *STATISTICS_SETTINGS),
)
_KINDS = {
    str: "names or patterns",
    float: "numbers",
    list: "colors such as [0, 0, 0] or '#000000'",
}
_MERGE = "tag:yaml.org,2002:merge"
_TYPES = {str: str, float: (int, float), list: (list, tuple, str)}


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
    if not {"classes", "labels"} & settings.keys():
        if not root.is_dir():
            raise MissingDataError(f"no folder {root}")
        raise ConfigError(f"no classes: give dataset.classes, or list them in {path}")
    return settings


class _OnceLoader(yaml.SafeLoader):
    """Refuses a name that stands twice in a mapping; of two, YAML would take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen: list[Any] = []
        for key, _ in node.value:
            value = self.construct_object(key, deep=True) if key.tag != _MERGE else "<<"
            if value in seen:
                line = key.start_mark.line + 1
                raise yaml.YAMLError(f"line {line}: {value!r} stands there a second time")
            seen.append(value)
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


def text_of(settings: Mapping[str, Any], name: str, default: str | None = None) -> str | None:
    """A setting that is one text.

    Raises:
        ConfigError: another kind of value.
    """
    value = settings.get(name, default)
    if value is not None and (not isinstance(value, str) or not value):
        raise ConfigError(f"{name}={value!r}: a text, such as 'images/*'")
    return value


def mask_kind(settings: Mapping[str, Any]) -> str:
    """What masks hold: ``color`` or ``index``, which ``labels`` imply.

    Raises:
        ConfigError: another value, or settings that masks in colors do not have.
    """
    masks = settings.get("masks", "index" if "labels" in settings else "color")
    if masks not in ("color", "index"):
        raise ConfigError(f"masks={masks!r}: 'color' or 'index'")
    for name in ("first_label", "ignore_values", "labels"):
        if masks == "color" and settings.get(name):
            raise ConfigError(
                f"{name}={settings[name]!r} is of masks of class indices, and these are in "
                "colors: set masks='index' or leave it out (ignore_colors are for colors)"
            )
    return masks


def table_of(settings: Mapping[str, Any]) -> LabelTable:
    """The table ``labels``.

    Raises:
        ConfigError: none, or one that contradicts ``first_label``.
    """
    if "first_label" in settings:
        raise ConfigError(
            f"first_label={settings['first_label']} and labels both say which value is which "
            "class; leave first_label out"
        )
    return LabelTable.of(settings["labels"])


def index_settings(
    settings: Mapping[str, Any], classes: Sequence[str]
) -> tuple[dict[int, int], tuple[float, ...]]:
    """What the stored values of masks of indices are: by ``labels``, or from ``first_label`` on.

    Returns:
        index of each class by its value; values that are ignored.

    Raises:
        ConfigError: settings that contradict each other.
    """
    ignored = list_of(float, settings, "ignore_values")
    if "labels" in settings:
        table = table_of(settings)
        values = table.indices(classes)
        confused = [value for value in ignored if value in values]
        if confused:
            raise ConfigError(
                f"ignore_values {confused} are classes in labels; take them out of one of the two"
            )
        return values, (*table.ignored, *ignored)
    first = settings.get("first_label", 0)
    if not isinstance(first, int) or isinstance(first, bool):
        raise ConfigError(f"first_label={first!r}: a whole number, the value of the first class")
    values = {first + index: index for index in range(len(classes))}
    confused = [value for value in ignored if value in values]
    if confused:
        raise ConfigError(
            f"ignore_values {confused} are indices of classes, which are stored as {first} to "
            f"{max(values)}; masks that count from 1 need first_label=1"
        )
    return values, ignored
