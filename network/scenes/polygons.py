"""A map of classes as polygons: GeoJSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.crs import CRS
from rasterio.features import shapes
from rasterio.warp import transform_geom

from network.datasets.catalog import DatasetSpec
from network.scenes.areas import find_areas, join_small
from network.scenes.ground import WGS84, Ground
from network.scenes.rasters import NODATA

_DIGITS = 9
"""Of degrees: a tenth of a millimeter."""


_BATCH = 1 << 17
"""Vertices that are placed at a time."""


_DATE_LINE = CRS.from_proj4("+proj=eqc +lon_0=180 +datum=WGS84 +to_meter=111319.490793273572")
"""Degrees from the antimeridian and from the equator."""


_SQUEEZE = 2
"""GDAL cuts nothing that reaches around the earth or to a pole, so degrees are halved for it."""


def write_polygons(
    path: Path, classes: np.ndarray, spec: DatasetSpec, ground: Ground, min_area: float = 0.0
) -> int:
    """Write the outlines of all connected areas of one class as GeoJSON.

    Places and areas are those of ``Ground``. Rings turn as RFC 7946 says, and what crosses the
    antimeridian is cut there.

    Args:
        path: of the file.
        classes: indices uint8 [H, W], ``NODATA`` where there are none.
        spec: of the dataset.
        ground: where the pixels lie.
        min_area: what is smaller is joined with its largest neighbor (``join_small``), or left out
            where there is none.

    Returns:
        number of polygons.
    """
    areas = find_areas(classes, ground)
    if min_area:
        areas = join_small(areas, min_area)
        classes = areas.map
    count = 0
    with path.open("w", encoding="utf-8") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        for outline, geometry in _placed(classes, ground):
            left, top = outline[0][np.lexsort(outline[0].T)[0]]  # lies below and right of it
            index = int(classes[top, left])
            properties = {
                "class": spec.classes[index],
                "index": index,
                "area": areas.size_at(top, left),
            }
            feature = {"type": "Feature", "properties": properties, "geometry": geometry}
            file.write(f"{',' if count else ''}\n{json.dumps(feature)}")
            count += 1
        file.write("\n]}\n")
    return count


Rings = list[np.ndarray]
"""Of a polygon, the outer one first: vertices [n, 2], the last one the first again."""


def _placed(classes: np.ndarray, ground: Ground) -> Iterator[tuple[Rings, dict[str, Any]]]:
    """Outlines in pixels (column, row) with their geometries on the ground."""
    batch: list[Rings] = []
    vertices = 0
    for outline, _ in shapes(classes, classes != NODATA):
        batch.append([np.array(ring, np.int64) for ring in outline["coordinates"]])
        vertices += sum(map(len, batch[-1]))
        if vertices >= _BATCH:
            yield from _geometries(batch, ground)
            batch, vertices = [], 0
    if batch:
        yield from _geometries(batch, ground)


def _geometries(batch: list[Rings], ground: Ground) -> Iterator[tuple[Rings, dict[str, Any]]]:
    lines = [_with_vertices(ring, ground.straight) for outline in batch for ring in outline]
    ends = np.cumsum([len(line) for line in lines])[:-1]
    cols, rows = np.concatenate(lines).T
    placed = iter(np.split(ground.locate(cols, rows), ends))
    for outline in batch:
        rings = [next(placed) for _ in outline]
        polygons = [rings]
        if ground.on_earth:
            polygons = [[ring.round(_DIGITS) for ring in each] for each in _cut(rings)]
        coordinates = [
            [
                _turned(ring, counterclockwise=not number).tolist()
                for number, ring in enumerate(each)
            ]
            for each in polygons
        ]
        if len(coordinates) == 1:
            yield outline, {"type": "Polygon", "coordinates": coordinates[0]}
        else:
            yield outline, {"type": "MultiPolygon", "coordinates": coordinates}


def _with_vertices(ring: np.ndarray, most: int) -> np.ndarray:
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


def _cut(rings: Rings) -> list[Rings]:
    """Polygons of longitude and latitude, cut where they cross the antimeridian."""
    lon = np.concatenate(rings)[:, 0]
    jumps = any((np.abs(np.diff(ring[:, 0])) > 180).any() for ring in rings)
    if not jumps and lon.min() >= -180 and lon.max() <= 180:
        return [rings]
    whole = [np.stack([np.unwrap(x, period=360), y], axis=1) for x, y in (r.T for r in rings)]
    west = whole[0][:, 0].min()
    for ring in whole:
        ring[:, 0] -= 360 * (np.floor((ring[:, 0].min() - west) / 360) + np.floor(west / 360))
    lon = whole[0][:, 0]
    if lon.max() <= 180 or lon.min() >= 180:
        return [[ring - (360 * (lon.min() >= 180), 0) for ring in whole]]
    near = [((ring - (180, 0)) / _SQUEEZE).tolist() for ring in whole]
    found = transform_geom(_DATE_LINE, WGS84, {"type": "Polygon", "coordinates": near})
    many = found["coordinates"] if found["type"] == "MultiPolygon" else [found["coordinates"]]
    polygons = [[np.array(ring) for ring in polygon] for polygon in many]
    for ring in (ring for polygon in polygons for ring in polygon):
        side = np.copysign(180, ring[np.abs(ring[:, 0]).argmin(), 0])
        ring[:, 0] = side + (np.copysign(ring[:, 0], side) - side) * _SQUEEZE
        ring[:, 1] *= _SQUEEZE
    return polygons


def _turned(ring: np.ndarray, counterclockwise: bool) -> np.ndarray:
    x, y = (ring - ring[0]).T  # keeps digits where coordinates are large
    twice = x[:-1] @ y[1:] - x[1:] @ y[:-1]
    return ring if (twice > 0) == counterclockwise else ring[::-1]
