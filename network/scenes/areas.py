"""Connected areas of a map of classes, found in blocks of its rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from network.scenes.ground import Ground
from network.scenes.rasters import NODATA

_BLOCK = 1 << 20
"""Pixels at a time."""

_NO_PAIRS = np.zeros((0, 2), np.int32)


class Rows(Protocol):
    """Rows of a map of classes uint8 [H, W], such as an array."""

    shape: tuple[int, int]

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Some of them."""


@dataclass
class Areas:
    """The areas of one class that hang together by sides of pixels.

    Of the map nothing is kept: its pieces are found again, block by block.

    Attributes:
        source: the map.
        rows: of its blocks.
        members: area of each piece, which is what hangs together of an area within one block of
            rows, int32 [pieces].
        firsts: of each area its first pixel, counted row by row, int64 [areas], ascending.
        classes: of each area, uint8 [areas]; ``NODATA`` is one too.
        sizes: of each area as ``Ground`` measures it, float64 [areas].
        neighbors: areas with a common border, none of them ``NODATA``, int32 [pairs, 2]; none where
            they were not asked for.
    """

    source: Rows
    rows: list[slice]
    members: np.ndarray
    firsts: np.ndarray
    classes: np.ndarray
    sizes: np.ndarray
    neighbors: np.ndarray

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Rows, and the area of each of their pixels: int32 [h, W]."""
        count = 0
        for rows in self.rows:
            pieces = _Pieces(self.source[rows])
            yield rows, self.members[count + pieces.members][pieces.runs]
            count += pieces.count

    @property
    def map(self) -> np.ndarray:
        """Classes uint8 [H, W]."""
        return np.concatenate([self.classes[areas] for _, areas in self.blocks()])


def find_areas(classes: Rows, ground: Ground, with_neighbors: bool = True) -> Areas:
    """The areas of a map of classes."""
    width = classes.shape[1]
    values, sizes, firsts = [], [], []
    inside, borders = [_NO_PAIRS], [_NO_PAIRS]
    count, above = 0, None
    blocks = list(_blocks(classes.shape))
    for rows in blocks:
        part = classes[rows]
        pieces = _Pieces(part)
        firsts.append(pieces.firsts + rows.start * width)
        values.append(part.ravel()[pieces.firsts])
        sizes.append(pieces.sizes(ground.pixel_areas(rows.start, rows.stop)))
        if with_neighbors:
            borders.append(pieces.neighbors + np.int32(count))
        upper, lower = (pieces.members[pieces.runs[row]] + np.int32(count) for row in (0, -1))
        if above is not None:
            same = above[0] == part[0]
            inside.append(distinct(np.stack([above[1][same], upper[same]], axis=1)))
            if with_neighbors:
                borders.append(distinct(np.stack([above[1][~same], upper[~same]], axis=1)))
        above = part[-1], lower
        count += pieces.count
    found = connected(np.concatenate(inside), count)
    starts = np.concatenate(firsts)
    first = least_of_groups(found, starts)
    rank = np.argsort(np.argsort(first)).astype(np.int32)
    members = rank[found]
    of_areas = np.zeros(len(first), np.uint8)
    of_areas[members] = np.concatenate(values)
    neighbors = members[np.concatenate(borders)]
    neighbors = neighbors[(of_areas[neighbors] != NODATA).all(axis=1)]
    return Areas(
        classes,
        blocks,
        members,
        np.sort(first),
        of_areas,
        np.bincount(members, np.concatenate(sizes)),
        distinct(neighbors),
    )


class _Pieces:
    """What hangs together within a block of rows uint8 [h, W].

    Attributes:
        runs: of each pixel the run of one class along its row that it is in, int32 [h, W].
        members: piece of each run.
        count: of the pieces.
    """

    def __init__(self, part: np.ndarray) -> None:
        self.part = part
        begins = np.ones(part.shape, bool)
        begins[:, 1:] = part[:, 1:] != part[:, :-1]
        self._starts = np.flatnonzero(begins)
        self.runs = np.cumsum(begins.ravel(), dtype=np.int32).reshape(part.shape) - np.int32(1)
        change = begins[:-1] | begins[1:]
        pairs = np.stack([self.runs[:-1][change], self.runs[1:][change]], axis=1)
        same = part[:-1][change] == part[1:][change]
        self._borders = pairs[~same]
        self.members = connected(pairs[same], len(self._starts))
        self.count = int(self.members.max()) + 1

    @cached_property
    def firsts(self) -> np.ndarray:
        """First pixel of each piece, counted row by row."""
        return self._starts[np.unique(self.members, return_index=True)[1]]

    def sizes(self, pixels: np.ndarray) -> np.ndarray:
        """Of the pieces, of those of pixels [h, W]."""
        return np.bincount(self.members, np.add.reduceat(pixels.ravel(), self._starts))

    @property
    def neighbors(self) -> np.ndarray:
        """Pieces with a common border."""
        inner = np.flatnonzero(self._starts[1:] % self.part.shape[1])
        beside = np.stack([inner, inner + 1], axis=1)
        return distinct(self.members[np.concatenate([beside, self._borders])])


def _blocks(shape: tuple[int, int]) -> Iterator[slice]:
    height, width = shape
    rows = max(1, _BLOCK // width)
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))


def least_of_groups(groups: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The least value of each group."""
    least = np.full(groups.max() + 1, np.iinfo(np.int64).max)
    np.minimum.at(least, groups, values)
    return least


def connected(pairs: np.ndarray, count: int) -> np.ndarray:
    """Number of the component of each of ``count`` nodes, int32."""
    ones = np.ones(len(pairs), bool)
    graph = csr_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return connected_components(graph, directed=False)[1]


def distinct(pairs: np.ndarray) -> np.ndarray:
    """Pairs int32 [n, 2], each once, its lesser part first."""
    low, high = pairs.min(axis=1, initial=np.iinfo(np.int32).max), pairs.max(axis=1, initial=0)
    keys = np.sort((low.astype(np.int64) << 32) | high)
    keys = keys[np.diff(keys, prepend=-1) != 0]  # NumPy's unique takes ten times as long
    return np.stack([keys >> 32, keys & 0xFFFFFFFF], axis=1).astype(np.int32)
