"""Raw maps as GDAL reads them, with all that is said of them: virtual rasters (VRT)."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import rasterio
from rasterio.enums import ColorInterp
from rasterio.io import DatasetWriter

from network.datasets.catalog import DatasetSpec
from network.scenes.georeference import carry_on
from network.scenes.rasters import NODATA
from network.scenes.raw_map import RawMap

_OPAQUE = 255


def classes_raster(
    path: Path, raw: RawMap, source: rasterio.DatasetReader, spec: DatasetSpec
) -> None:
    """A map of classes with palette, category names and names as tags.

    Args:
        path: of the VRT, in the folder of ``raw``.
        raw: indices, ``NODATA`` where there are none.
        source: the image of the map.
        spec: classes and colors.
    """
    with _created(path, source, 1, "uint8", NODATA) as target:
        colors = {index: (*color, _OPAQUE) for index, color in enumerate(spec.palette)}
        target.write_colormap(1, colors | {NODATA: (0, 0, 0, 0)})
        target.update_tags(1, **{f"CLASS_{i}": name for i, name in enumerate(spec.classes)})
    tree = _raw(path, raw)
    categories = _element(tree.find("VRTRasterBand"), "CategoryNames")
    for name in spec.classes:
        _element(categories, "Category", name)
    _save(tree, path, source)


def probabilities_raster(
    path: Path, raw: RawMap, source: rasterio.DatasetReader, spec: DatasetSpec
) -> None:
    """Probabilities, a band for each class, NaN where there are none; as ``classes_raster``."""
    with _created(path, source, spec.num_classes, "float32", float("nan")) as target:
        target.descriptions = tuple(spec.classes)
    _save(_raw(path, raw), path, source)


def colors_raster(
    path: Path, classes: Path, source: rasterio.DatasetReader, spec: DatasetSpec
) -> None:
    """Red, green, blue and alpha, 0 where there is no data, of the VRT of a map of classes."""
    with _created(path, source, 4, "uint8", None) as target:
        names = ("red", "green", "blue", "alpha")
        target.colorinterp = [ColorInterp[name] for name in names]
    tree = ElementTree.parse(path).getroot()
    colors = {index: (*color, _OPAQUE) for index, color in enumerate(spec.palette)}
    colors[NODATA] = (*spec.ignore_color, 0)
    for number, band in enumerate(tree.findall("VRTRasterBand")):
        values = ((index, color[number]) for index, color in colors.items())
        lookup = _element(band, "ComplexSource")
        _element(lookup, "SourceFilename", classes.name, relativeToVRT="1")
        _element(lookup, "SourceBand", "1")
        _element(lookup, "LUT", ",".join(f"{index}:{value}" for index, value in values))
    _save(tree, path, source)


def _created(
    path: Path,
    source: rasterio.DatasetReader,
    count: int,
    dtype: str,
    nodata: float | None,
) -> DatasetWriter:
    target = rasterio.open(
        path,
        "w",
        driver="VRT",
        height=source.height,
        width=source.width,
        count=count,
        dtype=dtype,
        nodata=nodata,
        crs=source.crs,
        transform=None if source.transform.is_identity else source.transform,
    )
    carry_on(source, target)
    return target


def _raw(path: Path, raw: RawMap) -> ElementTree.Element:
    """The VRT with the bands of a raw map."""
    tree = ElementTree.parse(path).getroot()
    _, height, width = raw.shape
    size = raw.dtype.itemsize
    for number, band in enumerate(tree.findall("VRTRasterBand")):
        band.set("subClass", "VRTRawRasterBand")
        _element(band, "SourceFilename", raw.path.name, relativeToVRT="1")
        _element(band, "ImageOffset", number * height * width * size)
        _element(band, "PixelOffset", size)
        _element(band, "LineOffset", width * size)
        _element(band, "ByteOrder", "LSB" if np.little_endian else "MSB")
    return tree


def _element(
    parent: ElementTree.Element, tag: str, text: Any = "", **attributes: str
) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, tag, attributes)
    element.text = str(text)
    return element


def _save(tree: ElementTree.Element, path: Path, source: rasterio.DatasetReader) -> None:
    for element, point in zip(tree.iter("GCP"), source.gcps[0], strict=True):  # which GDAL rounds
        for name in ("row", "col", "x", "y", "z"):
            key = {"row": "Line", "col": "Pixel"}.get(name, name.upper())
            element.set(key, repr(float(getattr(point, name) or 0)))
    path.write_bytes(ElementTree.tostring(tree))
