"""Patches as GeoTIFFs that are as their image: bands, type, place, no data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp
from rasterio.errors import RasterioError
from rasterio.windows import Window

from network.errors import OutputError, reason_of
from network.files.image_file import ImageFile
from network.files.no_data import NoData


def write_patch(path: Path, values: np.ndarray, file: ImageFile, top: int, left: int) -> None:
    """Write a window of an image: uncompressed, so that it is read quickly.

    Args:
        path: of the patch.
        values: [bands, h, w].
        file: the image.
        top, left: of the window.

    Raises:
        OutputError: it cannot be written.
    """
    source = file.source
    count, height, width = values.shape
    place = {}
    if not source.transform.is_identity:
        place["transform"] = source.transform * Affine.translation(left, top)
    kinds = _kinds(file)
    rgb = kinds[:3] == (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
    try:
        with rasterio.open(
            *(path, "w"),
            driver="GTiff",
            height=height,
            width=width,
            count=count,
            dtype=values.dtype,
            crs=source.crs,
            nodata=None if file.palette else source.nodata,
            interleave="pixel",
            photometric="RGB" if rgb else "MINISBLACK",
            **place,
        ) as patch:
            patch.colorinterp = kinds
            if not file.palette:
                patch.descriptions = source.descriptions
                patch.scales, patch.offsets = source.scales, source.offsets
            patch.write(values)
    except RasterioError as error:
        raise OutputError(f"cannot write {path}: {reason_of(error)}") from error


def without_data(file: ImageFile, values: np.ndarray, top: int, left: int) -> np.ndarray:
    """Where a window of an image holds data in no band, bool [h, w].

    Where only some bands have none it depends on which ones are trained on, and training says.

    Args:
        file: the image.
        values: all bands of the window.
        top, left: of the window.
    """
    height, width = values.shape[1:]
    colored = [band - 1 for band in file.colored]
    window = Window(left, top, width, height)
    missing = NoData(file, file.colored).missing(values[colored], window=window)
    return np.zeros((height, width), bool) if missing is None else missing.all(axis=0)


def _kinds(file: ImageFile) -> tuple[ColorInterp, ...]:
    if file.palette:
        return ColorInterp.red, ColorInterp.green, ColorInterp.blue
    return file.source.colorinterp
