"""Connected areas of a map, and joining the small ones with their neighbors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from network.scenes.ground import Ground
from network.scenes.rasters import NODATA

_BLOCK = 1 << 22
"""Pixels at a time."""


@dataclass
class Areas:
    """The areas of one class that hang together by sides of pixels.

    Rows of the map are kept as runs of pixels of one class.

    Attributes:
        shape: of the map.
        starts: first pixel of each run, counted row by row, int64 [runs].
        members: area of each run, int32 [runs].
        classes: of each area, uint8 [areas]; ``NODATA`` is one too.
        sizes: of each area as ``Ground`` measures it, float64 [areas].
        neighbors: areas with a common border, none of them ``NODATA``, int32 [pairs, 2].
    """

    shape: tuple[int, int]
    starts: np.ndarray
    members: np.ndarray
    classes: np.ndarray
    sizes: np.ndarray
    neighbors: np.ndarray

    @property
    def map(self) -> np.ndarray:
        """Classes uint8 [H, W]."""
        lengths = np.diff(self.starts, append=self.shape[0] * self.shape[1])
        return np.repeat(self.classes[self.members], lengths).reshape(self.shape)

    def size_at(self, row: int, col: int) -> float:
        """Size of the area at a pixel."""
        run = np.searchsorted(self.starts, row * self.shape[1] + col, side="right") - 1
        return float(self.sizes[self.members[run]])


def find_areas(classes: np.ndarray, ground: Ground) -> Areas:
    """The areas of a map of classes uint8 [H, W]."""
    height, width = classes.shape
    rows = max(1, _BLOCK // width)
    starts, values, sizes, inside, borders = [], [], [], [], []
    count, before = 0, None
    for top in range(0, height, rows):
        part = classes[top : top + rows]
        begins = np.ones(part.shape, bool)
        begins[:, 1:] = part[:, 1:] != part[:, :-1]
        first = np.flatnonzero(begins)
        runs = np.cumsum(begins.ravel(), dtype=np.int32).reshape(part.shape) + np.int32(count - 1)
        starts.append(first + top * width)
        values.append(part.ravel()[first])
        areas = ground.pixel_areas(top, top + len(part))
        sizes.append(np.add.reduceat(areas.ravel(), first))
        same_row = first[1:][first[1:] % width != 0]
        borders.append(np.stack([runs.ravel()[same_row - 1], runs.ravel()[same_row]], axis=1))
        if before is not None:
            part, begins, runs = (
                np.concatenate([last, here])
                for last, here in zip(before, (part, begins, runs), strict=True)
            )
        upper, lower = np.s_[:-1], np.s_[1:]
        change = begins[upper] | begins[lower]
        pairs = np.stack([runs[upper][change], runs[lower][change]], axis=1)
        same = part[upper][change] == part[lower][change]
        inside.append(pairs[same])
        borders.append(pairs[~same])
        before = part[-1:], begins[-1:], runs[-1:]
        count += len(first)
    values = np.concatenate(values)
    members = _connected(np.concatenate(inside), count)
    of_areas = np.zeros(members.max() + 1, np.uint8)
    of_areas[members] = values
    neighbors = members[np.concatenate(borders)]
    neighbors = neighbors[(of_areas[neighbors] != NODATA).all(axis=1)]
    return Areas(
        classes.shape,
        np.concatenate(starts),
        members,
        of_areas,
        np.bincount(members, np.concatenate(sizes)),
        _distinct(neighbors),
    )


def join_small(areas: Areas, least: float) -> Areas:
    """Join every area smaller than ``least`` with its largest neighbor, until none is left.

    The smallest come first, by powers of two. Of a chain of small areas, each the largest neighbor
    of the one before, every other one is joined; then their sizes are compared anew. What is small
    and has no neighbor becomes ``NODATA``.
    """
    found = areas
    members = np.arange(len(areas.sizes), dtype=np.int32)  # area of each that was there
    for limit in _limits(areas, least):
        while (target := _targets(found, limit)) is not None:
            found, group = _joined(found, target)
            members = group[members]
    classes = np.where(found.sizes < least, np.uint8(NODATA), found.classes)
    return replace(found, members=members[areas.members], classes=classes)


def _limits(areas: Areas, least: float) -> list[float]:
    sizes = areas.sizes[(areas.classes != NODATA) & (areas.sizes > 0)]
    if not sizes.size or sizes.min() >= least:
        return []
    steps = int(np.log2(least / sizes.min()))
    return [least / 2**step for step in range(steps, -1, -1)]


def _targets(areas: Areas, limit: float) -> np.ndarray | None:
    """The area that each one becomes a part of, or itself; None if all stay as they are."""
    count = len(areas.sizes)
    order = np.argsort(areas.sizes, kind="stable").astype(np.int32)
    rank = np.empty_like(order)
    rank[order] = np.arange(count, dtype=np.int32)
    largest = np.full(count, -1, np.int32)
    for one, other in (areas.neighbors.T, areas.neighbors.T[::-1]):
        small = areas.sizes[one] < limit
        np.maximum.at(largest, one[small], rank[other[small]])
    itself = np.arange(count, dtype=np.int32)
    target = np.where(largest < 0, itself, order[largest])
    mutual = (target[target] == itself) & (rank > rank[target])
    target[mutual] = itself[mutual]
    depth, jump = (target != itself).astype(np.int32), target
    while (jump[jump] != jump).any():
        depth, jump = depth + depth[jump], jump[jump]
    joins = depth % 2 == 1
    return np.where(joins, target, itself) if joins.any() else None


def _joined(areas: Areas, target: np.ndarray) -> tuple[Areas, np.ndarray]:
    """Areas after joining, and which of them each one before is in."""
    classes = areas.classes[target]
    same = classes[areas.neighbors[:, 0]] == classes[areas.neighbors[:, 1]]
    moves = np.stack([np.arange(len(target), dtype=np.int32), target], axis=1)
    group = _connected(np.concatenate([moves, areas.neighbors[same]]), len(target))
    sizes = np.bincount(group, areas.sizes)
    of_groups = np.empty(len(sizes), np.uint8)
    of_groups[group] = classes
    neighbors = _distinct(group[areas.neighbors[~same]])
    return replace(areas, classes=of_groups, sizes=sizes, neighbors=neighbors), group


def _connected(pairs: np.ndarray, count: int) -> np.ndarray:
    """Number of the component of each of ``count`` nodes, int32."""
    ones = np.ones(len(pairs), bool)
    graph = csr_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return connected_components(graph, directed=False)[1]


def _distinct(pairs: np.ndarray) -> np.ndarray:
    low, high = pairs.min(axis=1, initial=np.iinfo(np.int32).max), pairs.max(axis=1, initial=0)
    keys = np.unique((low.astype(np.int64) << 32) | high)
    return np.stack([keys >> 32, keys & 0xFFFFFFFF], axis=1).astype(np.int32)
