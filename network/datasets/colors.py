"""Colors to class indices and back, by exact table look-up."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from network.datasets.catalog import DatasetSpec

UNKNOWN = 255
"""Value of a pixel whose color is in no table; class indices and ignore stay below it."""

_ROWS = 64
"""Rows at a time, so that what is worked with stays small and near."""


def encode_colors(rgb: np.ndarray, spec: DatasetSpec) -> np.ndarray:
    """Turn an RGB mask into class indices.

    Shapes: rgb uint8 [H, W, 3] -> uint8 [H, W]: 0..N-1 for the classes, ``spec.ignore_index`` for
    ignore colors, ``UNKNOWN`` for a color that the dataset does not list (never a class).
    """
    table = _color_table(spec.palette, spec.ignore_colors, spec.ignore_index)
    mask = np.empty(rgb.shape[:2], np.uint8)
    for top in range(0, len(rgb), _ROWS):
        rows = rgb[top : top + _ROWS]
        code = rows[..., 0].astype(np.uint32) << 16
        code |= rows[..., 1].astype(np.uint32) << 8
        code |= rows[..., 2]
        mask[top : top + _ROWS] = table[code]
    return mask


def decode_colors(index_mask: np.ndarray, spec: DatasetSpec) -> np.ndarray:
    """Paint class indices in the colors of the dataset, ignored pixels in its ``ignore_color``.

    So are those that hold no data, which maps of classes have as ``UNKNOWN``.

    Shapes: index_mask integer [H, W] -> RGB uint8 [H, W, 3].
    """
    colors = np.zeros((256, 3), np.uint8)
    colors[: spec.num_classes] = spec.palette
    colors[[spec.ignore_index, UNKNOWN]] = spec.ignore_color
    return colors[index_mask]


@lru_cache(maxsize=4)
def _color_table(palette: tuple, ignore_colors: tuple, ignore_index: int) -> np.ndarray:
    table = np.full(1 << 24, UNKNOWN, np.uint8)
    for red, green, blue in ignore_colors:
        table[red << 16 | green << 8 | blue] = ignore_index
    for index, (red, green, blue) in enumerate(palette):
        table[red << 16 | green << 8 | blue] = index
    return table
