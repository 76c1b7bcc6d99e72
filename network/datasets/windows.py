"""Square windows that cover a tile, for cutting it into patches.

Whole scenes are predicted in the windows of ``network.scenes.blending``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from network.errors import ConfigError


class Window(NamedTuple):
    """A square of ``size`` pixels at (top, left), in grid position (row, col).

    It may reach over the right and bottom edge of the image.
    """

    row: int
    col: int
    top: int
    left: int
    size: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the part that lies in the image."""
        return slice(self.top, self.top + self.size), slice(self.left, self.left + self.size)

    def cut(self, array: np.ndarray, **padding: Any) -> np.ndarray:
        """The window of an array [H, W, ...]; what reaches over its edge is padded.

        Args:
            array: of the image.
            **padding: as ``np.pad`` takes it.
        """
        part = array[self.slices]
        below, beside = self.size - part.shape[0], self.size - part.shape[1]
        if not (below or beside):
            return part
        return np.pad(part, ((0, below), (0, beside)) + ((0, 0),) * (part.ndim - 2), **padding)


def windows(height: int, width: int, size: int, stride: int) -> Iterator[Window]:
    """Cover height x width pixels from the top left, row by row, every ``stride`` pixels.

    Raises:
        ConfigError: a stride that would leave gaps, or a size below 1.
    """
    if not 1 <= stride <= size:
        raise ConfigError(f"windows of {size} pixels need a stride from 1 to {size}, got {stride}")
    for row, top in enumerate(_starts(height, size, stride)):
        for col, left in enumerate(_starts(width, size, stride)):
            yield Window(row, col, top, left, size)


def _starts(length: int, size: int, stride: int) -> range:
    steps = max(0, -(-(length - size) // stride))
    return range(0, steps * stride + 1, stride)
