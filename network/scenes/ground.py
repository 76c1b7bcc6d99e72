"""Where the pixels of an image lie on the ground, and how large they are there."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import rasterio
from affine import Affine
from rasterio._err import CPLE_BaseError
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.transform import GCPTransformer
from rasterio.warp import transform

WGS84 = CRS.from_epsg(4326)
_PIXELS = Affine.identity()
_AXIS, _ECCENTRICITY_2 = 6378137.0, 0.0066943799901413165
"""Of the ellipsoid of WGS84: meters, and the square of its first eccentricity."""


_BATCH = 1 << 16
"""Places that become longitude and latitude at a time."""


_NODES = 512
"""Rows and columns at which pixels are measured; between them areas are interpolated."""


_BEND = 0.1
"""Pixels that a straight line between two vertices may lie beside the line on the image."""


class Ground:
    """Where the pixels of an image lie, and how large they are.

    In longitude and latitude of WGS84, with areas in square meters on its ellipsoid, where the CRS
    has them; else in the units of the CRS or of the transform; in pixels where there is neither.

    Args:
        height, width: of the image.
        place: a transform, or control points.
        crs: of what ``place`` gives.

    Attributes:
        on_earth: whether places are longitude and latitude.
        straight: pixels from one vertex of an outline to the next, at most.
        holds_pole: whether the image reaches around a pole.
    """

    def __init__(
        self,
        height: int,
        width: int,
        place: Affine | Sequence[GroundControlPoint] = _PIXELS,
        crs: CRS | None = None,
    ) -> None:
        self.height, self.width = height, width
        self.crs = crs
        self._place = place
        self._rows, self._cols = _nodes(height), _nodes(width)
        self.on_earth = crs is not None
        try:
            self._pixels = self._measure()
        except (RasterioError, CPLE_BaseError):
            self.on_earth = False
            self._pixels = self._measure()
        self.straight = self._straight()
        self.holds_pole = self.on_earth and self._holds_pole()

    @classmethod
    def of(cls, source: rasterio.DatasetReader) -> Ground:
        """Of an image file; control points count where it has no transform."""
        points, crs = source.gcps
        if not source.transform.is_identity:
            return cls(*source.shape, source.transform, source.crs)
        if points:
            with suppress(CPLE_BaseError):  # points that are too few, or on a line
                return cls(*source.shape, points, crs)
        return cls(*source.shape)

    def project(self, cols: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Places in the CRS, float64 [n, 2], of positions [n] in pixels from the upper left."""
        places = np.empty((len(cols), 2))
        for start in range(0, len(cols), _BATCH):
            part = slice(start, start + _BATCH)
            places[part].T[:] = self._projected(
                cols[part].astype(np.float64), rows[part].astype(np.float64)
            )
        return places

    def _projected(self, cols: np.ndarray, rows: np.ndarray) -> Sequence[np.ndarray]:
        if isinstance(self._place, Affine):
            a, b, c, d, e, f = self._place[:6]
            return a * cols + b * rows + c, d * cols + e * rows + f
        with GCPTransformer(list(self._place)) as points:
            return points.xy(rows, cols, offset="ul")

    def locate(self, cols: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Places, longitude and latitude if on earth: float64 [n, 2]; for positions [n] in pixels.

        Raises:
            CPLE_BaseError, RasterioError: the CRS does not have some of them.
        """
        places = self.project(cols, rows)
        if self.on_earth:
            parts = np.array_split(places, range(_BATCH, len(places), _BATCH))
            places = np.concatenate(
                [np.stack(transform(self.crs, WGS84, *part.T), axis=1) for part in parts]
            )
        if not np.isfinite(places).all():
            raise RasterioError("places outside of what the CRS covers")
        return places

    def pixel_areas(self, top: int, bottom: int) -> np.ndarray:
        """Areas of the pixels of some rows: float64 [bottom - top, width]."""
        above, below, share = _between(self._rows, np.arange(top, bottom))
        rows = self._pixels[above]
        rows = rows + share[:, None] * (self._pixels[below] - rows)
        left, right, share = _between(self._cols, np.arange(self.width))
        return rows[:, left] + share * (rows[:, right] - rows[:, left])

    @property
    def pixel_side(self) -> float:
        """Of a square as large as a pixel in the middle of the image."""
        middle = self._pixels[len(self._rows) // 2, len(self._cols) // 2]
        return float(np.sqrt(middle)) or 1.0

    @property
    def note(self) -> str:
        """What a user has to know of polygons in these places; empty where there is nothing."""
        points = "" if isinstance(self._place, Affine) else f"{len(self._place)} control points"
        if self.on_earth:
            return points and f"polygons lie as a polynomial through its {points} places them"
        if self.crs is not None:
            units = "the units of its CRS, which gives no longitude and latitude"
        elif points or not self._place.is_identity:
            units = f"the units of its {points or 'transform'}, for there is no CRS"
        else:
            units = "pixels, for they have no place"
        return f"polygons, their areas and --min-area are in {units}"

    def _measure(self) -> np.ndarray:
        """Areas of the pixels at the nodes: half the product of their diagonals."""
        rows, cols = (axis.ravel() for axis in np.meshgrid(self._rows, self._cols, indexing="ij"))
        corners = [self._solid(self.locate(cols + c, rows + r)) for r in (0, 1) for c in (0, 1)]
        twice = np.cross(corners[3] - corners[0], corners[2] - corners[1])
        return np.linalg.norm(twice, axis=1).reshape(len(self._rows), len(self._cols)) / 2

    def _solid(self, places: np.ndarray) -> np.ndarray:
        """Places in space [n, 3], where neither poles nor the antimeridian are anything special."""
        if not self.on_earth:
            return np.pad(places, ((0, 0), (0, 1)))
        lon, lat = np.radians(places).T
        normal = _AXIS / np.sqrt(1 - _ECCENTRICITY_2 * np.sin(lat) ** 2)
        around = normal * np.cos(lat)
        up = normal * (1 - _ECCENTRICITY_2) * np.sin(lat)
        return np.stack([around * np.cos(lon), around * np.sin(lon), up], axis=1)

    def _holds_pole(self) -> bool:
        along = np.linspace(0, 1, _NODES)
        none, all_ = np.zeros(_NODES), np.ones(_NODES)
        cols = self.width * np.concatenate([along, all_, along[::-1], none])
        rows = self.height * np.concatenate([none, along, all_, along[::-1]])
        lon = np.unwrap(self.locate(cols, rows)[:, 0], period=360)
        return abs(lon[-1] - lon[0]) > 180

    def _straight(self) -> int:
        length = max(self.height, self.width)
        while length > 1 and self._bend(length) > _BEND:
            length //= 2
        return length

    def _bend(self, length: int) -> float:
        """How far lines of that many pixels lie beside straight ones, at most, in pixels."""
        most = 0.0
        for down, right in ((min(length, self.height), 0), (0, min(length, self.width))):
            tops = np.linspace(0, self.height - down, 5)
            lefts = np.linspace(0, self.width - right, 5)
            rows, cols = (axis.ravel() for axis in np.meshgrid(tops, lefts))
            first, middle, last = (
                self.locate(cols + share * right, rows + share * down) for share in (0, 0.5, 1)
            )
            if self.on_earth:
                last[:, 0] -= 360 * np.round((last[:, 0] - first[:, 0]) / 360)
            beside = self._solid((first + last) / 2) - self._solid(middle)
            most = max(most, np.linalg.norm(beside, axis=1).max())
        return most / np.sqrt(self._pixels.max() or 1)


def _nodes(length: int) -> np.ndarray:
    """Pixels that are measured, evenly from the first to the last."""
    return np.linspace(0, length - 1, min(length, _NODES))


def _between(nodes: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The nodes before and after positions, and the share of the way between them."""
    after = np.searchsorted(nodes, at).clip(min(1, len(nodes) - 1), len(nodes) - 1)
    before = np.maximum(after - 1, 0)
    return before, after, (at - nodes[before]) / np.maximum(nodes[after] - nodes[before], 1)
