"""Which files are written of an image."""

from __future__ import annotations

from pathlib import Path

import rasterio

from network.files.gdal_cache import gdal_cache
from network.scenes.georeference import is_placed
from network.scenes.options import SceneOptions

CLASSES, COLORS, PROBABILITIES, POLYGONS = "", "rgb", "probabilities", "polygons"
"""Folders of the outputs, below the one that is named."""

NAMES, STYLE = "names", "style"
"""What lies beside a GeoTIFF of classes: the names of its values, and how QGIS shows them."""


def map_files(image: Path, output: Path, options: SceneOptions) -> dict[str, Path]:
    """The files that are written of an image by kind; none if it cannot be opened."""
    try:
        with gdal_cache(), rasterio.open(image) as source:
            placed = is_placed(source) or source.driver == "GTiff"
    except Exception:  # which prediction meets too, and names
        return {}
    suffix = ".tif" if placed else ".png"
    endings = {
        CLASSES: suffix,
        COLORS: suffix if options.rgb else None,
        PROBABILITIES: ".tif" if options.probabilities else None,
        POLYGONS: f".{options.polygons_format}" if options.polygons else None,
    }
    files = {
        kind: output / kind / f"{image.stem}{ending}"
        for kind, ending in endings.items()
        if ending is not None
    }
    if placed:
        files[NAMES] = output / f"{image.stem}.tif.aux.xml"
        files[STYLE] = output / f"{image.stem}.qml"
    return files
