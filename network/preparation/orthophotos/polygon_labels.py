"""Labels that are polygons: put on the grid of an image, a part at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyogrio
import shapely
from affine import Affine
from rasterio.crs import CRS
from rasterio.features import rasterize

from network.datasets.layout import listed
from network.errors import DataError
from network.preparation.orthophotos.class_values import UNLABELED, ClassTable, text_of
from network.preparation.orthophotos.images import Orthophoto
from network.preparation.orthophotos.label_map import Burned
from network.preparation.orthophotos.reprojection import reprojected
from network.preparation.orthophotos.vectors import PolygonLayer

_CLASS = "index"
_AREA = 2
"""Dimensions of a polygon, as GEOS counts them."""

_BLOCK, _MARGIN = 256, 2
"""Pixels of the squares in which outlines are burned, and by which these are cut larger."""


@dataclass(frozen=True)
class PolygonLabels:
    """Polygons with a spatial index, in every CRS that images have (``index_polygons``).

    A pixel has the class of the polygon that its center lies in; of several, of the later one in
    the file.

    Attributes:
        path: of the GeoPackage.
        layers: name of the layer in each CRS.
        all_touched: every pixel that a polygon touches is labeled, not only centers.
    """

    path: Path
    layers: tuple[tuple[CRS, str], ...]
    all_touched: bool = False

    def read(self, image: Orthophoto, place: tuple[int, int, int, int]) -> Burned:
        """See ``network.preparation.orthophotos.label_map.Labels``."""
        top, left, height, width = place
        (layer,) = [name for crs, name in self.layers if crs == image.crs]
        window = shapely.box(left, top, left + width, top + height)
        bounds = shapely.bounds(image.to_ground(window))
        _, ids, stored, (indices,) = pyogrio.raw.read(
            *(self.path, layer), columns=[_CLASS], bbox=tuple(bounds), return_fids=True
        )
        order = np.argsort(ids)
        outlines = image.to_pixels(shapely.from_wkb(stored[order]))
        return self._burn(outlines, indices[order].astype(np.uint8), place)

    def _burn(
        self, outlines: np.ndarray, indices: np.ndarray, place: tuple[int, int, int, int]
    ) -> Burned:
        """Outlines in pixels of the image, in the order of the file."""
        mask, contested = np.empty(place[2:], np.uint8), 0
        bounds = shapely.bounds(outlines)
        for block in _blocks(place):
            near = np.flatnonzero(_meets(bounds, block))
            found, of = clipped(outlines[near], block)
            part = self._burn_block(drawn(found), indices[near][of], block)
            rows, cols = (
                slice(block[n] - place[n], block[n] - place[n] + block[n + 2]) for n in (0, 1)
            )
            mask[rows, cols] = part.mask
            contested += part.contested
        return Burned(mask, contested)

    def _burn_block(
        self, outlines: Sequence[dict], indices: np.ndarray, block: tuple[int, int, int, int]
    ) -> Burned:
        def burned(order: Sequence[int]) -> np.ndarray:
            return burn([outlines[n] for n in order], indices[order], block, self.all_touched)

        by_class = np.argsort(indices, kind="stable")
        highest = burned(by_class)
        if len(set(indices)) < 2:
            return Burned(highest, 0)
        contested = int((highest != burned(by_class[::-1])).sum())
        return Burned(burned(np.arange(len(outlines))) if contested else highest, contested)


def clipped(
    outlines: np.ndarray, place: tuple[int, int, int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """What of (multi)polygons [n] lies in a part of an image, or less than ``_MARGIN`` beside it.

    An outline that follows a town's streets is in every part, and GDAL goes through all of its
    points for every row of pixels.

    Returns:
        polygons [m], and the indices [m] of those that they are of.
    """
    top, left, height, width = place
    box = left - _MARGIN, top - _MARGIN, left + width + _MARGIN, top + height + _MARGIN
    parts, owners = shapely.get_parts(shapely.clip_by_rect(outlines, *box), return_index=True)
    polygons = shapely.get_dimensions(parts) == _AREA
    return parts[polygons], owners[polygons]


def _blocks(place: tuple[int, int, int, int]) -> Iterator[tuple[int, int, int, int]]:
    """A part of an image in squares of ``_BLOCK`` pixels."""
    top, left, height, width = place
    for row in range(top, top + height, _BLOCK):
        for col in range(left, left + width, _BLOCK):
            yield row, col, min(_BLOCK, top + height - row), min(_BLOCK, left + width - col)


def _meets(bounds: np.ndarray, place: tuple[int, int, int, int]) -> np.ndarray:
    """Which of the boxes (x, y, x, y) [n, 4] touch a part of an image."""
    top, left, height, width = place
    xs, ys, xe, ye = bounds.T
    return (xs <= left + width) & (xe >= left) & (ys <= top + height) & (ye >= top)


def drawn(outlines: np.ndarray) -> list[dict]:
    """(Multi)polygons [n] as rasterio takes them; much quicker than what it asks of each."""
    if not len(outlines):
        return []
    _, places, offsets = shapely.to_ragged_array(outlines, include_z=False)
    rings, polygons, *members = offsets
    points = places.tolist()
    closed = [points[start:end] for start, end in pairwise(rings)]
    parts = [closed[start:end] for start, end in pairwise(polygons)]
    return [
        {"type": "MultiPolygon", "coordinates": parts[start:end]}
        for start, end in pairwise(members[0] if members else range(len(parts) + 1))
    ]


def burn(
    outlines: Sequence[dict],
    values: Sequence[int],
    place: tuple[int, int, int, int],
    all_touched: bool = False,
    outside: int = UNLABELED,
) -> np.ndarray:
    """``drawn`` outlines in pixels of an image as values of a part, later over earlier.

    Returns:
        uint8 [h, w].
    """
    top, left, height, width = place
    shapes = [(outline, int(value)) for outline, value in zip(outlines, values, strict=True)]
    if not shapes:
        return np.full((height, width), outside, np.uint8)
    return rasterize(
        shapes,
        (height, width),
        fill=outside,
        transform=Affine.translation(left, top),
        all_touched=all_touched,
        dtype="uint8",
    )


def values_of(layer: PolygonLayer, field: str) -> list[str]:
    """The values of a field as text.

    Raises:
        DataError: features without one; their ids are named.
    """
    ids, values = layer.values(field)
    found = [text_of(value) for value in values]
    empty = [int(each) for each, text in zip(ids, found, strict=True) if not text.strip()]
    if empty:
        raise DataError(
            f"{layer.path}: {len(empty)} features have nothing in the field {field!r}: "
            f"{listed(empty)}. Give them a class, or take them out"
        )
    return found


def index_polygons(
    layer: PolygonLayer,
    field: str,
    table: ClassTable,
    images: Sequence[Orthophoto],
    path: Path,
    all_touched: bool = False,
) -> tuple[PolygonLabels, list[str]]:
    """Bring polygons into the CRS of the images and give them a spatial index.

    Args:
        layer: of the polygons.
        field: that holds the class.
        table: of the classes.
        images: all with a CRS.
        path: of the GeoPackage to write.
        all_touched: see ``PolygonLabels``.

    Returns:
        the labels, and what a user has to know of them.

    Raises:
        DataError: geometries without an area, or no way from one CRS to the other.
    """
    first = {image.crs.to_wkt(): image for image in reversed(images)}
    layers = tuple((image.crs, f"labels_{n}") for n, image in enumerate(first.values()))
    mended: list[int] = []
    without = 0
    for number, found in enumerate(layer.outlines(field)):
        mended += found.mended
        without += found.without
        indices = table.indices(found.values)
        for (crs, name), image in zip(layers, first.values(), strict=True):
            moved = reprojected(found.outlines, layer.crs, crs, pixel_in(layer.crs, image))
            pyogrio.raw.write(
                path,
                shapely.to_wkb(moved),
                [indices.astype(np.int32)],
                [_CLASS],
                layer=name,
                driver="GPKG",
                geometry_type="Unknown",
                crs=crs.to_wkt(),
                append=number > 0,
            )
    notes = []
    if mended:
        notes.append(f"{layer.path}: made valid: {len(mended)} features, {listed(mended)}")
    if without:
        notes.append(f"{layer.path}: {without} features have no geometry and label nothing")
    return PolygonLabels(path, layers, all_touched), notes


def pixel_in(crs: CRS, image: Orthophoto) -> float | None:
    """Side of a pixel of an image in units of another CRS; None where it is the image's own."""
    if crs == image.crs:
        return None
    col, row = image.width / 2, image.height / 2
    step = image.to_ground(np.array([shapely.LineString([(col, row), (col + 1, row)])]))
    return float(shapely.length(reprojected(step, image.crs, crs)[0]))
