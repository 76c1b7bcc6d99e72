"""Which files are written of an image, and writing them while it is predicted."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from network.datasets.catalog import DatasetSpec
from network.datasets.colors import decode_colors
from network.errors import DataError
from network.files.images import write_image
from network.files.notes import say_once
from network.scenes.arrays import Array, as_numpy
from network.scenes.georeference import is_placed, placing_note
from network.scenes.ground import Ground
from network.scenes.options import SceneOptions
from network.scenes.polygons import write_polygons
from network.scenes.raster_writer import RasterWriter
from network.scenes.rasters import NODATA, Raster, bounded_cache

CLASSES, COLORS, PROBABILITIES, POLYGONS = "", "rgb", "probabilities", "polygons"
"""Folders of the outputs, below the one that is named."""


def map_files(image: Path, output: Path, options: SceneOptions) -> dict[str, Path]:
    """The files that are written of an image by kind; none if it cannot be opened."""
    try:
        with bounded_cache(), rasterio.open(image) as source:
            suffix = ".tif" if is_placed(source) or source.driver == "GTiff" else ".png"
    except Exception:  # which prediction meets too, and names
        return {}
    kinds = {
        CLASSES: suffix,
        COLORS: suffix if options.rgb else None,
        PROBABILITIES: ".tif" if options.probabilities else None,
        POLYGONS: ".geojson" if options.polygons else None,
    }
    return {
        kind: output / kind / f"{image.stem}{ending}"
        for kind, ending in kinds.items()
        if ending is not None
    }


class MapWriter:
    """Writes the maps of one image, a region at a time.

    Args:
        files: path of each kind, as ``map_files`` names them.
        raster: the image.
        spec: classes and colors.
        min_area: of polygons.

    Raises:
        DataError: polygons cannot be written of the image.
        OutputError: a file cannot be written.
    """

    def __init__(
        self, files: dict[str, Path], raster: Raster, spec: DatasetSpec, min_area: float
    ) -> None:
        self.files = files
        self.raster = raster
        self.spec = spec
        self.min_area = min_area
        self.ground = self._ground() if POLYGONS in files else None
        if note := placing_note(raster.source):
            say_once(raster.path, "placing", f"{raster.path}: {note}")
        self.whole = None
        if POLYGONS in files or files[CLASSES].suffix == ".png":
            self.whole = np.full((raster.height, raster.width), NODATA, np.uint8)
        with ExitStack() as opened:  # which closes the rasters if another one cannot be opened
            self.classes = self._raster(opened, CLASSES)
            self.colors = self._raster(opened, COLORS, count=3, nodata=None)
            self.probabilities = self._raster(
                *(opened, PROBABILITIES),
                count=spec.num_classes,
                dtype="float32",
                nodata=float("nan"),
            )
            if self.classes:
                self.classes.name_classes(spec)
            if self.probabilities:
                self.probabilities.name_bands(spec.classes)
            opened.push(self._finish)  # first of what closes, and the rasters close if it fails
            self.stack = opened.pop_all()

    def __enter__(self) -> MapWriter:
        return self

    def __exit__(self, *error: Any) -> None:
        self.stack.__exit__(*error)

    def write(self, rows: slice, cols: slice, classes: np.ndarray, probabilities: Array) -> None:
        """Write a region: classes uint8 [h, w], probabilities float32 [N, h, w]."""
        if self.whole is not None:
            self.whole[rows, cols] = classes
        if self.classes:
            self.classes.write(classes, rows, cols)
        if self.colors:
            self.colors.write(decode_colors(classes, self.spec).transpose(2, 0, 1), rows, cols)
        if self.probabilities:
            values = as_numpy(probabilities)
            values[:, classes == NODATA] = np.nan
            self.probabilities.write(values, rows, cols)

    def _finish(self, kind: type[BaseException] | None, *_: Any) -> None:
        if kind is not None:
            return
        if not self.classes:
            write_image(self.files[CLASSES], self.whole)
            if COLORS in self.files:
                write_image(self.files[COLORS], decode_colors(self.whole, self.spec))
        if POLYGONS in self.files:
            write_polygons(
                *(self.files[POLYGONS], self.whole, self.spec, self.ground, self.min_area)
            )

    def _ground(self) -> Ground:
        source, path = self.raster.source, self.raster.path
        ground = Ground.of(source)
        if ground.holds_pole:
            raise DataError(
                f"{path} reaches around a pole, where areas have no outline in longitude and "
                "latitude; predict it without --polygons"
            )
        if ground.note and is_placed(source):
            say_once(path, "polygons", f"{path}: {ground.note}")
        return ground

    def _raster(self, stack: ExitStack, kind: str, **settings: Any) -> RasterWriter | None:
        path = self.files.get(kind)
        if path is None or path.suffix != ".tif":
            return None
        return stack.enter_context(RasterWriter(path, self.raster, **settings))
