"""The random transform of training samples."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from network.datasets.augmentations import check_able, for_masks
from network.datasets.dataset import Pair
from network.datasets.flips import QuickD4
from network.datasets.light import Light
from network.errors import ConfigError

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
import albumentations as A

Read = Callable[[int], Pair]


class TrainTransform:
    """Window, mosaic, flips and rotations: a crop of ``crop_size`` squared.

    A scale is drawn, a window of crop_size / scale pixels is cut and only then resized. With
    probability ``balance`` a class is drawn first, each that the image has as likely as the others,
    and the window lies around one of its pixels; else anywhere. While one class fills more than
    ``max_class_share`` of its counted pixels the window is drawn again. With probability ``mosaic``
    the crop is put together from windows of four images around a random point. Where an image is
    too small it is mirrored and its mask ignored.

    Args:
        ignore_index: mask value of pixels that do not count.
        crop_size: side of the result in pixels.
        scales: to draw from.
        mosaic: probability.
        max_class_share: above it a window is drawn again.
        redraws: how often at most.
        balance: probability of a window around a drawn class.
        augmentations: albumentations transforms on top of flips and rotations by 90 degrees. They
            keep size and type of the crop; where they fill its mask, it is ignored.
        brightness: every band gets up to this share of ``value_range`` more or less.
        contrast: every band differs from its mean by up to this share more or less.
        value_range: stored values that stand for 0 and 1; from the dataset.

    Raises:
        ConfigError: values out of their range, or augmentations that do otherwise.
    """

    def __init__(
        self,
        ignore_index: int,
        crop_size: int = 512,
        scales: Sequence[float] = (0.75, 1.0, 1.25, 1.5),
        mosaic: float = 0.25,
        max_class_share: float = 0.75,
        redraws: int = 10,
        augmentations: Sequence[A.BasicTransform] = (),
        balance: float = 0.0,
        brightness: float = 0.0,
        contrast: float = 0.0,
        value_range: tuple[float, float] = (0, 255),
    ) -> None:
        if crop_size < 1 or not scales or min(scales) <= 0:
            raise ConfigError(
                f"transform: crop_size={crop_size} must be at least 1, and scales={scales} "
                "must be numbers above 0"
            )
        if not 0 <= balance <= 1:
            raise ConfigError(f"transform.balance={balance}: a probability, from 0 to 1")
        for name, value in (("brightness", brightness), ("contrast", contrast)):
            if not 0 <= value <= 1:
                raise ConfigError(f"transform.{name}={value}: a share, from 0 to 1")
        self.light = Light(brightness, contrast, value_range)
        self.ignore_index = ignore_index
        self.crop_size = crop_size
        self.scales = tuple(scales)
        self.mosaic = mosaic
        self.max_class_share = max_class_share
        self.redraws = redraws
        self.balance = balance
        # Flips and 90-degree rotations together: each of the eight with the same probability.
        self.augment = A.Compose([QuickD4(p=1.0), *for_masks(augmentations, ignore_index)])

    def __call__(self, read: Read, count: int, index: int, seed: int) -> Pair:
        """Draw a crop of sample ``index``; the same seed gives the same crop."""
        rng = np.random.default_rng(seed)
        size = self.crop_size
        if rng.random() < self.mosaic:
            pair = self._mosaic(read, count, index, rng)
        else:
            pair = self._window(read(index), size, size, rng)
        self.augment.set_random_seed(int(rng.integers(2**31)))
        augmented = self.augment(image=pair.image, mask=pair.mask)
        image, mask = augmented["image"], augmented["mask"]
        for name, before, after in (("images", pair.image, image), ("masks", pair.mask, mask)):
            if (before.shape, before.dtype) != (after.shape, after.dtype):
                raise ConfigError(
                    f"transform.augmentations make {name} {after.dtype} {list(after.shape)} of "
                    f"{before.dtype} {list(before.shape)}; leave out what changes size or type "
                    "(images are normalised later, by dataset.mean and dataset.std)"
                )
        return Pair(self.light(image, rng), mask)

    def check(self, image: np.ndarray, value_range: tuple[float, float]) -> None:
        """Refuse augmentations that cannot do the images of a dataset.

        Args:
            image: one of them [H, W, bands].
            value_range: stored values that stand for 0 and 1.

        Raises:
            ConfigError: naming the augmentation.
        """
        if self.light.brightness and tuple(self.light.value_range) != tuple(value_range):
            raise ConfigError(
                f"transform.brightness is of value_range={list(self.light.value_range)}, but the "
                f"dataset's scale is {list(value_range)}; give the transform that value_range"
            )
        _, *augmentations = self.augment.transforms
        check_able(augmentations, image, value_range)

    def _mosaic(self, read: Read, count: int, index: int, rng: np.random.Generator) -> Pair:
        size = self.crop_size
        row, col = (int(v) for v in rng.integers(size // 4, size - size // 4 + 1, size=2))
        quarters = [
            (0, 0, row, col),
            (0, col, row, size),
            (row, 0, size, col),
            (row, col, size, size),
        ]
        chosen = [index, *rng.integers(count, size=3)]
        image, mask = None, np.empty((size, size), np.uint8)
        for (top, left, bottom, right), source in zip(quarters, chosen, strict=True):
            part = self._window(read(int(source)), bottom - top, right - left, rng)
            if image is None:
                image = np.empty((size, size, part.image.shape[2]), part.image.dtype)
            image[top:bottom, left:right] = part.image
            mask[top:bottom, left:right] = part.mask
        return Pair(image, mask)

    def _window(self, pair: Pair, height: int, width: int, rng: np.random.Generator) -> Pair:
        scale = float(rng.choice(self.scales))
        rows, cols = max(1, round(height / scale)), max(1, round(width / scale))
        balanced = self.balance > 0 and rng.random() < self.balance
        places = self._places(pair.mask, rng) if balanced else ()
        for _ in range(1 + self.redraws):
            row, col = None, None
            if len(places):
                row, col = divmod(int(rng.choice(places)), pair.mask.shape[1])
            top = _start(pair.mask.shape[0], rows, row, rng)
            left = _start(pair.mask.shape[1], cols, col, rng)
            cut = np.s_[top : top + rows, left : left + cols]
            if self._class_share(pair.mask[cut]) <= self.max_class_share:
                break
        return self._resized(Pair(pair.image[cut], pair.mask[cut]), scale, height, width)

    def _places(self, mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Flat indices of all pixels of some class that there is; none where nothing is labeled."""
        classes = np.flatnonzero(self._class_pixels(mask))
        return np.flatnonzero(mask == rng.choice(classes)) if len(classes) else classes

    def _class_share(self, mask: np.ndarray) -> float:
        pixels = self._class_pixels(mask)
        return pixels.max() / max(1, pixels.sum())

    def _class_pixels(self, mask: np.ndarray) -> np.ndarray:
        # np.bincount would widen every pixel to 64 bits before it counts.
        return cv2.calcHist([mask], [0], None, [256], [0, 256]).ravel()[: self.ignore_index]

    def _resized(self, pair: Pair, scale: float, height: int, width: int) -> Pair:
        rows = min(height, max(1, round(pair.mask.shape[0] * scale)))
        cols = min(width, max(1, round(pair.mask.shape[1] * scale)))
        if (rows, cols) != pair.mask.shape:
            pair = pair.resized(rows, cols, shrinks=scale < 1)
        image, mask = pair
        below, beside = height - rows, width - cols
        if below or beside:
            image = np.pad(image, ((0, below), (0, beside), (0, 0)), mode="symmetric")
            mask = np.pad(mask, ((0, below), (0, beside)), constant_values=self.ignore_index)
        return Pair(image, mask)


def _start(whole: int, part: int, inside: int | None, rng: np.random.Generator) -> int:
    """Where a part begins along a side: anywhere, or anywhere around a place inside."""
    first, last = 0, max(0, whole - part)
    if inside is not None:
        first, last = min(last, max(first, inside - part + 1)), min(last, inside)
    return rng.integers(first, last + 1)
