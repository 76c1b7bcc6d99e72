"""A synthetic orthophoto: several bands, georeferenced, with polygons of its classes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pyogrio
import rasterio
import shapely
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.features import shapes
from rasterio.transform import from_origin
from shapely.affinity import affine_transform
from shapely.geometry import shape

from network.datasets.catalog import VAIHINGEN
from network.preparation.demo_scenes import CAR, CLUTTER, LOW_VEG, TREE
from network.preparation.orthophotos.reprojection import reprojected

IMAGE, LABELS, AREA = "ortho.tif", "labels.gpkg", "val_area.gpkg"
FIELD = "class"
CRS_OF_IMAGE = CRS.from_epsg(32632)
_PLACE = from_origin(690_000, 5_335_000, 0.2, 0.2)
"""Far from the central meridian, so that north of the grid is not that of the earth."""

_UNLABELED = 0.15
"""Share of the columns, at the right, that nobody labeled."""

_NEAR_INFRARED = {LOW_VEG: (1.3, 62), TREE: (1.15, 78), CAR: (0.8, 18), CLUTTER: (0.45, 12)}
"""Factor of the green band and what is added, by class; elsewhere ``_PAVED``."""

_PAVED = (0.9, 8)
_SENSOR = ((31, 640), (34, 580), (30, 700), (38, 410))
"""Gain and offset of the bands in 16 bits."""

_BLOCK = 256
_DATE = "2026-01-01T00:00:00.000Z"
"""In GeoPackages, so that the same arguments give the same bytes."""


def add_infrared(image: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """Red, green, blue and near infrared: plants are bright in it, water and shadows are dark.

    Shapes: RGB uint8 [H, W, 3], class indices uint8 [H, W] -> float32 [4, H, W] in 0..255.
    """
    rng = np.random.default_rng([seed, 4])
    factor, added = (np.full(256, value, np.float32) for value in _PAVED)
    for index, values in _NEAR_INFRARED.items():
        factor[index], added[index] = values
    bands = image.transpose(2, 0, 1).astype(np.float32)
    soft = [cv2.GaussianBlur(table[labels], (0, 0), 0.7) for table in (factor, added)]
    infrared = bands[1] * soft[0] + soft[1] * (bands[1] / 128).clip(0, 1)
    infrared += rng.normal(0, 2, labels.shape).astype(np.float32)
    return np.concatenate([bands, infrared.clip(0, 255)[None]])


def in_sixteen_bits(bands: np.ndarray, seed: int) -> np.ndarray:
    """Values 0..255 as a sensor of 12 bits and more has them, with noise: uint16 [B, H, W]."""
    rng = np.random.default_rng([seed, 16])
    values = np.empty(bands.shape, np.uint16)
    for band, (gain, offset), out in zip(bands, _SENSOR, values, strict=False):
        noise = rng.normal(0, 25, band.shape).astype(np.float32)
        light = band * np.float32(gain) + np.float32(offset)
        out[...] = np.rint(light + noise).clip(1, 65535)
    return values


def write_orthophoto(
    folder: Path,
    image: np.ndarray,
    labels: np.ndarray,
    labels_crs: CRS,
    bands: int = 4,
    bits: int = 16,
    seed: int = 0,
) -> np.ndarray:
    """Write an orthophoto, polygons of its classes and an area to validate on.

    A part at the right is not labeled; the area is the lower left quarter of the rest.

    Args:
        folder: to write to.
        image: RGB uint8 [H, W, 3].
        labels: class indices uint8 [H, W].
        labels_crs: of the polygons.
        bands: 3, or 4 with near infrared.
        bits: 8 or 16.
        seed: of the noise.

    Returns:
        the labels as far as there are polygons of them, uint8 [H, W'].
    """
    values = add_infrared(image, labels, seed)[:bands]
    deep = in_sixteen_bits(values, seed) if bits == 16 else np.rint(values).astype(np.uint8)
    _write_image(folder / IMAGE, deep)
    height, width = labels.shape
    end = width - max(1, round(width * _UNLABELED))
    inside = np.zeros(labels.shape, bool)
    inside[:, :end] = True
    found = [
        (shape(outline), VAIHINGEN.classes[int(index)])
        for outline, index in shapes(labels, mask=inside, transform=_PLACE)
    ]
    outlines, names = zip(*found, strict=True)
    moved = reprojected(np.array(outlines), CRS_OF_IMAGE, labels_crs, _PLACE.a)
    _write_polygons(folder / LABELS, moved, labels_crs, {FIELD: np.array(names, object)})
    quarter = affine_transform(shapely.box(0, height // 2, end // 2, height), _order(_PLACE))
    _write_polygons(folder / AREA, np.array([quarter]), CRS_OF_IMAGE, {})
    return labels[:, :end]


def _write_image(path: Path, values: np.ndarray) -> None:
    count, height, width = values.shape
    kinds = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.undefined)
    with rasterio.open(
        *(path, "w"),
        driver="GTiff",
        height=height,
        width=width,
        count=count,
        dtype=values.dtype,
        crs=CRS_OF_IMAGE,
        transform=_PLACE,
        photometric="RGB",
        tiled=True,
        blockxsize=_BLOCK,
        blockysize=_BLOCK,
        compress="deflate",
        predictor=2,
    ) as file:
        file.colorinterp = kinds[:count]
        file.descriptions = ("red", "green", "blue", "near infrared")[:count]
        file.write(values)


def _write_polygons(
    path: Path, outlines: np.ndarray, crs: CRS, fields: dict[str, np.ndarray]
) -> None:
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": _DATE})
    pyogrio.raw.write(
        path,
        shapely.to_wkb(outlines),
        list(fields.values()),
        list(fields),
        driver="GPKG",
        layer=path.stem,
        geometry_type="Polygon",
        crs=crs.to_wkt(),
    )


def _order(transform: Affine) -> list[float]:
    a, b, c, d, e, f = transform[:6]
    return [a, b, d, e, c, f]
