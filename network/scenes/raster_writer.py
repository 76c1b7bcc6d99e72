"""GeoTIFFs of maps: cloud-optimised, or plain tiled ones."""

from __future__ import annotations

from pathlib import Path

import rasterio
import rasterio.shutil
from rasterio.errors import RasterioError

from network.errors import OutputError, reason_of

_BLOCK = 512


def write_geotiff(source: Path, path: Path, cog: bool, shown: Path, averages: bool = False) -> None:
    """Write a raster as a tiled, compressed GeoTIFF.

    Args:
        source: of any form that GDAL reads.
        path: of the file; ``PATH.aux.xml`` beside it holds what a GeoTIFF cannot.
        cog: cloud-optimised: with overviews, in the order in which readers over a network ask.
        shown: what a fault names instead of the path.
        averages: float32 values of which overviews are averages; else they are values that are
            there.

    Raises:
        OutputError: it cannot be written.
    """
    shared = {"COMPRESS": "DEFLATE", "BIGTIFF": "IF_SAFER", "NUM_THREADS": "ALL_CPUS"}
    if cog:
        options = shared | {
            "driver": "COG",
            "BLOCKSIZE": _BLOCK,
            "PREDICTOR": "FLOATING_POINT" if averages else "NO",
            "OVERVIEW_RESAMPLING": "AVERAGE" if averages else "NEAREST",
        }
    else:
        options = shared | {
            "driver": "GTiff",
            "TILED": "YES",
            "BLOCKXSIZE": _BLOCK,
            "BLOCKYSIZE": _BLOCK,
            "PREDICTOR": 3 if averages else 1,
        }
    try:
        rasterio.shutil.copy(str(source), str(path), **options)
    except RasterioError as error:
        raise OutputError(f"cannot write {shown}: {reason_of(error)}") from error
