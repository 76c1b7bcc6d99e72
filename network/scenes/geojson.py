"""Outlines as GeoJSON (RFC 7946): longitude and latitude, rings that turn as it says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from rasterio.crs import CRS
from rasterio.warp import transform_geom

from network.scenes.ground import WGS84, Ground
from network.scenes.outlines import Rings, with_vertices, with_vertices_anywhere

_DIGITS = 9
"""Of degrees: a tenth of a millimeter."""


_DATE_LINE = CRS.from_proj4("+proj=eqc +lon_0=180 +datum=WGS84 +to_meter=111319.490793273572")
"""Degrees from the antimeridian and from the equator."""


_SQUEEZE = 2
"""GDAL cuts nothing that reaches around the earth or to a pole, so degrees are halved for it."""


class GeoJsonWriter:
    """A file of features, written some at a time.

    What crosses the antimeridian is cut there.

    Args:
        path: of the file.
        ground: where the pixels lie.
    """

    def __init__(self, path: Path, ground: Ground) -> None:
        self.ground = ground
        self.file = path.open("w", encoding="utf-8")
        self.count = 0

    def __enter__(self) -> GeoJsonWriter:
        self.file.write('{"type": "FeatureCollection", "features": [')
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self.file:
            self.file.write("\n]}\n")

    def write(self, batch: Sequence[Rings], properties: Sequence[dict[str, Any]]) -> None:
        """Add polygons: rings in pixels, and what is said of each."""
        for geometry, said in zip(_geometries(batch, self.ground), properties, strict=True):
            feature = {"type": "Feature", "properties": said, "geometry": geometry}
            self.file.write(f"{',' if self.count else ''}\n{json.dumps(feature)}")
            self.count += 1


def _geometries(batch: Sequence[Rings], ground: Ground) -> Iterator[dict[str, Any]]:
    lines = [_bent(ring, ground.straight) for outline in batch for ring in outline]
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
            yield {"type": "Polygon", "coordinates": coordinates[0]}
        else:
            yield {"type": "MultiPolygon", "coordinates": coordinates}


def _bent(ring: np.ndarray, most: int) -> np.ndarray:
    """A ring with the vertices that its lines need to lie on the ground as on the image."""
    along_pixels = ring.dtype.kind == "i"
    return (with_vertices if along_pixels else with_vertices_anywhere)(ring, most)


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
