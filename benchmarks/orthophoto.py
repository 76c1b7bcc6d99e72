"""Splitting an orthophoto with polygons against reading its windows and writing them alone."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pyogrio
import rasterio
import shapely

from benchmarks.measuring import Row, compare, megabytes
from network.datasets.windows import windows
from network.files.images import write_image
from network.preparation.demo_orthophoto import FIELD, IMAGE, LABELS, write_orthophoto
from network.preparation.demo_scenes import draw_scene
from network.preparation.orthophotos.images import Orthophoto, opened
from network.preparation.orthophotos.patch_files import write_patch
from network.preparation.orthophotos.split import OrthophotoSplit, split_orthophotos

TIMES, SCENE, PATCH = 4, 1000, 1000
TOLERANCE = 5
"""Pixels by which outlines that somebody drew by hand leave those that follow every pixel."""
SIMPLE = "simple.gpkg"


def run() -> list[Row]:
    """A drawn scene four by four times, 4000x4000 of four bands in 16 bits, in one process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        vertices = _draw(folder)
        found = compare(
            {
                "split, outlines along every pixel": lambda: _split(folder, LABELS),
                "split, outlines drawn by hand": lambda: _split(folder, SIMPLE),
                "reading and writing alone": lambda: _copy(folder),
            },
            rounds=3,
            warmup=1,
        )
    *split, alone = (measured.seconds for measured in found.values())
    rows = [Row(name, measured.seconds, "s") for name, measured in found.items()]
    for what, seconds, count in zip(found, split, vertices, strict=False):
        megapixels = (SCENE * TIMES) ** 2 / 1e6
        rows += [
            Row(f"{what}, vertices a megapixel", count / megapixels, ""),
            Row(f"{what} / reading and writing", seconds / alone, "x"),
            Row(f"{what}, added memory", megabytes(found[what].added), "MB"),
        ]
    return rows


def _split(folder: Path, labels: str) -> None:
    split_orthophotos(
        OrthophotoSplit(
            *([folder / IMAGE], folder / labels, folder / "patches"),
            class_field=FIELD,
            size=PATCH,
            stride=PATCH,
        ),
        processes=1,
    )


def _draw(folder: Path) -> tuple[int, int]:
    """One scene, repeated, so that image and polygons are soon made; vertices of both outlines."""
    image, labels = draw_scene(SCENE, SCENE, 0)
    write_orthophoto(folder, image, labels, rasterio.CRS.from_epsg(32632))
    with rasterio.open(folder / IMAGE) as file:
        values, profile = file.read(), file.profile
    profile |= {"height": SCENE * TIMES, "width": SCENE * TIMES}
    with rasterio.open(folder / IMAGE, "w", **profile) as file:
        file.write(np.tile(values, (1, TIMES, TIMES)))
    info, _, stored, (classes,) = pyogrio.raw.read(folder / LABELS)
    pixel = profile["transform"].a
    steps = [
        np.multiply((col, -row), SCENE * pixel) for row in range(TIMES) for col in range(TIMES)
    ]
    exact = shapely.from_wkb(stored)
    vertices = []
    for name, outlines in (
        (LABELS, exact),
        (SIMPLE, shapely.simplify(exact, TOLERANCE * pixel)),
    ):
        moved = np.concatenate(
            [shapely.transform(outlines, lambda xy, step=step: xy + step) for step in steps]
        )
        pyogrio.raw.write(
            *(folder / name, shapely.to_wkb(moved), [np.tile(classes, TIMES * TIMES)], [FIELD]),
            driver="GPKG",
            geometry_type="Polygon",
            crs=info["crs"],
        )
        vertices.append(int(shapely.get_num_coordinates(moved).sum()))
    return vertices[0], vertices[1]


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
