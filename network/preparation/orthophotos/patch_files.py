"""Patches as GeoTIFFs that are as their image: bands, type, place, no data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import RasterioError

from network.errors import OutputError
from network.files.image_file import ImageFile


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
        reason = " ".join(str(error.__cause__ or error).split())
        raise OutputError(f"cannot write {path}: {reason}") from error


def holds_data(file: ImageFile, values: np.ndarray, top: int, left: int) -> np.ndarray | None:
    """Where a window of an image holds data by its nodata value or mask: bool [h, w].

    Returns:
        None where the file says nothing of it. An alpha band says nothing either: it may be any
        fourth band.
    """
    flags = file.source.mask_flag_enums[0]
    if MaskFlags.all_valid in flags or MaskFlags.alpha in flags:
        return None
    window = ((top, top + values.shape[1]), (left, left + values.shape[2]))
    return file.source.dataset_mask(window=window) > 0


def _kinds(file: ImageFile) -> tuple[ColorInterp, ...]:
    if file.palette:
        return ColorInterp.red, ColorInterp.green, ColorInterp.blue
    return file.source.colorinterp
