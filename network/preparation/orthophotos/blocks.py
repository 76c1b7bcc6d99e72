"""Choosing the cells of images that are held out, so that classes are shared out evenly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_MOST_STEPS = 32
"""Steps along a side at which a block may begin and end; larger grids are taken in coarser ones."""

_EDGE = 1e-6
"""What a side of a cell between held out and training costs, to choose among equals."""


class Block(NamedTuple):
    """A rectangle of cells: rows and columns from the first up to, not including, the last."""

    top: int
    bottom: int
    left: int
    right: int


def hold_out(counts: Sequence[np.ndarray], share: float) -> list[Block | None]:
    """A block of each image, in which every class has about the same share of its pixels.

    Of an image with a single cell that is labeled, all or nothing is held out: such images are
    taken together, and a run of them in the given order is held out as a block of cells would be.

    Args:
        counts: of each image, pixels of the classes in its cells: int64 [rows, cols, classes].
        share: of the pixels of a class.

    Returns:
        the block of each image, None where nothing is held out.
    """
    blocks: list[Block | None] = [None] * len(counts)
    single = []
    for number, cells in enumerate(counts):
        labeled = int((cells.sum(axis=2) > 0).sum())
        if labeled > 1:
            blocks[number] = best_block(cells, share)
        elif labeled:
            single.append(number)
    if len(single) > 1:
        row = np.stack([counts[number].sum(axis=(0, 1)) for number in single])[None]
        run = best_block(row, share)
        for number in single[run.left : run.right]:
            blocks[number] = Block(0, counts[number].shape[0], 0, counts[number].shape[1])
    return blocks


def best_block(cells: np.ndarray, share: float) -> Block:
    """The rectangle whose share of every class is nearest to ``share``, on average over classes.

    The share of all labeled pixels counts as one class more. Something labeled is in it, and
    something is left.

    Args:
        cells: pixels int64 [rows, cols, classes], more than one cell of which is labeled.
        share: wanted.
    """
    rows, cols = (_steps(side) for side in cells.shape[:2])
    total = cells.sum(axis=(0, 1))
    present = total > 0
    kept = np.concatenate([cells[..., present], cells.sum(axis=2, keepdims=True)], axis=2)
    whole = kept.sum(axis=(0, 1))
    below = np.zeros((cells.shape[0] + 1, cells.shape[1] + 1, kept.shape[2]), np.int64)
    below[1:, 1:] = kept.cumsum(axis=0).cumsum(axis=1)
    first, last = np.triu_indices(len(cols), 1)
    left, right = cols[first], cols[last]
    best, found = np.inf, Block(0, 0, 0, 0)
    for upper, top in enumerate(rows):
        for bottom in rows[upper + 1 :]:
            band = below[bottom] - below[top]
            inside = band[right] - band[left]
            cost = np.abs(inside / whole - share).mean(axis=1)
            inner = (int(top > 0) + int(bottom < rows[-1])) * (right - left)
            inner = inner + ((left > 0) * 1 + (right < cols[-1])) * (bottom - top)
            cost = cost + _EDGE * inner
            cost[(inside[:, -1] == 0) | (inside[:, -1] == whole[-1])] = np.inf
            least = int(cost.argmin())
            if cost[least] < best:
                best = cost[least]
                found = Block(int(top), int(bottom), int(left[least]), int(right[least]))
    return found


def _steps(side: int) -> np.ndarray:
    """Where blocks may begin and end along a side of cells, the end included."""
    every = -(-side // _MOST_STEPS)
    return np.append(np.arange(0, side, every), side)
