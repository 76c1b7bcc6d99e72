"""Labels that are a raster, on the grid of an image or on another one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from network.errors import DataError
from network.files.headers import unreadable
from network.files.image_file import ImageFile
from network.preparation.orthophotos.class_values import (
    UNLABELED,
    ClassTable,
    text_of,
)
from network.preparation.orthophotos.images import Orthophoto
from network.preparation.orthophotos.label_map import Burned
from network.preparation.orthophotos.reprojection import name_of

_MOST_VALUES = 4096
_ROWS = 512
_SAME_GRID = 1e-3
"""Pixels by which the corners of one grid may lie beside those of the other."""


@dataclass(frozen=True)
class RasterLabels:
    """A raster of values that stand for classes.

    Attributes:
        grid: of the raster.
        values: that occur, sorted; none of them is the declared no data.
        indices: of each value, uint8.
    """

    grid: Orthophoto
    values: np.ndarray
    indices: np.ndarray

    @classmethod
    def of(cls, grid: Orthophoto, values: np.ndarray, table: ClassTable) -> RasterLabels:
        """Of a raster whose values have classes."""
        return cls(grid, values, table.indices(values.tolist()))

    def read(self, image: Orthophoto, place: tuple[int, int, int, int]) -> Burned:
        """See ``network.preparation.orthophotos.label_map.Labels``."""
        top, left, height, width = place
        window = Window(left, top, width, height)
        try:
            with rasterio.open(self.grid.path) as source:
                if is_aligned(self.grid, image):
                    raw, valid = source.read(1, window=window), _valid(source, window)
                else:
                    raw, valid = _warped(source, image, window)
        except RasterioError as error:
            raise unreadable(self.grid.path, error) from error
        place_of = np.searchsorted(self.values, raw).clip(0, len(self.values) - 1)
        listed = valid & (self.values[place_of] == raw)
        return Burned(np.where(listed, self.indices[place_of], np.uint8(UNLABELED)), 0)


def open_raster(path: Path, images: list[Orthophoto]) -> tuple[Orthophoto, list[str]]:
    """The grid of a raster of labels, and what a user has to know of it.

    Raises:
        DataError: not a readable raster of one band, compressed with loss, or nothing tells where
            it lies.
    """
    with ImageFile(path, beside=True) as file:
        bands = [kind for kind in file.source.colorinterp if kind is not ColorInterp.alpha]
        if len(bands) != 1 or file.source.colorinterp[0] is ColorInterp.alpha:
            raise DataError(
                f"{path} has {len(bands)} bands, but labels have one, of values that stand for "
                "classes"
            )
        if file.lossy:
            raise DataError(
                f"{path} is compressed with loss ({file.lossy}), which changes labels; make it anew"
            )
    grid = Orthophoto.of(path)
    notes = []
    for image in images:
        if is_aligned(grid, image):
            continue
        if image.transform is None or grid.transform is None:
            lacks = image if image.transform is None else grid
            raise DataError(
                f"{lacks.path} has no place on the ground, and {image.path} is "
                f"{image.width}x{image.height} pixels but {path} {grid.width}x{grid.height}: "
                "without a place, labels are of the size of the image"
            )
        for each in (image, grid):
            each.check_placed()
        where = "" if grid.crs == image.crs else f" from {name_of(grid.crs)}"
        notes.append(
            f"{path} is not on the grid of {image.path} ({grid.width}x{grid.height} pixels of "
            f"{grid.pixel[0]:g}): its labels are brought there{where} by the nearest pixel"
        )
    return grid, notes


def is_aligned(grid: Orthophoto, image: Orthophoto) -> bool:
    """Whether a raster has the pixels of an image; without places, by its size alone."""
    if (grid.height, grid.width) != (image.height, image.width):
        return False
    if image.transform is None or grid.transform is None:
        return image.transform is grid.transform
    to_grid = ~grid.transform * image.transform
    corners = [(0, 0), (image.width, 0), (0, image.height), (image.width, image.height)]
    moved = [to_grid * corner for corner in corners]
    near = np.allclose(moved, corners, rtol=0, atol=_SAME_GRID)
    return near and grid.crs == image.crs


def values_of(path: Path) -> np.ndarray:
    """The values of a raster without its declared no data, sorted.

    Raises:
        DataError: too many, or numbers that are not whole.
    """
    found: set = set()
    try:
        with rasterio.open(path) as source:
            kind = np.dtype(source.dtypes[0])
            for top in range(0, source.height, _ROWS):
                window = Window(0, top, source.width, min(_ROWS, source.height - top))
                raw = source.read(1, window=window)
                raw = raw[_valid(source, window)]
                found.update(np.unique(raw[raw == raw]).tolist())
                if len(found) > _MOST_VALUES:
                    raise DataError(
                        f"{path} holds more than {_MOST_VALUES} values; is it a raster of classes?"
                    )
    except RasterioError as error:
        raise unreadable(path, error) from error
    broken = [value for value in found if value != int(value)]
    if broken:
        raise DataError(
            f"{path} holds {broken[0]:g}, which is no whole number; is it a raster of classes?"
        )
    return np.array(sorted(found), kind)


def texts_of(values: np.ndarray) -> list[str]:
    """Values as text."""
    return [text_of(value) for value in values.tolist()]


def _valid(source: rasterio.DatasetReader, window: Window) -> np.ndarray:
    return source.read_masks(1, window=window) > 0


def _warped(
    source: rasterio.DatasetReader, image: Orthophoto, window: Window
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest labels of a part of an image, and where there are some."""
    options = {} if source.nodata is not None else {"add_alpha": source.count == 1}
    with WarpedVRT(
        source,
        crs=image.crs,
        transform=image.transform,
        height=image.height,
        width=image.width,
        resampling=Resampling.nearest,
        **options,
    ) as warped:
        return warped.read(1, window=window), _valid(warped, window)
