"""A folder of one's own images: ``images/`` and ``masks/`` with the same file stems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Any

from network.datasets.bands import band_facts
from network.datasets.catalog import Color, DatasetSpec
from network.datasets.folder_settings import (
    SETTINGS_FILE,
    STATISTICS_SETTINGS,
    class_table,
    color,
    index_settings,
    list_of,
    read_settings,
)
from network.datasets.labels import Held
from network.datasets.layout import (
    DatasetLayout,
    Report,
    Sample,
    check_split,
    listed,
    pair_files,
    refuse,
)
from network.datasets.patch_record import Cut, described, read_record, tile_of
from network.errors import ConfigError, DataError
from network.files.images import list_images


class FolderDataset(DatasetLayout):
    """Images in ``root/images``, masks of the same stem in ``root/masks``.

    Images may be patches, if ``root/masks`` has the record of the tool that cut them.

    What is not given here is read from ``root/dataset.yaml``, which has the same names.

    Args:
        root: the folder.
        classes: RGB color of each class by its name, in the order of the class indices; or only
            the names where masks hold indices.
        ignore_colors: RGB colors in masks that count as no class.
        ignore_values: stored values that count as no class in masks of indices (255, -1, or NaN).
        first_label: stored value of the first class in masks of indices (1 where they count from
            1); the others follow it.
        unscored: names of classes that do not enter the means.
        masks: ``color`` or ``index``.
        val: pattern (or patterns) of the stems held out for validation, as ``*_part007``.
        test: pattern of the stems to test on, held out as well; without it, those of ``val``.
        name: of the dataset, for output folders; without it, the folder's name.
        cache: keep decoded images in memory (of every loading process); for small datasets.
        mean, std: normalisation of the scaled bands; without them ImageNet's for three of 8 bits.
        bands, band_names, display, scale, alpha: what the images hold, as ``Bands`` says; ``scale``
            is one value, that stands for 1, or two.

    Raises:
        ConfigError: settings that contradict each other, or none at all.
    """

    def __init__(
        self,
        root: str | Path,
        classes: Mapping[str, Color] | Sequence[str] | None = None,
        ignore_colors: Sequence[Color] | None = None,
        ignore_values: float | Sequence[float] | None = None,
        unscored: Sequence[str] | None = None,
        masks: str | None = None,
        val: str | Sequence[str] | None = None,
        test: str | Sequence[str] | None = None,
        name: str | None = None,
        cache: bool = False,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        first_label: int | None = None,
        bands: Sequence[int] | None = None,
        band_names: Sequence[str] | None = None,
        display: Sequence[int] | None = None,
        scale: float | Sequence[float] | None = None,
        alpha: str | None = None,
    ) -> None:
        self.root = Path(root)
        self.cache = cache
        given = {
            "classes": classes,
            "ignore_colors": ignore_colors,
            "ignore_values": ignore_values,
            "first_label": first_label,
            "unscored": unscored,
            "masks": masks,
            "val": val,
            "test": test,
            "bands": bands,
            "band_names": band_names,
            "display": display,
            "scale": scale,
            "mean": mean,
            "std": std,
            "alpha": alpha,
        }
        self._given = {name for name, value in given.items() if value is not None}
        settings = read_settings(self.root, {k: v for k, v in given.items() if v is not None})
        self.masks = settings.get("masks", "color")
        if self.masks not in ("color", "index"):
            raise ConfigError(f"masks={self.masks!r}: 'color' or 'index'")
        self.val = list_of(str, settings, "val")
        self.test = list_of(str, settings, "test")
        names, palette = class_table(settings["classes"], self.masks)
        self.first_label, self.ignore_values = index_settings(settings, self.masks, len(names))
        self.spec = DatasetSpec(
            name=name or self.root.resolve().name,
            classes=names,
            palette=palette,
            ignore_colors=tuple(
                color("ignore_colors", value) for value in list_of(list, settings, "ignore_colors")
            ),
            unscored=list_of(str, settings, "unscored"),
            **band_facts(settings),
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
        if split != "train":
            self._refuse_overlapping(split, chosen, report)
        return chosen

    def tile(self, sample: Sample) -> str:
        """The tile that a patch was cut from, as the record names it; else the image's own name."""
        tile = tile_of(sample.name)
        return tile if tile in self._cuts else sample.name

    def patches(self, split: str) -> list[dict[str, Any]]:
        """Sizes and strides of the patches of a split, where there is a record of them."""
        if not self._cuts:
            return []
        tiles = {self.tile(sample) for sample in self.samples(split)}
        return described(cut for tile, cut in self._cuts.items() if tile in tiles)

    def counts_once(self, split: str, samples: Sequence[Sample]) -> bool:
        """Whether no patch overlaps another one, as far as there is a record of them."""
        tiles = {self.tile(sample) for sample in samples}
        return not any(cut.overlaps for tile, cut in self._cuts.items() if tile in tiles)

    @cached_property
    def _cuts(self) -> dict[str, Cut]:
        return read_record(self.root / "masks")

    def _refuse_overlapping(self, split: str, chosen: Sequence[Sample], report: Report) -> None:
        tiles = sorted({tile for s in chosen if (tile := self.tile(s)) in self._cuts})
        overlapping = [tile for tile in tiles if self._cuts[tile].overlaps]
        if overlapping:
            report(
                DataError(
                    f"{self.root}: the {split} images are patches of {listed(overlapping)} that "
                    "overlap, so pixels would count several times, and those of training too; "
                    "hold out those that the splitter held out"
                )
            )

    def statistics_file(self) -> Path | None:
        """``dataset.yaml``, where there is one and nothing of them is given beside it."""
        path = self.root / SETTINGS_FILE
        return path if path.is_file() and self._given.isdisjoint(STATISTICS_SETTINGS) else None

    def protocol(self) -> dict[str, Any]:
        """The patterns of the held-out images."""
        return {"val": list(self.val), "test": list(self.test or self.val)}

    def doubts(self, held: Held) -> DataError | None:
        """Whether the masks evidently count from another value than ``first_label``."""
        first, last = self.first_label, self.first_label + self.spec.num_classes - 1
        for value, lacks, start in ((last + 1, 0, first + 1), (first - 1, last - first, first - 1)):
            if value in held.unlisted and lacks not in held.indices:
                return DataError(
                    f"the masks of {self.root} seem to count from {start}: {value} occurs, though "
                    f"it is no class (first_label={first}, so that the classes are stored as "
                    f"{first} to {last}), and {first + lacks} nowhere. Set first_label={start}, "
                    f"or, where {value} is no label, add it to ignore_values"
                )
        return None


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)
