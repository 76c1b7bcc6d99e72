"""Scenes on disk, and predicting them."""

import shutil

import numpy as np
import rasterio
from rasterio.transform import from_origin

from network.files.images import read_rgb
from tests.conftest import run_here

UTM = "EPSG:32632"
GEOJSON = ("--polygons", "--polygons-format", "geojson")
PLACE = from_origin(500000, 5400000, 0.5, 0.5)


def write_tif(path, values, **profile):
    values = values[None] if values.ndim == 2 else values
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = {"crs": UTM, "transform": PLACE} | profile
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=values.shape[1],
        width=values.shape[2],
        count=values.shape[0],
        dtype=values.dtype,
        **settings,
    ) as target:
        target.write(values)
    return path


def with_scene(training, root):
    """A copy of a training with scene.tif, 150 x 170 pixels, of which a corner holds no data."""
    shutil.copytree(training, root)
    image = read_rgb(next((root / "data/own/images").glob("scene_001_val.*")))
    scene = np.tile(image, (2, 2, 1))[:150, :170].transpose(2, 0, 1)
    scene[:, :40, :30] = 0
    write_tif(root / "scene.tif", scene, nodata=0)
    return root


def predict(root, *arguments, status=0):
    result = run_here(root, "predict.py", "-c", "bicor.py", *arguments)
    assert result.status == status, result.error
    return result
