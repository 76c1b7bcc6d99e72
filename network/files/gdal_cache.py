"""How much GDAL keeps of the blocks that it decoded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import rasterio

_LEAST, _MOST = 64 << 20, 512 << 20
_BLOCKS = 1.25
"""Blocks reach over the rows of windows."""


@contextmanager
def gdal_cache(row: int = 0) -> Iterator[None]:
    """GDAL within a bounded memory; by default it takes a twentieth of the machine's.

    Args:
        row: bytes of what lies side by side and is to be decoded once, such as the rows of an
            image that a row of windows takes.
    """
    size = int(min(max(_LEAST, _BLOCKS * row), _MOST))
    with rasterio.Env(GDAL_CACHEMAX=size):  # bytes, where GDAL's own setting is in MB
        yield
