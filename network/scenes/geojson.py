"""Outlines as GeoJSON (RFC 7946): longitude and latitude, rings that turn as it says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from rasterio.crs import CRS
from rasterio.warp import transform_geom

from network.scenes.ground import WGS84, Ground
from network.scenes.rings import Rings, split, with_vertices, with_vertices_anywhere

_DIGITS = 9
"""Of degrees: a tenth of a millimeter."""


_VERTICES = 1 << 14
"""That become text at a time."""


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
        for polygons, said in zip(_placed(batch, self.ground), properties, strict=True):
            self.file.write(",\n" if self.count else "\n")
            self.file.writelines(_feature(polygons, said))
            self.count += 1


def _placed(batch: Sequence[Rings], ground: Ground) -> Iterator[list[Rings]]:
    """Of each outline its polygons: several where it is cut."""
    rings = [ring for outline in batch for ring in outline]
    along_pixels = rings[0].dtype.kind == "i"
    rings = (with_vertices if along_pixels else with_vertices_anywhere)(rings, ground.straight)
    places = ground.locate(*np.concatenate(rings).T)
    lon = places[:, 0]
    cuts = ground.on_earth and ((np.abs(lon) > 180).any() or (np.abs(np.diff(lon)) > 180).any())
    if ground.on_earth and not cuts:
        places.round(_DIGITS, out=places)
    parts = iter(split(places, np.cumsum([len(ring) for ring in rings])))
    for outline in batch:
        rings = list(islice(parts, len(outline)))
        polygons = [rings]
        if cuts:
            polygons = [[ring.round(_DIGITS) for ring in each] for each in _cut(rings)]
        yield [
            [_turned(ring, counterclockwise=not number) for number, ring in enumerate(each)]
            for each in polygons
        ]


def _feature(polygons: list[Rings], said: dict[str, Any]) -> Iterator[str]:
    kind = "Polygon" if len(polygons) == 1 else "MultiPolygon"
    yield f'{{"type": "Feature", "properties": {json.dumps(said)}, '
    yield f'"geometry": {{"type": "{kind}", "coordinates": '
    yield from _texts(polygons[0] if len(polygons) == 1 else polygons)
    yield "}}"


def _texts(values: list | np.ndarray) -> Iterator[str]:
    """Vertices in lists of lists as JSON, some at a time: as objects they take much memory."""
    if isinstance(values, np.ndarray):
        for start in range(0, len(values), _VERTICES):
            text = json.dumps(values[start : start + _VERTICES].tolist())
            yield f"{', ' if start else '['}{text[1:-1]}"
    else:
        for number, each in enumerate(values):
            yield ", " if number else "["
            yield from _texts(each)
    yield "]"


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
        ring[-1] = ring[0]  # to the last digit, or GDAL cuts nothing
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
