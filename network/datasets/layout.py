"""What a dataset has to say: its samples, splits, and how its masks are stored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from network.datasets.catalog import DatasetSpec
from network.datasets.labels import (
    Held,
    decode_colored,
    decode_indices,
    encode_values,
    ignore_unknown,
)
from network.errors import ConfigError, DataError

SPLITS = ("train", "val", "test")


class Sample(NamedTuple):
    """One image and its masks; names are unique within a split and become file names.

    ``mask`` is None where there is no label or only an eroded one; ``eroded`` is the mask in which
    pixels near a border between classes are ignored (ISPRS).
    """

    name: str
    image: Path
    mask: Path | None
    eroded: Path | None = None

    @property
    def masks(self) -> dict[str, Path]:
        """The masks that there are, by their field: ``mask`` and ``eroded``."""
        masks = {"mask": self.mask, "eroded": self.eroded}
        return {kind: path for kind, path in masks.items() if path is not None}

    @property
    def files(self) -> list[Path]:
        """The image and its masks."""
        return [self.image, *self.masks.values()]


Report = Callable[[DataError], None]
"""Takes a fault; raises it, or keeps it and lets the work go on."""


def refuse(fault: DataError) -> None:
    """Raise it: the ``Report`` of work that cannot go on."""
    raise fault


class DatasetLayout(ABC):
    """Where the files of a dataset lie and how its masks are stored.

    Nothing is scanned before ``samples`` is called.

    Attributes:
        spec: classes, colors, scored classes.
        masks: ``color`` (RGB palette) or ``index`` (class indices, single channel).
        first_label: stored value of the first class in masks of indices; the others follow it.
        ignore_values: stored values that count as no class in masks of indices.
        cache: keep decoded samples in memory (of every loading process).
    """

    spec: DatasetSpec
    masks: str = "index"
    first_label: int = 0
    ignore_values: tuple[float, ...] = ()
    cache: bool = False

    @abstractmethod
    def samples(self, split: str, report: Report = refuse) -> list[Sample]:
        """The samples of ``train``, ``val`` or ``test``, sorted by name.

        Args:
            split: one of ``SPLITS``.
            report: takes what is wrong with names and splits; without it, the first such fault
                is raised.

        Raises:
            MissingDataError: a folder that is not there.
            DataError: images without a mask, masks without an image, an image in two splits.
        """

    def tile(self, sample: Sample) -> str:
        """The tile that a sample was cut from, or its own name."""
        return sample.name

    def missing(self, split: str, samples: Sequence[Sample]) -> list[str]:
        """What the official split has and these samples lack: tiles, or names of images."""
        return []

    def patches(self, split: str) -> list[dict[str, Any]]:
        """How the samples of a split were cut from tiles, where that is known: size, stride, scale.

        Plain values; several where tiles were cut differently, none for whole images.
        """
        return []

    def counts_once(self, split: str, samples: Sequence[Sample]) -> bool:
        """Whether every pixel of the raw dataset is known to be in one of these samples alone."""
        return True

    def raw(self) -> DatasetLayout | None:
        """The publisher's files that this dataset was prepared from, where they are there."""
        return None

    def scenes(self) -> list[Sample]:
        """Whole test tiles to score beside their patches, read by ``raw()``; none without patches.

        Raises:
            DataError: tiles that do not hold together.
        """
        return []

    def protocol(self) -> dict[str, Any]:
        """How the splits are chosen, as plain values; stored with checkpoints and results."""
        return {}

    def doubts(self, held: Held) -> DataError | None:
        """What is wrong with masks together, though each of them can be read.

        Args:
            held: what occurs in all of them.
        """
        return None

    def statistics_file(self) -> Path | None:
        """The file of settings that scale, mean and std of the images go into; None for none."""
        return None

    def read_mask(self, path: Path) -> np.ndarray:
        """Read a mask as class indices, ignored and unknown values as ``spec.ignore_index``.

        Returns:
            uint8 [H, W].

        Raises:
            DataError: unreadable, or more than 1% of the pixels in values that are not listed.
        """
        mask, raw = self.decode_mask(path)
        ignore_unknown(path, mask, raw, self.spec.ignore_index)
        return mask

    def decode_mask(self, path: Path) -> tuple[np.ndarray, np.ndarray]:
        """Read a mask as class indices, and as it is stored.

        Returns:
            uint8 [H, W] with ``UNKNOWN`` where a value is not listed; RGB [H, W, 3] or values
            [H, W].

        Raises:
            DataError: unreadable, or it declares a class to be no data.
        """
        if self.is_colored(path):
            return decode_colored(path, self.spec)
        return decode_indices(path, self.spec, self.encode_indices)

    def is_colored(self, path: Path) -> bool:
        """Whether a mask holds colors rather than indices."""
        return self.masks == "color"

    def encode_indices(self, raw: np.ndarray) -> np.ndarray:
        """Stored values [H, W] as class indices uint8 [H, W], ``UNKNOWN`` where not listed."""
        return encode_values(raw, self.spec, self.first_label, self.ignore_values)


def pair_files(
    images: Sequence[Path],
    masks: Sequence[Path],
    image_suffix: str = "",
    mask_suffix: str = "",
    report: Report = refuse,
) -> list[Sample]:
    """Match images and masks by the stem of their names, without the suffixes given.

    Raises:
        DataError: an image without a mask, or a mask without an image (names listed), unless
            ``report`` takes it.
    """
    image_of = {path.stem.removesuffix(image_suffix): path for path in images}
    mask_of = {path.stem.removesuffix(mask_suffix): path for path in masks}
    for paths, by_stem in ((images, image_of), (masks, mask_of)):
        if len(by_stem) < len(paths):
            kept = set(by_stem.values())
            twice = sorted({path.stem for path in paths if path not in kept})
            report(DataError(f"several files of one name in {paths[0].parent}: {listed(twice)}"))
    lonely = [
        f"{len(names)} {kind} in {paths[0].parent} without {other} of the same name in "
        f"{others[0].parent}: {listed(sorted(names))}"
        for kind, paths, other, others, names in (
            ("images", images, "a mask", masks, image_of.keys() - mask_of.keys()),
            ("masks", masks, "an image", images, mask_of.keys() - image_of.keys()),
        )
        if names
    ]
    if lonely:
        report(DataError("; ".join(lonely) + ". Add what is missing or take these files out"))
    stems = sorted(image_of.keys() & mask_of.keys())
    return [Sample(stem, image_of[stem], mask_of[stem]) for stem in stems]


def check_split(split: str) -> None:
    """Refuse an unknown split.

    Raises:
        ConfigError: not one of ``SPLITS``.
    """
    if split not in SPLITS:
        raise ConfigError(f"no split {split!r}; there are {', '.join(SPLITS)}")


def listed(names: Sequence[str], most: int = 10) -> str:
    """Names for a message: the first ones, and how many more."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(str(name) for name in names[:most]) + more


def size_fault(
    image: Path, mask: Path, image_size: Sequence[int], mask_size: Sequence[int]
) -> DataError:
    """The fault of a mask whose size is not its image's; sizes are (height, width)."""
    return DataError(
        f"{image} is {image_size[1]}x{image_size[0]} pixels, but its mask {mask} is "
        f"{mask_size[1]}x{mask_size[0]}; they must be the same size"
    )
