"""Rings of polygons, and further vertices where their lines need some."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

Rings = list[np.ndarray]
"""Of a polygon, the outer one first, or of several: vertices (column, row) [n, 2], the last one the
first again."""


def split(values: np.ndarray, ends: np.ndarray) -> list[np.ndarray]:
    """Parts that follow each other, by their ends; for many small ones quicker than NumPy's."""
    bounds = [0, *ends.tolist()]
    return [values[start:end] for start, end in pairwise(bounds)]


def with_vertices(rings: Rings, most: int) -> Rings:
    """Rings along rows and columns with vertices at every multiple of ``most`` pixels, too.

    So those of neighbors are the same.
    """
    vertices, ends = _joined(rings)
    vertical = vertices[1:, 0] == vertices[:-1, 0]
    start, end = (np.where(vertical, *part.T[::-1]) for part in (vertices[:-1], vertices[1:]))
    sign = np.sign(end - start)
    passed = sign * start // most
    added = np.maximum(-(-sign * end // most) - 1 - passed, 0)
    added[ends[:-1] - 1] = 0  # from one ring to the next
    if not added.any():
        return rings
    at, number, ends = _repeated(added + 1, ends)
    found = vertices[at]
    between = np.flatnonzero(number)
    of = at[between]
    found[between, vertical[of].astype(int)] = sign[of] * most * (passed[of] + number[between])
    return split(found, ends)


def with_vertices_anywhere(rings: Rings, most: int) -> Rings:
    """Rings of any lines, each cut evenly so that no part is longer than ``most`` pixels.

    So those of neighbors are the same.
    """
    vertices, ends = _joined(rings)
    steps = np.diff(vertices, axis=0, append=vertices[-1:])
    cuts = np.ceil(np.linalg.norm(steps, axis=1) / most).astype(int).clip(1)
    cuts[ends - 1] = 1  # from one ring to the next
    at, number, ends = _repeated(cuts[:-1], ends)
    return split(vertices[at] + (number / cuts[at])[:, None] * steps[at], ends)


def _joined(rings: Rings) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate(rings), np.cumsum([len(ring) for ring in rings])


def _repeated(counts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices as often as their lines have parts, the last one once; each one's turn; new ends."""
    counts = np.append(counts, 1)
    after = np.cumsum(counts)
    at = np.repeat(np.arange(len(counts)), counts)
    return at, np.arange(len(at)) - (after - counts)[at], after[ends - 1]
