"""Reduced copies of a map of classes, for programs that show it from afar."""

from __future__ import annotations

from contextlib import ExitStack

from network.scenes.raw_map import RawMap

_LEAST = 512
"""The last copy is no larger: one block of a GeoTIFF."""

_ROWS = 1024
"""That are read at a time; even."""


def write_overviews(raw: RawMap) -> list[RawMap]:
    """Every second row and column of a map, of these every second one, and so on.

    All values are some of the map's own, as indices of classes must be. GDAL would find the same
    ones, but compresses what it reduces once more on the way.

    Args:
        raw: the map; the copies are made in its folder.

    Returns:
        the copies, from the largest, closed; none of a small map.

    Raises:
        OutputError: they cannot be written.
    """
    found: list[RawMap] = []
    with ExitStack() as opened:
        while max(raw.shape[1:]) > _LEAST:
            bands, height, width = raw.shape
            shape = bands, -(-height // 2), -(-width // 2)
            path = raw.path.with_name(f"{raw.path.stem}_half{raw.path.suffix}")
            half = opened.enter_context(RawMap(path, shape, raw.dtype, raw.shown))
            _reduce(raw, half)
            found.append(half)
            raw = half
    return found


def _reduce(raw: RawMap, half: RawMap) -> None:
    _, height, width = raw.shape
    for top in range(0, height, _ROWS):
        part = raw.read(slice(top, min(top + _ROWS, height)), slice(0, width))[:, ::2, ::2]
        half.write(part, slice(top // 2, top // 2 + part.shape[1]), slice(0, part.shape[2]))
