"""Averaging the probabilities of windows that overlap, without seams and in bounded memory."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from network.scenes.arrays import Array, Arrays, Device, arrays_on, as_numpy
from network.scenes.tiling import Band, Tiling, positions, tile, whole

__all__ = ["Blender", "Region", "blend", "in_batches", "tile"]


class Region(NamedTuple):
    """A part of a scene that is finished.

    Attributes:
        rows, cols: where it lies.
        probabilities: float32 [N, h, w]; None where they are not kept.
        classes: the likeliest ones, uint8 [h, w]; None where they are not asked for.
        extra: what ``read`` gave beside the image of the window that ended the region; both have
            the same upper left corner.
    """

    rows: slice
    cols: slice
    probabilities: Array | None
    classes: np.ndarray | None
    extra: Any


def blend(
    read: Callable[[int, int], tuple[Array | None, Any]],
    predict: Callable[[Array], Array],
    tiling: Tiling,
    num_classes: int,
    device: Device = "cpu",
    batch: int = 1,
) -> Iterator[Region]:
    """Predict a scene; where windows overlap their probabilities are averaged with a Hann weight.

    Args:
        read: upper left corner of a window -> its image [1, bands, rows, cols] for ``predict``, or
            None where there is nothing to predict; and anything that is to come with the region.
        predict: images [B, bands, rows, cols] -> probabilities float [B, N, h, w] on the device.
        tiling: windows of the scene.
        num_classes: N.
        device: where the probabilities are, and stay; None for arrays of NumPy.
        batch: windows at a time.

    Yields:
        regions from the upper left, row by row, that cover the scene once.
    """
    arrays = arrays_on(device)
    band = whole(tiling)
    blender = Blender(band, num_classes, arrays)
    windows = (read(tiling.tops[row], tiling.lefts[col]) for row, col in positions(band))
    for probabilities, extra in in_batches(windows, predict, arrays, lambda: batch):
        yield blender.add(probabilities, extra)


def in_batches(
    windows: Iterable[tuple[Array | None, Any]],
    predict: Callable[[Array], Array],
    arrays: Arrays,
    batch: Callable[[], int],
) -> Iterator[tuple[Array | None, Any]]:
    """Predict windows several at a time, those without an image not at all.

    Args:
        windows: image [1, bands, rows, cols] or None, and anything.
        predict: as of ``blend``.
        arrays: of the images.
        batch: how many at a time, asked before each batch.

    Yields:
        probabilities [N, rows, cols] or None, and the same thing, in order.
    """
    windows = iter(windows)
    while held := list(itertools.islice(windows, batch())):
        images = [image for image, _ in held if image is not None]
        found = iter(predict(arrays.joined(images)) if images else ())
        for image, extra in held:
            yield (None if image is None else next(found)), extra


class Blender:
    """Weighs windows with Hann weights that add up to 1 in every pixel, and adds them up.

    Of finished windows only the overlap with the row below and with the next window is kept: memory
    does not grow with the height of the scene, and by little with its width.

    Args:
        band: rows of windows, added from the upper left, row by row.
        num_classes: N.
        arrays: of what is added, and of the sums.
        classify: give classes with every region.
        keep: give probabilities with every region; without it, only with those that the band above
            reaches too, whose classes are not those of their own sums.

    Attributes:
        carried: after the last row, sums float32 [N, h, W] of what the band below reaches too.
    """

    def __init__(
        self,
        band: Band,
        num_classes: int,
        arrays: Arrays,
        classify: bool = False,
        keep: bool = True,
    ) -> None:
        tiling = band.tiling
        self.tiling = tiling
        self.arrays = arrays
        self.num_classes = num_classes
        self.classify = classify
        self.kept = tiling.height if keep else band.above.stop
        self.positions = positions(band)
        self.down = arrays.constant(_weights(tiling.tops, tiling.rows, tiling.height))
        self.across = arrays.constant(_weights(tiling.lefts, tiling.cols, tiling.width))
        self.spans = tiling.spans()
        self.first = band.first
        rows = [tiling.finished(row) for row in range(band.first, band.last)]
        highest = max(tiling.rows - (each.stop - each.start) for each in rows)
        self.carried = arrays.zeros(num_classes, highest, tiling.width)
        self.beside = arrays.zeros(num_classes, tiling.rows, 0)

    def add(self, probabilities: Array | None, extra: Any = None) -> Region:
        """Add the next window.

        Args:
            probabilities: [N, rows, cols]; None for zeros.
            extra: to come with the region.

        Returns:
            the region that it ends; in rows that the band above reaches too, the sum without that.
        """
        row, col = next(self.positions)
        with self.arrays.computing():
            return self._added(row, col, self.arrays.understood(probabilities), extra)

    def _added(self, row: int, col: int, probabilities: Array | None, extra: Any) -> Region:
        tiling, arrays = self.tiling, self.arrays
        rows, (left, right) = tiling.finished(row), self.spans[col]
        weight = self.down[row][:, None] * self.across[col]
        height, width = rows.stop - rows.start, right - left
        overlap = 0
        if row > self.first:
            above = tiling.finished(row - 1)
            overlap = tiling.rows - (above.stop - above.start)
        strips = list(_strips(tiling.rows, height, overlap, arrays.strip))
        keep = rows.start < self.kept
        done = arrays.empty(self.num_classes, height, width) if keep else None
        classes = arrays.class_map(height, tiling.cols) if self.classify else None
        after = arrays.empty(self.num_classes, tiling.rows, tiling.cols - width)
        highest = max(stop - start for start, stop in strips)
        sums = arrays.empty(self.num_classes, highest, tiling.cols)
        for start, stop in strips:
            if start >= height and rows.stop == tiling.height:
                break  # over the lower edge
            here = np.s_[:, start:stop]
            strip = sums[:, : stop - start]
            if probabilities is None:
                strip[...] = 0
            else:
                arrays.multiply(probabilities[here], weight[start:stop], strip)
            strip[..., : self.beside.shape[2]] += self.beside[here]
            ended = strip[..., :width]
            if stop <= overlap:
                ended += self.carried[:, start:stop, left:right]
            if start >= height:
                self.carried[:, start - height : stop - height, left:right] = ended
            else:
                if self.classify:
                    arrays.classify(strip, classes[start:stop])  # whole rows: quicker, if more
                if keep:
                    done[here] = ended
            after[here] = strip[..., width:]
        self.beside = after if right < tiling.width else after[..., :0]
        return Region(
            rows,
            slice(left, right),
            arrays.given(done) if keep else None,
            None if classes is None else as_numpy(classes[:, :width]),
            extra,
        )


def _strips(rows: int, height: int, overlap: int, most: int | None) -> Iterator[tuple[int, int]]:
    """Rows at a time, so that they stay in a processor's cache, none across an edge."""
    step = min(most or rows, height)  # sums move up by the height: none is overwritten unread
    return itertools.pairwise(sorted({*range(0, rows, step), height, overlap, rows}))


def _weights(starts: list[int], size: int, length: int) -> np.ndarray:
    """Of each window along one axis, float32 [windows, size]; those of a pixel add up to 1."""
    hann = np.sin(math.pi * (np.arange(size) + 0.5) / size) ** 2
    total = np.zeros(max(length, starts[-1] + size))
    for start in starts:
        total[start : start + size] += hann
    return np.stack([hann / total[start : start + size] for start in starts]).astype(np.float32)
