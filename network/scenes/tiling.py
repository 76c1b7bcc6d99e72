"""Windows that cover a scene, and bands of their rows that several processes share."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

from network.errors import ConfigError
from network.models.geometry import STRIDE

DEFAULT_WINDOW, DEFAULT_OVERLAP = 1024, 0.25


class Tiling(NamedTuple):
    """Windows that cover a scene of height x width pixels: every top with every left.

    All have ``rows`` x ``cols`` pixels; the last ones may reach over the lower and the right edge
    by less than the stride.
    """

    height: int
    width: int
    rows: int
    cols: int
    tops: list[int]
    lefts: list[int]

    @property
    def count(self) -> int:
        """Number of windows."""
        return len(self.tops) * len(self.lefts)

    def finished(self, row: int) -> slice:
        """Rows of pixels that no later row of windows reaches, and no earlier one finished."""
        return slice(self.tops[row], [*self.tops[1:], self.height][row])

    def spans(self) -> list[tuple[int, int]]:
        """From the left of each window to that of the next one."""
        return list(zip(self.lefts, [*self.lefts[1:], self.width], strict=True))


class Band(NamedTuple):
    """Some of the rows of windows of a scene: those of one process.

    Attributes:
        tiling: of the whole scene.
        first, last: rows of windows, the last one left out.
    """

    tiling: Tiling
    first: int
    last: int

    @property
    def count(self) -> int:
        """Number of windows."""
        return (self.last - self.first) * len(self.tiling.lefts)

    @property
    def above(self) -> slice:
        """Rows of pixels that the band above reaches too; empty in the first one."""
        return self._shared(self.first)

    @property
    def below(self) -> slice:
        """Rows of pixels that the band below reaches too; empty in the last one."""
        return self._shared(self.last)

    def _shared(self, row: int) -> slice:
        tops, height = self.tiling.tops, self.tiling.height
        if not 0 < row < len(tops):
            edge = min(row, 1) * height
            return slice(edge, edge)
        return slice(tops[row], min(height, tops[row - 1] + self.tiling.rows))


def whole(tiling: Tiling) -> Band:
    """All rows of windows."""
    return Band(tiling, 0, len(tiling.tops))


def bands(tiling: Tiling, count: int) -> list[Band]:
    """All rows of windows in at most ``count`` bands, as even as may be.

    What a band shares with the one above lies above what it shares with the one below; where it
    would not, there are fewer.
    """
    rows = len(tiling.tops)
    for number in range(min(count, rows), 1, -1):
        cuts = [round(rows * part / number) for part in range(number + 1)]
        found = [Band(tiling, *ends) for ends in itertools.pairwise(cuts)]
        if all(band.above.stop <= band.below.start for band in found):
            return found
    return [whole(tiling)]


def check_windows(
    window: int, overlap: float, stride: int = STRIDE, setting: str = "--window "
) -> None:
    """Refuse windows that cover no scene.

    Args:
        window, overlap, stride: as of ``tile``.
        setting: by which the user says the window, for messages.

    Raises:
        ConfigError: a window below the stride, or an overlap that is not from 0 to 0.9.
    """
    if window < stride:
        raise ConfigError(f"{setting}{window}: at least {stride} pixels, the network's stride")
    if not 0 <= overlap <= 0.9:
        raise ConfigError(f"--overlap {overlap:g}: from 0 to 0.9 of a window")


def tile(
    height: int,
    width: int,
    window: int,
    overlap: float,
    stride: int = STRIDE,
) -> Tiling:
    """Cover a scene with windows of at most ``window`` squared that overlap by at least a share.

    From one to the next it is at least ``stride``, so the share is less in windows of few of them.

    Args:
        height, width: of the scene in pixels.
        window: side in pixels.
        overlap: share of it.
        stride: windows start at its multiples (see ``network.models.geometry.stride_of``).

    Raises:
        ConfigError: as ``check_windows``.
    """
    check_windows(window, overlap, stride)
    rows, cols = min(window, height), min(window, width)
    tops, lefts = _starts(height, rows, overlap, stride), _starts(width, cols, overlap, stride)
    return Tiling(height, width, rows, cols, tops, lefts)


def positions(band: Band) -> Iterator[tuple[int, int]]:
    """Row and column of every window of a band, row by row."""
    for row in range(band.first, band.last):
        for col in range(len(band.tiling.lefts)):
            yield row, col


def _starts(length: int, size: int, overlap: float, stride: int) -> list[int]:
    most = max(stride, math.floor(size * (1 - overlap)) // stride * stride)
    last = math.ceil((length - size) / stride)
    steps = math.ceil(last * stride / most)
    return [round(step * last / steps) * stride for step in range(steps + 1)] if steps else [0]
