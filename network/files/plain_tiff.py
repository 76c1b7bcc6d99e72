"""Uncompressed TIFF files whose pixels can be mapped into memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

_PLAIN_TYPES = {(8, 1): "uint8", (16, 1): "uint16", (16, 2): "int16", (32, 3): "float32"}
"""By bits and sample format."""


class Plain(NamedTuple):
    """Where the pixels of an uncompressed TIFF lie, all in one piece, each with its bands together.

    Attributes:
        height, width, bands: of the image.
        dtype: NumPy's name of the type.
        position: of the first byte.
        colored: whether they are red, green and blue first of all.
    """

    height: int
    width: int
    bands: int
    dtype: str
    position: int
    colored: bool

    @property
    def rgb(self) -> bool:
        """Whether they are red, green and blue of 8 bits."""
        return self.colored and self.bands == 3 and self.dtype == "uint8"

    def map(self, path: Path) -> np.ndarray | None:
        """The values [H, W, bands], read where they are looked at; None if they are not all there.

        Args:
            path: of the file.
        """
        try:
            shape = self.height, self.width, self.bands
            return np.memmap(path, self.dtype, "r", self.position, shape)
        except (OSError, ValueError):  # truncated
            return None


def plain_pixels(tags: Mapping[int, Any], native: bool) -> Plain | None:
    """Where the pixels lie, by the tags of a TIFF; None where they are not in one piece.

    Args:
        tags: of the first directory.
        native: whether its bytes are in this machine's order.
    """
    wanted = {259: (1, 1), 274: (1, 1), 284: (1, 1), 266: (1, 1)}
    if any(first_of(tags, tag, missing) != value for tag, (missing, value) in wanted.items()):
        return None
    bits, forms = {*values_of(tags, 258, 1)}, {*values_of(tags, 339, 1)}
    dtype = _PLAIN_TYPES.get((*bits, *forms)) if len(bits) == len(forms) == 1 else None
    colors, bands = first_of(tags, 262, 0), first_of(tags, 277, 1)
    if dtype is None or colors not in (1, 2) or 322 in tags or not (native or bits == {8}):
        return None
    height, width = first_of(tags, 257, 0), first_of(tags, 256, 0)
    offsets, sizes = values_of(tags, 273, 0), values_of(tags, 279, 0)
    position = offsets[0]
    for offset, size in zip(offsets, sizes, strict=False):
        if offset != position:
            return None
        position += size
    length = bands * height * width * np.dtype(dtype).itemsize
    whole = position - offsets[0] == length > 0 and len(offsets) == len(sizes)
    return Plain(height, width, bands, dtype, offsets[0], colors == 2) if whole else None


def values_of(tags: Mapping[int, Any], tag: int, missing: Any) -> tuple:
    """All values of a tag."""
    value = tags.get(tag, missing)
    return value if isinstance(value, tuple) else (value,)


def first_of(tags: Mapping[int, Any], tag: int, missing: Any) -> Any:
    """The first value of a tag."""
    return values_of(tags, tag, missing)[0]
