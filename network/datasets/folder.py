"""A folder of one's own images, such as ``images/`` and ``masks/`` with the same file stems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

from network.datasets.bands import band_facts
from network.datasets.catalog import Color, DatasetSpec
from network.datasets.class_table import class_table
from network.datasets.folder_settings import (
    SETTINGS_FILE,
    STATISTICS_SETTINGS,
    index_settings,
    list_of,
    mask_kind,
    read_settings,
    table_of,
    text_of,
)
from network.datasets.labels import Held
from network.datasets.layout import (
    SPLITS,
    DatasetLayout,
    Item,
    Report,
    Sample,
    check_split,
    listed,
    refuse,
)
from network.datasets.pairing import Pairing
from network.datasets.patch_record import Cut, described, read_record, tile_of
from network.datasets.selection import Selection
from network.datasets.tile_items import PATCHES, TILES, cache_of, checked_source, tile_items
from network.errors import ConfigError, DataError
from network.files.notes import say_once


class FolderDataset(DatasetLayout):
    """Images in ``root/images``, masks of the same stem in ``root/masks``, or where patterns say.

    Images may be patches, if ``root/masks`` has the record of the tool that cut them.

    What is not given here is read from ``root/dataset.yaml``, which has the same names.

    Args:
        root: the folder.
        classes: color of each class by its name, in the order of the class indices, as three
            numbers (RGB) or ``#RRGGBB``; the name of a JSON file in the folder that holds them; or
            only the names where masks hold indices.
        ignore_colors: colors in masks that count as no class, also by the names that they have in
            ``classes``, which then are none.
        ignore_values: stored values that count as no class in masks of indices (255, -1, or NaN).
        first_label: stored value of the first class in masks of indices (1 where they count from
            1); the others follow it.
        unscored: names of classes that do not enter the means.
        masks: ``color`` or ``index``; without it, ``index`` where ``labels`` are given.
        val: names held out for validation, patterns of them as ``*_part007``, or text files in the
            folder that list them (see ``Selection``).
        test: those to test on, held out as well; without it, those of ``val``.
        name: of the dataset, for output folders; without it, the folder's name.
        cache: keep decoded images in memory (of every loading process), for small datasets; or
            ``disk`` for copies of which only the window is read; without it, that for ``tiles``.
        labels: name of the class by each stored value in masks of indices, ``ignore`` for values
            that count as no class; instead of ``first_label``. Without ``classes`` they are these.
        train: what to train on, as ``val``; without it, all that is not held out.
        image_files, mask_files: patterns of where images and masks lie (see ``FilePattern``).
        sample_names: what samples are called (see ``Pairing``).
        mean, std: normalisation of the scaled bands; without them ImageNet's for three of 8 bits.
        bands, band_names, display, scale, alpha: what the images hold, as ``Bands`` says; ``scale``
            is one value, that stands for 1, or two.
        source: ``patches`` for images as they lie, or ``tiles`` for large ones, such as
            orthophotos: training draws windows anywhere in them, as many an epoch as there would be
            patches; validation sees those held out in windows of ``patch_size`` that do not
            overlap; tests see them whole.
        patch_size: height and width of such patches.

    Raises:
        ConfigError: settings that contradict each other, or none at all.
    """

    def __init__(
        self,
        root: str | Path,
        classes: Mapping[str, Color | str] | Sequence[str] | str | None = None,
        ignore_colors: Sequence[Color | str] | str | None = None,
        ignore_values: float | Sequence[float] | None = None,
        unscored: Sequence[str] | None = None,
        masks: str | None = None,
        val: str | Sequence[str] | None = None,
        test: str | Sequence[str] | None = None,
        name: str | None = None,
        cache: bool | str | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        first_label: int | None = None,
        labels: Mapping[float, str] | None = None,
        train: str | Sequence[str] | None = None,
        image_files: str | None = None,
        mask_files: str | None = None,
        sample_names: str | None = None,
        bands: Sequence[int] | None = None,
        band_names: Sequence[str] | None = None,
        display: Sequence[int] | None = None,
        scale: float | Sequence[float] | None = None,
        alpha: str | None = None,
        source: str = PATCHES,
        patch_size: int = 1024,
    ) -> None:
        self.root = Path(root)
        self.source = checked_source(source)
        self.patch_size = patch_size
        self.cache = cache_of(source, cache)
        given = {
            "classes": classes,
            "ignore_colors": ignore_colors,
            "ignore_values": ignore_values,
            "first_label": first_label,
            "unscored": unscored,
            "masks": masks,
            "val": val,
            "test": test,
            "train": train,
            "image_files": image_files,
            "mask_files": mask_files,
            "sample_names": sample_names,
            "labels": labels,
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
        self.masks = mask_kind(settings)
        self._pairing = Pairing(
            text_of(settings, "image_files", "images/*"),
            text_of(settings, "mask_files", "masks/*"),
            text_of(settings, "sample_names"),
        )
        self._held = {
            split: Selection(self.root, split, list_of(str, settings, split)) for split in SPLITS
        }
        names, palette, ignored = class_table(
            settings["classes"] if "classes" in settings else table_of(settings).names,
            self.masks,
            self.root,
            list_of(list, settings, "ignore_colors"),
        )
        self._by_table = "labels" in settings
        self._values, self.ignore_values = index_settings(settings, names)
        self.first_label = min(self._values)
        self.spec = DatasetSpec(
            name=name or self.root.resolve().name,
            classes=names,
            palette=palette,
            ignore_colors=ignored,
            unscored=list_of(str, settings, "unscored"),
            **band_facts(settings),
        )
        shared = {c for c in palette if palette.count(c) > 1} | (
            set(palette) & set(self.spec.ignore_colors)
        )
        if self.masks == "color" and shared:
            raise ConfigError(
                f"the color {sorted(shared)[0]} stands for two things in the classes; a class that "
                "is to be ignored stands in ignore_colors by its name"
            )
        strange = set(self.spec.unscored) - set(names)
        if strange:
            raise ConfigError(f"unscored names no class: {', '.join(sorted(strange))}")

    def samples(self, split: str, report: Report = refuse) -> list[Sample]:
        """The samples of a split (see ``DatasetLayout.samples``)."""
        check_split(split)
        pairs = self._pairing.samples(self.root, report)
        names = {key: held.names(pairs, report) for key, held in self._held.items()}
        if not self._held["test"]:
            names["test"] = names["val"]
        if not self._held["train"]:
            names["train"] = {pair.name for pair in pairs} - names["val"] - names["test"]
        self._check_apart(names, report)
        if not self._held["val"] and split != "train" and not (split == "test" and names["test"]):
            raise ConfigError(
                f"{self.root}: no held-out files. Name them by a pattern, for example "
                f"dataset.val='*_val'"
            )
        chosen = [pair for pair in pairs if pair.name in names[split]]
        if not chosen:
            raise DataError(
                f"{self.root}: of {len(pairs)} images none is left for {split!r} with "
                f"{self._said(*SPLITS)}"
            )
        outside = [pair.name for pair in pairs if not any(pair.name in n for n in names.values())]
        if outside:
            say_once(
                self.root,
                "outside",
                f"{len(outside)} of the {len(pairs)} images in {self.root} are in no split by "
                f"{self._said(*SPLITS)}: {listed(outside)}",
            )
        if split != "train":
            self._refuse_overlapping(split, chosen, report)
        return chosen

    def _check_apart(self, names: Mapping[str, set[str]], report: Report) -> None:
        """Refuse images that two of the settings name."""
        for first, second in combinations((split for split in SPLITS if self._held[split]), 2):
            both = sorted(names[first] & names[second])
            if both:
                report(
                    DataError(
                        f"{self.root}: {self._said(first, second, joined=' and ')} both hold "
                        f"{listed(both)}; an image must not be in two splits"
                    )
                )

    def _said(self, *splits: str, joined: str = ", ") -> str:
        given = ((split, self._held[split].entries) for split in splits)
        return joined.join(f"{split}={list(entries)}" for split, entries in given if entries)

    def items(self, split: str, samples: Sequence[Sample]) -> list[Item]:
        """Of tiles: one for every patch that there would be; windows of those held out."""
        if self.source != TILES:
            return super().items(split, samples)
        return tile_items(split, samples, self.patch_size, self.patch_size)

    def class_values(self) -> dict[int, int]:
        """Index of each class by its stored value (see ``DatasetLayout.class_values``)."""
        return self._values

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
        """What names the images of the splits."""
        held = self._held
        tiles = {"source": TILES, "patch_size": self.patch_size} if self.source == TILES else {}
        rule = {"val": held["val"].protocol(), "test": (held["test"] or held["val"]).protocol()}
        return tiles | rule | ({"train": held["train"].protocol()} if held["train"] else {})

    def doubts(self, held: Held) -> DataError | None:
        """Whether the masks evidently count from another value than the first class has."""
        first, last = min(self._values), max(self._values)
        if len(self._values) <= last - first:
            return None
        for value, lacks, shift in ((last + 1, first, 1), (first - 1, last, -1)):
            if value in held.unlisted and self._values[lacks] not in held.indices:
                start = first + shift
                label = "" if self._by_table else f"first_label={first}, so that "
                advice = f"Move labels by {shift}" if self._by_table else f"Set first_label={start}"
                return DataError(
                    f"the masks of {self.root} seem to count from {start}: {value} occurs, though "
                    f"it is no class ({label}the classes are stored as {first} to {last}), and "
                    f"{lacks} nowhere. {advice}, or, where {value} is no label, add it to "
                    "ignore_values"
                )
        return None
