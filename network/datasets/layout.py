"""What a dataset has to say: its samples, splits, and how its masks are stored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
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
from network.datasets.matching import Labeled, Report, matched, refuse
from network.datasets.matching import listed as listed
from network.datasets.windows import Window
from network.errors import ConfigError, DataError

SPLITS = ("train", "val", "test")
DISK = "disk"
"""Value of ``cache``."""


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


class Item(NamedTuple):
    """What a training takes as one image: a sample, or a window of it.

    Attributes:
        sample: position among the samples of its split.
        name: of the item.
        window: of a sample in validation; None for the whole.
    """

    sample: int
    name: str
    window: Window | None = None


class DatasetLayout(ABC):
    """Where the files of a dataset lie and how its masks are stored.

    Nothing is scanned before ``samples`` is called.

    Attributes:
        spec: classes, colors, scored classes.
        masks: ``color`` (RGB palette) or ``index`` (class indices, single channel).
        first_label: stored value of the first class in masks of indices; the others follow it.
        ignore_values: stored values that count as no class in masks of indices.
        root: the folder of the dataset; None where it has none.
        cache: keep decoded samples in memory (of every loading process), or with ``disk`` copies of
            which only the window is read (see ``network.datasets.disk_cache``).
    """

    spec: DatasetSpec
    masks: str = "index"
    first_label: int = 0
    ignore_values: tuple[float, ...] = ()
    root: Path | None = None
    cache: bool | str = False

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

    def items(self, split: str, samples: Sequence[Sample]) -> list[Item]:
        """What a training takes from the samples of ``train`` or ``val`` in an epoch, in order.

        Args:
            split: of the samples.
            samples: of the split.
        """
        return [Item(position, sample.name) for position, sample in enumerate(samples)]

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
        return encode_values(raw, self.class_values(), self.ignore_values, self.spec.ignore_index)

    def class_values(self) -> dict[int, int]:
        """Index of each class by its stored value, in masks of indices."""
        return {self.first_label + index: index for index in range(self.spec.num_classes)}


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
    labeled = (
        [Labeled(path.stem.removesuffix(suffix), path.stem, path) for path in paths]
        for paths, suffix in ((images, image_suffix), (masks, mask_suffix))
    )
    places = (str(paths[0].parent) if paths else "no folder" for paths in (images, masks))
    return [Sample(*pair) for pair in sorted(matched(*labeled, *places, report))]


def check_split(split: str) -> None:
    """Refuse an unknown split.

    Raises:
        ConfigError: not one of ``SPLITS``.
    """
    if split not in SPLITS:
        raise ConfigError(f"no split {split!r}; there are {', '.join(SPLITS)}")


def checked_cache(cache: bool | str) -> bool | str:
    """The setting ``cache``.

    Raises:
        ConfigError: none of its values.
    """
    if cache not in (False, True, DISK):
        raise ConfigError(f"dataset.cache={cache!r}: False, True (in memory) or {DISK!r}")
    return cache


def size_fault(
    image: Path, mask: Path, image_size: Sequence[int], mask_size: Sequence[int]
) -> DataError:
    """The fault of a mask whose size is not its image's; sizes are (height, width)."""
    return DataError(
        f"{image} is {image_size[1]}x{image_size[0]} pixels, but its mask {mask} is "
        f"{mask_size[1]}x{mask_size[0]}; they must be the same size"
    )
