"""The classes of a folder dataset: names and colors, as they are given or lie in a JSON file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from network.datasets.catalog import Color
from network.errors import ConfigError, first_line

MAX_CLASSES = 250
_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_FORMS = (
    'a JSON object such as {"road": "#6EC1E4"} or {"classes": [{"title": "road", '
    '"color": "#6EC1E4"}]}'
)


def class_table(
    classes: Any, masks: str, root: Path, ignored: Sequence[Any] = ()
) -> tuple[tuple[str, ...], tuple[Color, ...], tuple[Color, ...]]:
    """Names and colors of ``classes``, and the colors that are ignored.

    Without colors, distinct ones are made up.

    Args:
        classes: colors by names, names alone, or the name of a JSON file.
        masks: ``color`` or ``index``.
        root: the folder of that file.
        ignored: colors that count as no class, or names of classes that do.

    Raises:
        ConfigError: no names, no colors where masks have some, too few or too many.
    """
    if isinstance(classes, str) and classes.endswith(".json"):
        classes = _read_classes(root / classes)
    if isinstance(classes, Mapping):
        palette = {str(name): color(name, value) for name, value in classes.items()}
        names = tuple(str(name) for name in classes)
    elif masks == "index" and not isinstance(classes, str) and isinstance(classes, Sequence):
        names = tuple(str(name) for name in classes)
        palette = {name: _distinct_color(index) for index, name in enumerate(names)}
    else:
        raise ConfigError(
            "classes must map each name to its color, as {'road': (110, 193, 228), ...}, or be "
            "the name of a JSON file that does; names alone do where masks='index'"
        )
    dropped = [name for name in names if name in ignored]
    if dropped and masks == "index":
        raise ConfigError(
            f"ignore_colors names the class {dropped[0]!r}, but the masks hold indices: say by "
            "labels which value is 'ignore', and leave the class out of classes"
        )
    colors = tuple(palette[v] if v in names else color("ignore_colors", v) for v in ignored)
    names = tuple(name for name in names if name not in ignored)
    if not 2 <= len(names) <= MAX_CLASSES:
        raise ConfigError(f"{len(names)} classes: from 2 to {MAX_CLASSES} are possible")
    return names, tuple(palette[name] for name in names), colors


def color(name: str, value: Any) -> Color:
    """A color of three numbers, or of six digits as in ``#6EC1E4``.

    Raises:
        ConfigError: anything else.
    """
    if isinstance(value, str) and _HEX.fullmatch(value):
        return tuple(bytes.fromhex(value[1:]))
    values = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else ()
    if len(values) != 3 or not all(isinstance(v, int) and 0 <= v <= 255 for v in values):
        quotes = "; in YAML, # needs quotes" if value is None else ""
        raise ConfigError(
            f"color of {name!r}: three numbers from 0 to 255 (RGB) or '#RRGGBB', got "
            f"{value!r}{quotes}"
        )
    return values


def _read_classes(path: Path) -> dict[str, Any]:
    """Colors by names from a JSON file.

    Raises:
        ConfigError: no such file, or another content.
    """
    if not path.is_file():
        raise ConfigError(f"no file {path} (classes={path.name!r} names it)")
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_once)
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} cannot be read: {first_line(error)}") from error
    rows = found.get("classes") if isinstance(found, dict) else None
    if isinstance(rows, list):
        try:
            return _once([(row.get("title", row.get("name")), row.get("color")) for row in rows])
        except (AttributeError, TypeError, ValueError) as error:
            raise ConfigError(f"{path}: {first_line(error)}; its form must be {_FORMS}") from error
    if not isinstance(found, dict) or not found:
        raise ConfigError(f"{path} lists no classes; its form must be {_FORMS}")
    return found


def _once(pairs: Sequence[tuple[Any, Any]]) -> dict[str, Any]:
    """The pairs as a mapping.

    Raises:
        ValueError: a name that is none, or stands twice; of two, JSON would take the last.
    """
    found: dict[str, Any] = {}
    for name, value in pairs:
        if not isinstance(name, str) or not name:
            raise ValueError(f"{name!r} is no name")
        if name in found:
            raise ValueError(f"{name!r} stands there a second time")
        found[name] = value
    return found


def _distinct_color(index: int) -> Color:
    """Neighboring indices get far-apart colors: their bits are spread over the three bands."""
    found = [0, 0, 0]
    value = index + 1
    for shift in range(7, -1, -1):
        for band in range(3):
            found[band] |= (value >> band & 1) << shift
        value >>= 3
    return tuple(found)
