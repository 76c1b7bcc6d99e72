"""Augmentations of albumentations, made safe for masks of class indices."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np

from network.errors import ConfigError, first_line

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
import albumentations as A

_TRIED = 64
"""Side of the image on which transforms are tried."""
_KEEPS_LABELS = (None, cv2.INTER_NEAREST, cv2.INTER_NEAREST_EXACT)


def for_masks(augmentations: Sequence[Any], ignore_index: int) -> list[Any]:
    """Copies whose masks are ignored where they fill them, instead of being class 0.

    Args:
        augmentations: transforms of albumentations, also inside ``OneOf`` and the like.
        ignore_index: mask value of pixels that do not count.

    Raises:
        ConfigError: one that interpolates between the indices of classes.
    """
    copies = copy.deepcopy(list(augmentations))
    for transform in _all(copies):
        if getattr(transform, "mask_interpolation", None) not in _KEEPS_LABELS:
            raise ConfigError(
                f"transform.augmentations: {type(transform).__name__} interpolates masks, and the "
                "mean of two classes is another one; leave its mask_interpolation out"
            )
        if getattr(transform, "fill_mask", None) is not None:
            transform.fill_mask = ignore_index
    return copies


def check_able(
    augmentations: Sequence[Any], image: np.ndarray, value_range: tuple[float, float]
) -> None:
    """Refuse transforms that cannot do images of a type and number of bands.

    Each is tried with certainty, inside ``OneOf`` and the like too. Those that change values take
    the range of the type for granted (floats from 0 to 1), so that the dataset must have it.

    Args:
        augmentations: transforms of albumentations.
        image: an example [H, W, bands].
        value_range: stored values that stand for 0 and 1.

    Raises:
        ConfigError: naming the transform.
    """
    bands = image.shape[2]
    what = f"{bands} bands of {image.dtype}"
    taken = (0, np.iinfo(image.dtype).max) if image.dtype.kind in "iu" else (0, 1)
    flat = np.full((_TRIED, _TRIED, bands), (value_range[0] + value_range[1]) / 2, image.dtype)
    mask = np.zeros((_TRIED, _TRIED), np.uint8)
    for transform in _all(augmentations):
        name = type(transform).__name__
        if isinstance(transform, A.ImageOnlyTransform) and tuple(value_range) != taken:
            raise ConfigError(
                f"transform.augmentations: {name} takes values of {image.dtype} from {taken[0]} to "
                f"{taken[1]}, and the dataset's scale is {list(value_range)}; leave it out, and "
                "use transform.brightness and transform.contrast, which know the scale"
            )
        if isinstance(transform, A.BaseCompose):
            continue
        certain = copy.deepcopy(transform)
        certain.p = 1.0
        try:
            found = A.Compose([certain])(image=flat, mask=mask)["image"]
        except Exception as error:  # of albumentations and OpenCV, of all kinds
            raise ConfigError(
                f"transform.augmentations: {name} cannot do {what} ({first_line(error)}); leave "
                "it out (transform.brightness and transform.contrast take any)"
            ) from error
        geometric = isinstance(transform, A.DualTransform) and found.shape == flat.shape
        if geometric and not np.isclose(found.astype(float), flat[0, 0, 0], rtol=0.01).any():
            raise ConfigError(
                f"transform.augmentations: {name} cuts off the values of {what}; leave it out"
            )


def _all(transforms: Sequence[Any]) -> Iterator[Any]:
    for transform in transforms:
        yield transform
        yield from _all(getattr(transform, "transforms", ()))
