"""Predicting images of any size window by window, without seams and in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from network.errors import ConfigError
from network.models.geometry import STRIDE
from network.scenes.arrays import Array, Arrays, Device, arrays_on

DEFAULT_WINDOW, DEFAULT_OVERLAP = 1024, 0.25


class Region(NamedTuple):
    """A part of a scene that is finished.

    Attributes:
        rows, cols: where it lies.
        probabilities: float32 [N, h, w].
        extra: what ``read`` gave beside the image of the window that ended the region; both have
            the same upper left corner.
    """

    rows: slice
    cols: slice
    probabilities: Array
    extra: Any


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


def blend(
    read: Callable[[int, int], tuple[Array | None, Any]],
    predict: Callable[[Array], Array],
    tiling: Tiling,
    num_classes: int,
    device: Device = "cpu",
) -> Iterator[Region]:
    """Predict a scene; where windows overlap their probabilities are averaged with a Hann weight.

    Of finished windows only the overlap with the row below and with the next window is kept: memory
    does not grow with the height of the scene, and by little with its width.

    Args:
        read: upper left corner of a window -> its image [1, bands, rows, cols] for ``predict``, or
            None where there is nothing to predict; and anything that is to come with the region.
        predict: image -> probabilities float [1, N, h, w] on the device.
        tiling: windows of the scene.
        num_classes: N.
        device: where the probabilities are, and stay; None for arrays of NumPy.

    Yields:
        regions from the upper left, row by row, that cover the scene once.
    """
    arrays = arrays_on(device)
    down, across = _hann(tiling.rows, arrays), _hann(tiling.cols, arrays)
    weight = arrays.placed(arrays.float32(down[:, None] * across))
    share_down = arrays.placed(1 / _totals(tiling.height, tiling.tops, down, arrays))
    share_across = arrays.placed(1 / _totals(tiling.width, tiling.lefts, across, arrays))
    rows = list(_spans(tiling.tops, tiling.height))
    highest = max(tiling.rows - (below - top) for top, below in rows)
    carried = arrays.zeros(num_classes, highest, tiling.width)  # of the row above
    overlap = 0
    for top, below in rows:
        beside = arrays.zeros(num_classes, tiling.rows, 0)
        for left, right in _spans(tiling.lefts, tiling.width):
            image, extra = read(top, left)
            if image is None:
                total = arrays.zeros(num_classes, tiling.rows, tiling.cols)
            else:
                total = predict(image)[0] * weight
            total[:, :, : beside.shape[2]] += beside
            beside = arrays.copy(total[:, :, right - left :])
            total = total[:, :, : right - left]
            here = carried[:, :, left:right]
            total[:, :overlap] += here[:, :overlap]
            here[:, : tiling.rows - (below - top)] = total[:, below - top :]
            done = total[:, : below - top]
            share = share_down[top:below, None] * share_across[left:right]
            yield Region(slice(top, below), slice(left, right), done * arrays.float32(share), extra)
        overlap = tiling.rows - (below - top)


def _starts(length: int, size: int, overlap: float, stride: int) -> list[int]:
    most = max(stride, math.floor(size * (1 - overlap)) // stride * stride)
    last = math.ceil((length - size) / stride)
    steps = math.ceil(last * stride / most)
    return [round(step * last / steps) * stride for step in range(steps + 1)] if steps else [0]


def _spans(starts: list[int], length: int) -> Iterator[tuple[int, int]]:
    """From the start of each window to that of the next: what is finished after it."""
    return zip(starts, [*starts[1:], length], strict=True)


def _hann(size: int, arrays: Arrays) -> Array:
    of = arrays.module
    return of.sin(math.pi * (of.arange(size, dtype=of.float64) + 0.5) / size) ** 2


def _totals(length: int, starts: list[int], weights: Array, arrays: Arrays) -> Array:
    total = arrays.module.zeros(length, dtype=arrays.module.float64)
    for start in starts:
        total[start : start + len(weights)] += weights[: length - start]
    return total
