"""Images with their masks as a torch Dataset."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from network.datasets.layout import DatasetLayout, Sample, size_fault
from network.files.images import read_rgb
from network.files.modules import Source, make_importable, remembered


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

    Items are dicts: ``image`` uint8 [3, H, W], ``mask`` and ``eroded`` (where the sample has them)
    uint8 [H, W], ``name``. What an item looks like depends on its key alone: an index, or a pair
    (index, seed) for a random transform, so it is the same for any number of workers.

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
        self._cached: dict[tuple[Path, ...], list[np.ndarray]] = {}

    def __reduce__(self) -> tuple:
        """Sources of config files come first in a pickle: layout and transform may be of them."""
        return _restored, (remembered(), type(self)), vars(self)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, key: int | tuple[int, int]) -> dict[str, Tensor | str]:
        index, seed = key if isinstance(key, tuple) else (key, 0)
        sample = self.samples[index]
        if self.transform is None:
            image, *masks = self._read(sample, *sample.masks.values())
        else:
            image, *masks = self.transform(self.read, len(self), index, seed)
        return {
            "image": torch.from_numpy(_owned(image)).permute(2, 0, 1),
            "name": sample.name,
        } | {
            kind: torch.from_numpy(_owned(mask))
            for kind, mask in zip(sample.masks, masks, strict=True)
        }

    def read(self, index: int) -> Pair:
        """Decode a sample and its mask as they lie on disk."""
        return Pair(*self._read(self.samples[index], self.samples[index].mask))

    def _read(self, sample: Sample, *masks: Path) -> list[np.ndarray]:
        key = (sample.image, *masks)
        if key in self._cached:
            return self._cached[key]
        arrays = [read_rgb(sample.image), *(self.layout.read_mask(mask) for mask in masks)]
        for path, mask in zip(masks, arrays[1:], strict=True):
            if arrays[0].shape[:2] != mask.shape:
                raise size_fault(sample.image, path, arrays[0].shape[:2], mask.shape)
        if self.layout.cache:
            for array in arrays:
                array.flags.writeable = False  # or whoever writes into it changes later samples
            self._cached[key] = arrays
        return arrays


def _restored(sources: dict[str, Source], kind: type[SegmentationDataset]) -> SegmentationDataset:
    make_importable(sources)
    return kind.__new__(kind)


def _owned(array: np.ndarray) -> np.ndarray:
    """Contiguous and writable, as torch wants it."""
    return np.require(array, requirements=["C", "W"])
