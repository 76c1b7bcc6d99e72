"""Outlines of the areas of a map, in pixels, as they are or simplified."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rasterio
from affine import Affine
from rasterio.features import shapes

from network.scenes.areas import Areas
from network.scenes.rasters import NODATA

Rings = list[np.ndarray]
"""Of a polygon, the outer one first: vertices (column, row) [n, 2], the last one the first
again."""


class Outline(NamedTuple):
    """Of an area: its number and its rings."""

    area: int
    rings: Rings


def outlines(classes: Path, areas: Areas) -> Iterator[Outline]:
    """Outlines along the sides of pixels, of all areas that hold data.

    Args:
        classes: raster of the map.
        areas: of it.
    """
    width = areas.source.shape[1]
    with rasterio.open(classes) as source:
        for outline, value in shapes(rasterio.band(source, 1), transform=Affine.identity()):
            if value == NODATA:
                continue
            rings = [np.array(ring, np.int64) for ring in outline["coordinates"]]
            left, top = rings[0][np.lexsort(rings[0].T)[0]]  # of the first pixel
            yield Outline(areas.starting_at(int(top) * width + int(left)), rings)


def simplified(found: Iterator[Outline], tolerance: float) -> Iterator[Outline]:
    """Outlines with fewer vertices, of which neighbors have the same.

    All of them are simplified together, so borders stay shared over the whole map, and all are held
    in memory.

    Args:
        found: as ``outlines`` gives them.
        tolerance: in pixels; corners of less than its square are cut off (Visvalingam, Whyatt).
    """
    import shapely

    numbers, polygons = [], []
    for area, rings in found:
        outer, *holes = (with_vertices(ring, 1) for ring in rings)  # where three areas meet too
        numbers.append(area)
        polygons.append(shapely.Polygon(outer, holes))
    for area, polygon in zip(
        numbers, shapely.coverage_simplify(np.array(polygons), tolerance), strict=True
    ):
        rings = [polygon.exterior, *polygon.interiors]
        yield Outline(area, [shapely.get_coordinates(ring) for ring in rings])


def with_vertices(ring: np.ndarray, most: int) -> np.ndarray:
    """A ring along rows and columns with vertices at every multiple of ``most`` pixels, too.

    So those of neighbors are the same.
    """
    steps = np.abs(np.diff(ring, axis=0)).max(axis=1)
    long = np.flatnonzero(steps > most)
    added = []
    for number in long:
        start, end = ring[number : number + 2]
        axis = int(start[0] == end[0])
        low, high = sorted((start[axis], end[axis]))
        at = np.arange((low // most + 1) * most, high, most)
        between = np.repeat(start[None], len(at), axis=0)
        between[:, axis] = at if start[axis] < end[axis] else at[::-1]
        added.append(between)
    if not added:
        return ring
    places = np.repeat(long + 1, [len(between) for between in added])
    return np.insert(ring, places, np.concatenate(added), axis=0)


def with_vertices_anywhere(ring: np.ndarray, most: int) -> np.ndarray:
    """A ring of any lines, each cut evenly so that no part is longer than ``most`` pixels.

    So those of neighbors are the same.
    """
    cuts = np.ceil(np.linalg.norm(np.diff(ring, axis=0), axis=1) / most).astype(int).clip(1)
    if cuts.max() == 1:
        return ring
    at = np.repeat(np.arange(len(cuts)), cuts)
    share = (np.arange(cuts.sum()) - np.repeat(np.cumsum(cuts) - cuts, cuts)) / cuts[at]
    between = ring[at] + share[:, None] * (ring[at + 1] - ring[at])
    return np.concatenate([between, ring[-1:]])
