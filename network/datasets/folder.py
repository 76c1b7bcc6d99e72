"""A folder of one's own images: ``images/`` and ``masks/`` with the same file stems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml

from network.datasets.catalog import IMAGENET_MEAN, IMAGENET_STD, Color, DatasetSpec
from network.datasets.layout import (
    DatasetLayout,
    Report,
    Sample,
    check_split,
    listed,
    pair_files,
    refuse,
)
from network.errors import ConfigError, DataError, MissingDataError
from network.files.images import list_images

MAX_CLASSES = 250
SETTINGS_FILE = "dataset.yaml"
_KINDS = {str: "names or patterns", int: "whole numbers", list: "colors such as [0, 0, 0]"}
_SHARED_SETTINGS = ("classes", "ignore_colors", "ignore_values", "unscored", "masks", "val", "test")


class FolderDataset(DatasetLayout):
    """Images in ``root/images``, masks of the same stem in ``root/masks``.

    What is not given here is read from ``root/dataset.yaml``, which has the same names.

    Args:
        root: the folder.
        classes: RGB color of each class by its name, in the order of the class indices; or only
            the names where masks hold indices.
        ignore_colors: RGB colors in masks that count as no class.
        ignore_values: values that count as no class in masks of indices (255, say).
        unscored: names of classes that do not enter the means.
        masks: ``color`` or ``index``.
        val: pattern (or patterns) of the stems held out for validation, as ``*_part007``.
        test: pattern of the stems to test on, held out as well; without it, those of ``val``.
        name: of the dataset, for output folders; without it, the folder's name.
        cache: keep decoded images in memory (of every loading process); for small datasets.
        mean, std: normalisation of the bands of images scaled to 0..1.

    Raises:
        ConfigError: settings that contradict each other, or none at all.
    """

    def __init__(
        self,
        root: str | Path,
        classes: Mapping[str, Color] | Sequence[str] | None = None,
        ignore_colors: Sequence[Color] | None = None,
        ignore_values: Sequence[int] | None = None,
        unscored: Sequence[str] | None = None,
        masks: str | None = None,
        val: str | Sequence[str] | None = None,
        test: str | Sequence[str] | None = None,
        name: str | None = None,
        cache: bool = False,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
    ) -> None:
        self.root = Path(root)
        self.cache = cache
        given = {
            "classes": classes,
            "ignore_colors": ignore_colors,
            "ignore_values": ignore_values,
            "unscored": unscored,
            "masks": masks,
            "val": val,
            "test": test,
        }
        settings = self._settings({k: v for k, v in given.items() if v is not None})
        self.masks = settings.get("masks", "color")
        if self.masks not in ("color", "index"):
            raise ConfigError(f"masks={self.masks!r}: 'color' or 'index'")
        self.val = _list_of(str, settings, "val")
        self.test = _list_of(str, settings, "test")
        names, palette = _classes(settings["classes"], self.masks)
        self.ignore_values = _list_of(int, settings, "ignore_values")
        confused = [value for value in self.ignore_values if 0 <= value < len(names)]
        if confused:
            raise ConfigError(f"ignore_values {confused} are indices of classes")
        if not len(mean) == len(std) == 3 or min(std) <= 0:
            raise ConfigError(f"mean={mean}, std={std}: three numbers each, std above 0")
        self.spec = DatasetSpec(
            name=name or self.root.resolve().name,
            classes=names,
            palette=palette,
            ignore_colors=tuple(
                _color("ignore_colors", color)
                for color in _list_of(list, settings, "ignore_colors")
            ),
            unscored=_list_of(str, settings, "unscored"),
            mean=tuple(mean),
            std=tuple(std),
        )
        shared = {c for c in palette if palette.count(c) > 1} | (
            set(palette) & set(self.spec.ignore_colors)
        )
        if self.masks == "color" and shared:
            raise ConfigError(f"the color {sorted(shared)[0]} stands for two things in the classes")
        strange = set(self.spec.unscored) - set(names)
        if strange:
            raise ConfigError(f"unscored names no class: {', '.join(sorted(strange))}")

    def samples(self, split: str, report: Report = refuse) -> list[Sample]:
        """The samples of a split (see ``DatasetLayout.samples``)."""
        check_split(split)
        images, masks = (list_images(self.root / kind) for kind in ("images", "masks"))
        pairs = pair_files(images, masks, report=report)
        both = [p.name for p in pairs if _matches(p.name, self.val) and _matches(p.name, self.test)]
        if both:
            report(
                DataError(
                    f"{self.root}: val={list(self.val)} and test={list(self.test)} both hold "
                    f"{listed(both)}; an image must not be in two splits"
                )
            )
        if not self.val and split != "train" and not (split == "test" and self.test):
            raise ConfigError(
                f"{self.root}: no held-out files. Name them by a pattern, for example "
                f"dataset.val='*_val'"
            )
        test = self.test or self.val
        chosen = {
            "train": [p for p in pairs if not _matches(p.name, self.val + self.test)],
            "val": [p for p in pairs if _matches(p.name, self.val)],
            "test": [p for p in pairs if _matches(p.name, test)],
        }[split]
        if not chosen:
            raise DataError(
                f"{self.root}: of {len(pairs)} images none is left for {split!r} with "
                f"val={list(self.val)}, test={list(self.test)}"
            )
        return chosen

    def protocol(self) -> dict[str, Any]:
        """The patterns of the held-out images."""
        return {"val": list(self.val), "test": list(self.test or self.val)}

    def _settings(self, given: dict) -> dict:
        path = self.root / SETTINGS_FILE
        stored = {}
        if path.is_file():
            try:
                stored = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
            except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
                raise ConfigError(f"{path} is not readable YAML: {error}") from error
            if not isinstance(stored, dict):
                raise ConfigError(f"{path} must hold names with values, such as 'classes:'")
            unknown = stored.keys() - set(_SHARED_SETTINGS)
            if unknown:
                raise ConfigError(
                    f"{path} has unknown settings: {', '.join(sorted(map(str, unknown)))}; "
                    f"known are {', '.join(_SHARED_SETTINGS)}"
                )
        settings = {k: v for k, v in (stored | given).items() if v is not None}
        if "classes" not in settings:
            if not self.root.is_dir():
                raise MissingDataError(f"no folder {self.root}")
            raise ConfigError(f"no classes: give dataset.classes, or list them in {path}")
        return settings


def _list_of(kind: type, settings: Mapping[str, Any], name: str) -> tuple:
    """A setting that is a list; a single string or number stands for a list of one."""
    value = settings.get(name, ())
    values = [value] if isinstance(value, str | int) else value
    accepted = (list, tuple) if kind is list else kind
    if not isinstance(values, list | tuple) or not all(isinstance(v, accepted) for v in values):
        raise ConfigError(f"{name}={value!r}: a list of {_KINDS[kind]}")
    return tuple(values)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def _classes(classes: Any, masks: str) -> tuple[tuple[str, ...], tuple[Color, ...]]:
    if isinstance(classes, Mapping):
        names = tuple(str(name) for name in classes)
        palette = tuple(_color(name, color) for name, color in classes.items())
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


def _color(name: str, color: Sequence[int]) -> Color:
    values = tuple(color) if isinstance(color, Sequence) and not isinstance(color, str) else ()
    if len(values) != 3 or not all(isinstance(v, int) and 0 <= v <= 255 for v in values):
        raise ConfigError(f"color of {name!r}: three numbers from 0 to 255 (RGB), got {color!r}")
    return values


def _distinct_color(index: int) -> Color:
    """Neighboring indices get far-apart colors: their bits are spread over the three bands."""
    color = [0, 0, 0]
    value = index + 1
    for shift in range(7, -1, -1):
        for band in range(3):
            color[band] |= (value >> band & 1) << shift
        value >>= 3
    return tuple(color)
