"""Splitting an orthophoto with polygons against reading its windows and writing them alone."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pyogrio
import rasterio
import shapely

from benchmarks.measuring import Row, compare, megabytes
from network.files.images import write_image
from network.preparation.demo_orthophoto import FIELD, IMAGE, LABELS, write_orthophoto
from network.preparation.demo_scenes import draw_scene
from network.preparation.orthophotos.images import Orthophoto, opened
from network.preparation.orthophotos.patch_files import write_patch
from network.preparation.orthophotos.split import OrthophotoSplit, split_orthophotos
from network.preparation.windows import windows

TIMES, SCENE, PATCH = 4, 1000, 1000


def run() -> list[Row]:
    """A drawn scene four by four times, 4000x4000 of four bands in 16 bits, in one process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _draw(folder)
        how = OrthophotoSplit(
            *([folder / IMAGE], folder / LABELS, folder / "patches"),
            class_field=FIELD,
            size=PATCH,
            stride=PATCH,
        )
        found = compare(
            {
                "split": lambda: split_orthophotos(how, processes=1),
                "reading and writing alone": lambda: _copy(folder),
            },
            rounds=3,
            warmup=1,
        )
    seconds = {name: measured.seconds for name, measured in found.items()}
    return [
        *(Row(name, value, "s") for name, value in seconds.items()),
        Row("split, added memory", megabytes(found["split"].added), "MB"),
        Row("split / reading and writing", seconds["split"] / [*seconds.values()][1], "x"),
    ]


def _draw(folder: Path) -> None:
    """One scene, repeated, so that image and polygons are soon made."""
    image, labels = draw_scene(SCENE, SCENE, 0)
    write_orthophoto(folder, image, labels, rasterio.CRS.from_epsg(32632))
    with rasterio.open(folder / IMAGE) as file:
        values, profile = file.read(), file.profile
    profile |= {"height": SCENE * TIMES, "width": SCENE * TIMES}
    with rasterio.open(folder / IMAGE, "w", **profile) as file:
        file.write(np.tile(values, (1, TIMES, TIMES)))
    info, _, stored, (classes,) = pyogrio.raw.read(folder / LABELS)
    side = SCENE * profile["transform"].a
    moved = [
        shapely.transform(
            shapely.from_wkb(stored), lambda xy, by=(col * side, -row * side): xy + by
        )
        for row in range(TIMES)
        for col in range(TIMES)
    ]
    pyogrio.raw.write(
        *(folder / LABELS, shapely.to_wkb(np.concatenate(moved))),
        *([np.tile(classes, TIMES * TIMES)], [FIELD]),
        driver="GPKG",
        geometry_type="Polygon",
        crs=info["crs"],
    )


def _copy(folder: Path) -> None:
    image = Orthophoto.of(folder / IMAGE)
    mask = np.zeros((PATCH, PATCH), np.uint8)
    file = opened(image.path)
    for window in windows(image.height, image.width, PATCH, PATCH):
        values = file.read(place=(window.top, window.left, PATCH, PATCH))
        stem = folder / f"copy/{window.row}_{window.col}"
        stem.parent.mkdir(exist_ok=True)
        write_patch(stem.with_suffix(".tif"), values, file, window.top, window.left)
        write_image(stem.with_suffix(".png"), mask)
