"""A map of classes as polygons: GeoJSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.features import shapes, sieve
from rasterio.warp import transform_geom

from network.datasets.catalog import DatasetSpec
from network.scenes.rasters import NODATA

WGS84, EQUAL_AREA = "EPSG:4326", "EPSG:6933"


def write_polygons(
    path: Path,
    classes: np.ndarray,
    spec: DatasetSpec,
    transform: Affine,
    crs: CRS | None,
    min_area: float = 0.0,
) -> int:
    """Write the outlines of all connected areas of one class as GeoJSON.

    Coordinates are longitude and latitude (RFC 7946), areas square meters on the ground; without a
    CRS both are in the units of the transform (pixels, where there is none).

    Args:
        path: of the file.
        classes: indices uint8 [H, W], ``NODATA`` where there are none.
        spec: of the dataset.
        transform: of pixels to the CRS.
        crs: of the image.
        min_area: what is smaller is joined with its largest neighbor.

    Returns:
        number of polygons.
    """
    valid = classes != NODATA
    smallest = min_area / _pixel_area(classes.shape, transform, crs)
    if smallest > 1:
        classes = sieve(classes, math.ceil(smallest), mask=valid)
    count = 0
    with path.open("w", encoding="utf-8") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        for feature in _features(classes, valid, spec, transform, crs):
            file.write(f"{',' if count else ''}\n{json.dumps(feature)}")
            count += 1
        file.write("\n]}\n")
    return count


def _features(
    classes: np.ndarray, valid: np.ndarray, spec: DatasetSpec, transform: Affine, crs: CRS | None
) -> Iterator[dict[str, Any]]:
    for outline, index in shapes(classes, valid, transform=transform):
        name = spec.classes[int(index)]
        yield {
            "type": "Feature",
            "properties": {"class": name, "index": int(index), "area": _area(outline, crs)},
            "geometry": outline if crs is None else transform_geom(crs, WGS84, outline),
        }


def _pixel_area(shape: tuple[int, int], transform: Affine, crs: CRS | None) -> float:
    """Of the pixel in the middle."""
    row, col = shape[0] // 2, shape[1] // 2
    corners = ((col, row), (col + 1, row), (col + 1, row + 1), (col, row + 1), (col, row))
    ring = [_at(transform, *corner) for corner in corners]
    return _area({"type": "Polygon", "coordinates": [ring]}, crs)


def _at(transform: Affine, col: float, row: float) -> tuple[float, float]:
    a, b, c, d, e, f = transform[:6]
    return a * col + b * row + c, d * col + e * row + f


def _area(outline: dict[str, Any], crs: CRS | None) -> float:
    """Square meters; without a CRS, squared units of the coordinates."""
    factor = 1.0
    if crs is not None and crs.is_projected:
        factor = crs.linear_units_factor[1] ** 2
    elif crs is not None:
        outline = transform_geom(crs, EQUAL_AREA, outline)
    outer, *holes = (_ring_area(ring) for ring in outline["coordinates"])
    return factor * (outer - sum(holes))


def _ring_area(ring: list[tuple[float, float]]) -> float:
    points = np.asarray(ring, np.float64)
    x, y = (points - points[0]).T  # keeps digits where coordinates are large
    return abs(float(x[:-1] @ y[1:] - x[1:] @ y[:-1])) / 2
