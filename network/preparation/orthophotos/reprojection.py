"""Outlines from one CRS to another."""

from __future__ import annotations

import numpy as np
import shapely
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.warp import transform

from network.errors import DataError, first_line

_STRAIGHT = 256
"""Pixels from one vertex to the next, at most, where straight lines would bend."""


def reprojected(
    outlines: np.ndarray, source: CRS, target: CRS, pixel: float | None = None
) -> np.ndarray:
    """Geometries [n] in another CRS.

    Args:
        outlines: in ``source``.
        source, target: the CRS.
        pixel: side of a pixel in units of ``source``: lines get vertices so that they bend as the
            CRS does.

    Raises:
        DataError: no way leads from one to the other, or not from these places.
    """
    if source == target:
        return outlines
    if pixel:
        outlines = shapely.segmentize(outlines, _STRAIGHT * pixel)

    def project(places: np.ndarray) -> np.ndarray:
        return np.stack(transform(source, target, *places.T), axis=1)

    try:
        found = shapely.transform(outlines, project)
    except (RasterioError, CPLE_BaseError) as error:
        raise _no_way(source, target, first_line(error)) from error
    if not np.isfinite(shapely.get_coordinates(found)).all():
        raise _no_way(source, target, "places outside of what it covers")
    return found


def _no_way(source: CRS, target: CRS, reason: str) -> DataError:
    return DataError(
        f"cannot bring labels from {name_of(source)} to {name_of(target)} ({reason}); save them in "
        "the CRS of the image"
    )


def name_of(crs: CRS) -> str:
    """A CRS for a message: its code, or the name in its description."""
    code = crs.to_epsg()
    if code is not None:
        return f"EPSG:{code}"
    text = crs.to_wkt()
    return text.split('"')[1] if '"' in text else text
