"""Augmentations of albumentations, made safe for masks of class indices."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import cv2

from network.errors import ConfigError

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


def _all(transforms: Sequence[Any]) -> Iterator[Any]:
    for transform in transforms:
        yield transform
        yield from _all(getattr(transform, "transforms", ()))
