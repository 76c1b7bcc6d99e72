"""Joining small areas of a map with their neighbors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from network.scenes.areas import Areas, connected, distinct, least_of_groups
from network.scenes.rasters import NODATA


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
    firsts = least_of_groups(members, areas.firsts)
    order = np.argsort(firsts)
    rank = np.argsort(order).astype(np.int32)
    classes = np.where(found.sizes < least, np.uint8(NODATA), found.classes)
    return replace(
        areas,
        members=rank[members][areas.members],
        firsts=firsts[order],
        classes=classes[order],
        sizes=found.sizes[order],
        neighbors=rank[found.neighbors],
    )


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
    group = connected(np.concatenate([moves, areas.neighbors[same]]), len(target))
    sizes = np.bincount(group, areas.sizes)
    of_groups = np.empty(len(sizes), np.uint8)
    of_groups[group] = classes
    neighbors = distinct(group[areas.neighbors[~same]])
    return replace(areas, classes=of_groups, sizes=sizes, neighbors=neighbors), group
