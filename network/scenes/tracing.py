"""Rings along the sides of pixels, traced from the corners where they turn.

At a vertex of the map meet four pixels, here quadrants: 0 upper left, 1 lower left, 2 upper right,
3 lower right. Of a corner its quadrant has both sides; the area lies within it where the corner is
convex, and around it where it is concave. So where an area touches itself across a vertex, its
corners there are two concave ones, each of a ring of its own: no ring passes a vertex twice.

A corner is a number that sorts row by row, and at one vertex the sides to the left before those to
the right: ``vertex << 3 | quadrant << 1 | concave``, vertices counted row by row.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from network.scenes.areas import least_of_groups


class Traced(NamedTuple):
    """Rings one after the other, those of an area together, its outer one first.

    Attributes:
        vertices: column and row, int32 [n, 2]; the last one of a ring is the first again.
        ends: of each ring, its end in ``vertices``, int64 [rings].
        counts: rings of each area, int64 [areas].
    """

    vertices: np.ndarray
    ends: np.ndarray
    counts: np.ndarray


def corners(numbers: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
    """All corners at the vertices within a part of a map, in their order.

    Args:
        numbers: int32 [h + 1, W + 2], of the area of each pixel; all columns of the map with one of
            -1 on either side, and a row of what lies above. Those of an area hang together by sides
            of pixels.
        top: row of the map of its vertices' first row.

    Returns:
        area int32 and corner int64 of each, ascending by corner; of -1 too.
    """
    width = numbers.shape[1] - 1
    beside = numbers[:, 1:] != numbers[:, :-1]
    below = numbers[1:] != numbers[:-1]
    turns = (beside[1:] | beside[:-1]) & (below[:, 1:] | below[:, :-1])
    vertices = np.flatnonzero(turns)
    upper_left = vertices + vertices // width
    steps = 0, width + 1, 1, width + 2
    quadrants = np.stack([numbers.take(upper_left + step) for step in steps], axis=1)
    over, across, opposite = (quadrants[:, np.arange(4) ^ bits] for bits in (1, 2, 3))
    differs = over != quadrants
    convex = differs & (across != quadrants) & (opposite != quadrants)
    concave = differs & (over == across)
    at = np.flatnonzero(np.stack([convex, concave], axis=2))
    areas = np.where(at & 1, over.take(at >> 1), quadrants.take(at >> 1))
    return areas, (vertices[at >> 3] + top * width) << 3 | at & 7


def traced(found: np.ndarray, counts: np.ndarray, width: int) -> Traced:
    """The rings of areas.

    Args:
        found: all corners of the first area, of the second and so on, int64 [n], ascending in each.
        counts: corners of each area, int64 [areas].
        width: vertices in a row of the map; areas * width * 2n has to be less than 2**63.
    """
    area = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    starts, followers = _sides(found, area, width)
    heads, lengths, path = _cycles(followers)
    passed = np.stack([starts[path], starts[path] ^ 1], axis=1).ravel()
    closed = np.insert(passed, 2 * np.cumsum(lengths), starts[heads])
    vertices = np.empty((len(closed), 2), np.int32)
    np.divmod(found[closed] >> 3, width, out=(vertices[:, 1], vertices[:, 0]), casting="same_kind")
    return Traced(
        vertices,
        np.cumsum(2 * lengths + 1),
        np.bincount(area[2 * heads], minlength=len(counts)),
    )


def _sides(found: np.ndarray, area: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each horizontal side, in order, the corner that it starts at and the side that follows.

    Two corners after each other in a row of an area are a horizontal side, two in a column a
    vertical one. With the area below it a side leads to the left: outer rings turn
    counterclockwise where rows go down.
    """
    left = found[::2]
    starts = np.arange(0, len(found), 2, dtype=np.int32) + ((left >> 1 ^ left) & 1).astype(np.int32)
    bits = len(found).bit_length()
    by_column = found >> 3  # what follows is done in place, for the largest area takes most memory
    by_column %= width
    by_column += area * np.int64(width)
    by_column <<= bits
    by_column |= np.arange(len(found))
    by_column.sort()
    by_column &= (1 << bits) - 1
    inner = by_column[1:-1].reshape(-1, 2)
    swapped = np.flatnonzero(found[inner[:, 0]] & 2)  # of two at a vertex the lower one is second
    inner[swapped] = inner[swapped, ::-1]
    pairs = by_column.reshape(-1, 2)
    across = np.empty(len(found), np.int32)
    across[pairs] = pairs[:, ::-1]
    return starts, across[starts ^ 1] >> 1


def _cycles(followers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cycles of a permutation: the least number of each, ascending; lengths; all as they follow."""
    numbers = np.arange(len(followers), dtype=np.int32)
    cycle = connected_components(_graph(followers), directed=False)[1]
    heads = np.sort(least_of_groups(cycle, numbers))
    before = np.empty_like(followers)
    before[followers] = numbers
    one = followers.copy()  # cycle, through all of them
    one[before[heads]] = np.roll(heads, -1)
    path = breadth_first_order(_graph(one), heads[0], return_predecessors=False)
    return heads, np.bincount(cycle)[cycle[heads]], path


def _graph(followers: np.ndarray) -> csr_array:
    count = len(followers)
    ends = np.arange(count + 1, dtype=np.int32)
    return csr_array((np.ones(count, bool), followers, ends), shape=(count, count))
