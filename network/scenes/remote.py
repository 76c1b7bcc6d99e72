"""Images on a network or in an archive, named here by virtual files (VRT)."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import rasterio
import rasterio.shutil
from rasterio.enums import ColorInterp
from rasterio.errors import RasterioError

from network.errors import DataError, MissingDataError, OutputError, reason_of
from network.files.gdal_cache import gdal_cache
from network.files.writing import replacing

SOURCES = "sources"
"""Folder of the virtual files, below that of the maps."""

_REMOTE = re.compile(r"/vsi\w+/|[a-z][a-z0-9+]+://")
_COLORS = {
    *(ColorInterp.gray, ColorInterp.red, ColorInterp.green, ColorInterp.blue),
    *(ColorInterp.alpha, ColorInterp.undefined, ColorInterp.palette),
}


def is_remote(name: str | Path) -> bool:
    """Whether a name is one for GDAL: ``https://``, ``s3://``, ``/vsicurl/``, ``/vsizip/``, ..."""
    return isinstance(name, str) and bool(_REMOTE.match(name))


def place_of(name: str, output: Path) -> Path:
    """Where the virtual file of an image lies: ``OUTPUT/sources/NAME.vrt``."""
    return output / SOURCES / f"{PurePosixPath(urlsplit(name).path).stem}.vrt"


def write_virtual(name: str, output: Path) -> None:
    """Write the virtual file of an image that GDAL reads over a network or from an archive.

    It is written once: whether the image changed since is not asked. The header is not read as that
    of a file is, so what would have to be converted is refused by what GDAL says of it.

    Args:
        name: of the image.
        output: folder of the maps.

    Raises:
        MissingDataError: it cannot be opened.
        DataError: it is no GeoTIFF of plain colors.
        OutputError: a file there is of another image.
    """
    path = place_of(name, output)
    try:
        with gdal_cache(), rasterio.open(name) as source:
            _check(name, source)
            if path.exists():
                _check_same(path, name, source)
                return
            with replacing(path) as aside:
                rasterio.shutil.copy(source, str(aside), driver="VRT")
    except RasterioError as error:
        raise MissingDataError(f"cannot open {name}: {reason_of(error)}") from error


def _check(name: str, source: rasterio.DatasetReader) -> None:
    tags = [source.tags(ns="IMAGE_STRUCTURE")]
    tags += [source.tags(band, ns="IMAGE_STRUCTURE") for band in source.indexes]
    odd = {key for each in tags for key in each} & {"SOURCE_COLOR_SPACE", "MINISWHITE", "NBITS"}
    if source.driver != "GTiff" or odd or set(source.colorinterp) - _COLORS:
        raise DataError(
            f"{name} is no GeoTIFF of gray, RGB or bands of at least 8 bits, and only such are "
            "read from where they lie; fetch it and predict the file"
        )


def _check_same(path: Path, name: str, source: rasterio.DatasetReader) -> None:
    with rasterio.open(path) as known:
        if source.name in known.files or known.files[1:] == source.files[:1]:
            return
    raise OutputError(f"{path} is of another image than {name}; write to another folder")
