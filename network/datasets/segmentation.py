"""Images with their masks: the one Dataset class, and what a dataset's layout has to say."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from network.datasets.catalog import DatasetSpec
from network.datasets.colors import UNKNOWN, encode_colors
from network.datasets.files import read_indices, read_rgb
from network.errors import ConfigError, DataError

MAX_UNKNOWN_SHARE = 0.01
SPLITS = ("train", "val", "test")


class Sample(NamedTuple):
    """One image and its mask; names are unique within a split and become file names."""

    name: str
    image: Path
    mask: Path


class Pair(NamedTuple):
    """Decoded sample: RGB uint8 [H, W, 3], class indices uint8 [H, W]."""

    image: np.ndarray
    mask: np.ndarray

    def resized(self, height: int, width: int, shrinks: bool) -> Pair:
        """Image by area (where it shrinks) or bilinear interpolation, mask by nearest neighbor."""
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return Pair(
            cv2.resize(self.image, (width, height), interpolation=how),
            cv2.resize(self.mask, (width, height), interpolation=cv2.INTER_NEAREST_EXACT),
        )


Transform = Callable[[Callable[[int], Pair], int, int, int], Pair]
"""(read, number of samples, index, seed) -> pair; ``read`` fetches any sample (for mosaics)."""


class SegmentationDataset(Dataset):
    """Samples of one split.

    Items are dicts: ``image`` uint8 [3, H, W], ``mask`` uint8 [H, W], ``name``. What an item looks
    like depends on its key alone: an index, or a pair (index, seed) for a random transform, so it
    is the same for any number of workers.

    Raises:
        DataError: a file that cannot be read, a mask of another size than its image, or more
            than 1% of a mask's pixels in values that the dataset does not list.
    """

    def __init__(
        self, layout: DatasetLayout, split: str, transform: Transform | None = None
    ) -> None:
        self.layout = layout
        self.samples = layout.samples(split)
        self.transform = transform
        self._cached: dict[int, Pair] = {}

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, key: int | tuple[int, int]) -> dict[str, Tensor | str]:
        index, seed = key if isinstance(key, tuple) else (key, 0)
        if self.transform is None:
            pair = self.read(index)
        else:
            pair = self.transform(self.read, len(self), index, seed)
        return {
            "image": torch.from_numpy(np.ascontiguousarray(pair.image)).permute(2, 0, 1),
            "mask": torch.from_numpy(np.ascontiguousarray(pair.mask)),
            "name": self.samples[index].name,
        }

    def read(self, index: int) -> Pair:
        """Decode a sample as it lies on disk."""
        if index in self._cached:
            return self._cached[index]
        sample = self.samples[index]
        pair = Pair(read_rgb(sample.image), self.layout.read_mask(sample.mask))
        if pair.image.shape[:2] != pair.mask.shape:
            raise size_fault(sample, pair.image.shape[:2], pair.mask.shape)
        if self.layout.cache:
            self._cached[index] = pair
        return pair


class DatasetLayout(ABC):
    """Where the files of a dataset lie and how its masks are stored.

    Nothing is scanned before ``samples`` is called.

    Attributes:
        spec: classes, colors, scored classes.
        masks: ``color`` (RGB palette) or ``index`` (class indices, single channel).
        ignore_values: values that count as no class in masks of indices.
        cache: keep decoded samples in memory (of every loading process).
    """

    spec: DatasetSpec
    masks: str = "index"
    ignore_values: tuple[int, ...] = ()
    cache: bool = False

    @abstractmethod
    def samples(self, split: str) -> list[Sample]:
        """The samples of ``train``, ``val`` or ``test``, sorted by name.

        Raises:
            MissingDataError: a folder that is not there.
            DataError: images without a mask or masks without an image.
        """

    def read_mask(self, path: Path) -> np.ndarray:
        """Read a mask as class indices, ignored and unknown values as ``spec.ignore_index``.

        Returns:
            uint8 [H, W].

        Raises:
            DataError: unreadable, or more than 1% of the pixels in values that are not listed.
        """
        if self.masks == "color":
            raw = read_rgb(path)
            mask = encode_colors(raw, self.spec)
        else:
            raw = read_indices(path)
            mask = self._encode_indices(raw)
        ignore_unknown(path, mask, raw, self.spec.ignore_index)
        return mask

    def _encode_indices(self, raw: np.ndarray) -> np.ndarray:
        known = raw < self.spec.num_classes
        mask = np.where(known, raw, UNKNOWN).astype(np.uint8)
        mask[np.isin(raw, self.ignore_values)] = self.spec.ignore_index
        return mask


def pair_files(
    images: Sequence[Path], masks: Sequence[Path], image_suffix: str = "", mask_suffix: str = ""
) -> list[Sample]:
    """Match images and masks by the stem of their names, without the suffixes given.

    Raises:
        DataError: an image without a mask, or a mask without an image (names listed).
    """
    image_of = {path.stem.removesuffix(image_suffix): path for path in images}
    mask_of = {path.stem.removesuffix(mask_suffix): path for path in masks}
    for paths, by_stem in ((images, image_of), (masks, mask_of)):
        if len(by_stem) < len(paths):
            kept = set(by_stem.values())
            twice = sorted({path.stem for path in paths if path not in kept})
            raise DataError(f"several files of one name in {paths[0].parent}: {listed(twice)}")
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
        raise DataError("; ".join(lonely) + ". Add what is missing or take these files out")
    return [Sample(stem, image_of[stem], mask_of[stem]) for stem in sorted(image_of)]


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


def size_fault(sample: Sample, image: Sequence[int], mask: Sequence[int]) -> DataError:
    """The fault of a mask whose size is not its image's; sizes are (height, width)."""
    return DataError(
        f"{sample.image} is {image[1]}x{image[0]} pixels, but its mask {sample.mask} is "
        f"{mask[1]}x{mask[0]}; they must be the same size"
    )


def ignore_unknown(path: Path, mask: np.ndarray, raw: np.ndarray, ignore_index: int) -> float:
    """Set the pixels of a mask that are ``UNKNOWN`` to ignore, in place.

    Args:
        path: of the mask.
        mask: class indices uint8 [H, W].
        raw: what was read: RGB [H, W, 3], or indices [H, W].
        ignore_index: value of ignored pixels.

    Returns:
        share of the pixels that were unknown.

    Raises:
        DataError: more than 1% were; their commonest values are named.
    """
    unknown = mask == UNKNOWN
    share = float(unknown.mean())
    if share > MAX_UNKNOWN_SHARE:
        raise _unknown_fault(path, raw[unknown], share)
    mask[unknown] = ignore_index
    return share


def _unknown_fault(path: Path, values: np.ndarray, share: float) -> DataError:
    found, counts = np.unique(values, axis=0, return_counts=True)
    commonest = ", ".join(
        f"{found[i].tolist()} ({counts[i] / len(values) * share:.1%})"
        for i in np.argsort(-counts)[:5]
    )
    what, advice = "values", "or mend the mask"
    if found.ndim == 2:
        what, advice = "colors", "or use a lossless mask"
        if (found == found[:, :1]).all():
            advice = "or set masks='index' if the masks hold class indices"
    return DataError(
        f"{path}: {share:.1%} of its pixels have {what} that the dataset does not list "
        f"(at most {MAX_UNKNOWN_SHARE:.0%} is tolerated), the commonest {commonest}. List them as "
        f"a class or as ignored, {advice}"
    )
