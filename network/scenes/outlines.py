"""Outlines of the areas of a map, in pixels, as they are or simplified."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise
from typing import NamedTuple

import numpy as np

from network.scenes.areas import Areas
from network.scenes.packages import needed
from network.scenes.rasters import NODATA
from network.scenes.rings import Rings, split, with_vertices
from network.scenes.tracing import corners, traced

_CORNERS = 1 << 20
"""Traced at a time, or those of one area."""


class Outline(NamedTuple):
    """Of an area: its number and its rings."""

    area: int
    rings: Rings


def outlines(areas: Areas) -> Iterator[Outline]:
    """Outlines along the sides of pixels, of all areas that hold data.

    Each comes as soon as the map was read to the area's end, and those of one block of rows by
    their numbers. Held are the corners of areas that go on below. Rings are int32 and simple: those
    of an area that touches itself across a vertex touch there, too.
    """
    width = areas.source.shape[1] + 1
    drawn = np.append(areas.classes != NODATA, False)  # the last one for what is outside
    held: dict[int, list[np.ndarray]] = {}
    for top, part in _parts(areas):
        numbers, found = corners(part, top)
        kept = drawn[numbers]
        numbers, counts, found = _by_area(numbers[kept], found[kept])
        goes_on = np.isin(numbers, part[-1])
        ends = np.cumsum(counts)
        for each in np.flatnonzero(goes_on):
            more = found[ends[each] - counts[each] : ends[each]].copy()  # not a view of the block
            held.setdefault(int(numbers[each]), []).append(more)
        found = found[np.repeat(~goes_on, counts)]
        numbers, counts = numbers[~goes_on], counts[~goes_on]
        found, counts = _with_held(numbers, counts, found, held)
        yield from _traced(numbers, counts, found, width)


def _parts(areas: Areas) -> Iterator[tuple[int, np.ndarray]]:
    """Blocks as ``corners`` takes them: the row of their first vertices, and numbers."""
    height, width = areas.source.shape
    above = np.full((1, width + 2), -1, np.int32)
    for rows, numbers in areas.blocks():
        below = int(rows.stop == height)
        part = np.pad(numbers, ((1, below), (1, 1)), constant_values=-1)
        part[0] = above
        yield rows.start, part
        above = part[-1].copy()


def _by_area(numbers: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each area, how many corners it has, and these: by area, those of one in the order given."""
    order = np.sort(numbers.astype(np.int64) << 32 | np.arange(len(numbers))) & 0xFFFFFFFF
    numbers = numbers[order]
    starts = np.flatnonzero(np.diff(numbers, prepend=-1))
    return numbers[starts], np.diff(starts, append=len(numbers)), found[order]


def _with_held(
    numbers: np.ndarray, counts: np.ndarray, found: np.ndarray, held: dict[int, list[np.ndarray]]
) -> tuple[np.ndarray, np.ndarray]:
    """Corners by area with what was held of them before, which is let go; and their counts."""
    starts = np.cumsum(counts) - counts
    counts, parts, done = counts.copy(), [], 0
    for each in np.flatnonzero(np.isin(numbers, np.fromiter(held, np.int32))):
        before = held.pop(int(numbers[each]))
        counts[each] += sum(map(len, before))
        parts += [found[done : starts[each]], *before]
        done = starts[each]
    return np.concatenate([*parts, found[done:]]), counts


def _traced(
    numbers: np.ndarray, counts: np.ndarray, found: np.ndarray, width: int
) -> Iterator[Outline]:
    """Outlines of areas, traced some at a time."""
    ends = np.cumsum(counts)
    starts = ends - counts
    share = starts // _CORNERS + ends // _CORNERS  # a large area has one of its own
    bounds = [*np.flatnonzero(np.diff(share, prepend=-1)), len(numbers)]
    for first, last in pairwise(bounds):
        rings = traced(found[starts[first] : ends[last - 1]], counts[first:last], width)
        lines = iter(split(rings.vertices, rings.ends))
        for number, count in zip(numbers[first:last].tolist(), rings.counts.tolist(), strict=True):
            yield Outline(number, list(islice(lines, count)))


def simplified(found: Iterator[Outline], tolerance: float) -> Iterator[Outline]:
    """Outlines with fewer vertices, of which neighbors have the same.

    All of them are simplified together, so borders stay shared over the whole map, and all are held
    in memory.

    Args:
        found: as ``outlines`` gives them.
        tolerance: in pixels; corners of less than its square are cut off (Visvalingam, Whyatt).
    """
    shapely = needed("shapely")
    numbers, polygons = [], []
    for area, rings in found:
        outer, *holes = with_vertices(rings, 1)  # where three areas meet too
        numbers.append(area)
        polygons.append(shapely.Polygon(outer, holes))
    for area, polygon in zip(
        numbers, shapely.coverage_simplify(np.array(polygons), tolerance), strict=True
    ):
        rings = [polygon.exterior, *polygon.interiors]
        yield Outline(area, [shapely.get_coordinates(ring) for ring in rings])
