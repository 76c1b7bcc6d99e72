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

from network.datasets.disk_cache import DiskCache
from network.datasets.layout import DISK, DatasetLayout, Item, Sample, size_fault
from network.datasets.reading import read_filled, without_data
from network.files.band_images import StoredImage
from network.files.images import image_size
from network.files.modules import Source, make_importable, remembered


class Pair(NamedTuple):
    """Decoded sample: image of any type [H, W, bands], class indices uint8 [H, W]."""

    image: np.ndarray
    mask: np.ndarray

    def resized(self, height: int, width: int, shrinks: bool) -> Pair:
        """Image by area (where it shrinks) or bilinear interpolation, mask by nearest neighbor."""
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return Pair(
            _resized(self.image, (width, height), how),
            cv2.resize(self.mask, (width, height), interpolation=cv2.INTER_NEAREST_EXACT),
        )


def _resized(image: np.ndarray, size: tuple[int, int], how: int) -> np.ndarray:
    """OpenCV's resize, which takes at most four bands, for any number."""
    parts = [
        cv2.resize(image[..., first : first + 4], size, interpolation=how)
        for first in range(0, image.shape[2], 4)
    ]
    return parts[0] if image.shape[2] in (2, 3, 4) else np.dstack(parts)


Transform = Callable[[Callable[[int], Pair], int, int, int], Pair]
"""(read, number of samples, index, seed) -> pair; ``read`` fetches any sample (for mosaics)."""


class SegmentationDataset(Dataset):
    """Samples of one split.

    Items are dicts: ``image`` [bands, H, W] in the type of the file, ``mask`` and ``eroded`` (where
    the sample has them) uint8 [H, W], ``name``; without a transform also ``valid`` bool [H, W], if
    the image does not hold data everywhere. Where it does not, masks are ignored, and the image has
    the mean of each band. What an item looks like depends on its key alone: an index, or a pair
    (index, seed) for a random transform, so it is the same for any number of workers.

    Args:
        layout: of the files.
        split: one of ``SPLITS``.
        transform: of a training; without it, samples are as they lie on disk.
        training: items are those that a training takes of the split (``DatasetLayout.items``), and
            with ``cache="disk"`` prepared copies are read and those that are missing made; without
            it, where there is a transform. Else items are the samples, of the files themselves.

    Raises:
        DataError: a file that cannot be read, a mask of another size than its image, or more
            than 1% of a mask's pixels in values that the dataset does not list.
        OutputError: copies that cannot be written.
    """

    def __init__(
        self,
        layout: DatasetLayout,
        split: str,
        transform: Transform | None = None,
        training: bool | None = None,
    ) -> None:
        self.layout = layout
        self.samples = layout.samples(split)
        self.transform = transform
        training = transform is not None if training is None else training
        self.items = layout.items(split, self.samples) if training else None
        self._disk: DiskCache | None = None
        if layout.cache == DISK and training:
            self._disk = DiskCache(layout)
            self._disk.prepare(self.samples)
        self._cached: dict[tuple[Path, ...], tuple[StoredImage, list[np.ndarray]]] = {}

    def __reduce__(self) -> tuple:
        """Sources of config files come first in a pickle: layout and transform may be of them."""
        return _restored, (remembered(), type(self)), vars(self)

    def __len__(self) -> int:
        return len(self.samples if self.items is None else self.items)

    def item(self, index: int) -> Item:
        """Which sample, or which window of it, an index stands for."""
        return Item(index, self.samples[index].name) if self.items is None else self.items[index]

    @property
    def sizes(self) -> set[tuple[int, int]]:
        """Heights and widths of the items without a transform, by the headers of their files.

        Raises:
            DataError: not a readable image.
        """
        items = [self.item(index) for index in range(len(self))]
        windows = {(item.window.size,) * 2 for item in items if item.window}
        whole = {item.sample for item in items if not item.window}
        return windows | {image_size(self.samples[position].image) for position in whole}

    def __getitem__(self, key: int | tuple[int, int]) -> dict[str, Tensor | str]:
        index, seed = key if isinstance(key, tuple) else (key, 0)
        item = self.item(index)
        sample = self.samples[item.sample]
        if self.transform is None:
            (image, valid), masks = self._read(sample, *sample.masks.values())
            if item.window is not None:
                ignored = self.layout.spec.ignore_index
                image = item.window.cut(image, mode="symmetric")
                valid = None if valid is None else item.window.cut(valid)
                masks = [item.window.cut(mask, constant_values=ignored) for mask in masks]
        else:
            image, *masks = self.transform(self.read, len(self), index, seed)
            valid = None
        arrays = dict(zip(sample.masks, masks, strict=True))
        arrays |= {} if valid is None else {"valid": valid}
        return {
            "image": torch.from_numpy(_owned(image)).permute(2, 0, 1),
            "name": item.name,
        } | {kind: torch.from_numpy(_owned(array)) for kind, array in arrays.items()}

    def read(self, index: int) -> Pair:
        """The sample of an item and its mask, whole, as they lie on disk."""
        sample = self.samples[self.item(index).sample]
        (image, _), (mask,) = self._read(sample, sample.mask)
        return Pair(image, mask)

    def _read(self, sample: Sample, *paths: Path) -> tuple[StoredImage, list[np.ndarray]]:
        key = (sample.image, *paths)
        if key in self._cached:
            return self._cached[key]
        if self._disk is not None:
            masks = [self._disk.mask(sample.image, path) for path in paths]
            return self._disk.image(sample.image), masks
        image = read_filled(sample.image, self.layout.spec)
        masks = []
        for path in paths:
            mask = self.layout.read_mask(path)
            if image.values.shape[:2] != mask.shape:
                raise size_fault(sample.image, path, image.values.shape[:2], mask.shape)
            masks.append(without_data(self.layout, mask, image.valid, sample.image, path))
        if self.layout.cache and self.layout.cache != DISK:
            for array in (*image, *masks):
                if array is not None:  # or whoever writes into it changes later samples
                    array.flags.writeable = False
            self._cached[key] = image, masks
        return image, masks


def _restored(sources: dict[str, Source], kind: type[SegmentationDataset]) -> SegmentationDataset:
    make_importable(sources)
    return kind.__new__(kind)


def _owned(array: np.ndarray) -> np.ndarray:
    """Contiguous and writable, as torch wants it."""
    return np.require(array, requirements=["C", "W"])
