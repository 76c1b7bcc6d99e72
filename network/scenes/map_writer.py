"""The maps of one image: values as they are predicted, and the files that are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from rasterio.io import DatasetReader

from network.datasets.catalog import DatasetSpec
from network.datasets.colors import decode_colors
from network.errors import DataError
from network.files.images import write_image
from network.files.notes import say_once
from network.scenes.arrays import Array, as_numpy
from network.scenes.georeference import is_placed, placing_note
from network.scenes.ground import Ground
from network.scenes.map_files import CLASSES, COLORS, NAMES, POLYGONS, PROBABILITIES, STYLE
from network.scenes.options import SceneOptions
from network.scenes.polygons import write_polygons
from network.scenes.raster_writer import write_geotiff
from network.scenes.rasters import NODATA, Raster
from network.scenes.raw_map import RawMap
from network.scenes.style import write_raster_style
from network.scenes.virtual import classes_raster, colors_raster, probabilities_raster


class RawMaps:
    """Classes and, if they are wanted, probabilities of an image, uncompressed in a folder.

    Several processes may write parts of them.

    Args:
        folder: of the files; not there yet, they are made.
        size: height and width of the image.
        num_classes: N.
        probabilities: whether these are wanted.
        shown: what a fault names.

    Raises:
        OutputError: they cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        size: tuple[int, int],
        num_classes: int,
        probabilities: bool,
        shown: Path,
    ) -> None:
        self.folder = folder
        self.probabilities = None
        with ExitStack() as opened:
            self.classes = opened.enter_context(
                RawMap(folder / "classes.raw", (1, *size), "uint8", shown)
            )
            if probabilities:
                shape = num_classes, *size
                self.probabilities = opened.enter_context(
                    RawMap(folder / "probabilities.raw", shape, "float32", shown)
                )
            self.opened = opened.pop_all()

    def __enter__(self) -> RawMaps:
        return self

    def __exit__(self, *error) -> None:
        self.opened.__exit__(*error)

    def write(
        self, rows: slice, cols: slice, classes: np.ndarray, probabilities: Array | None
    ) -> None:
        """Write a region, of those of the same rows the next one.

        Args:
            rows, cols: where it lies.
            classes: uint8 [h, w].
            probabilities: float32 [N, h, w], where these are wanted.

        Raises:
            OutputError: it cannot be written.
        """
        height, width = rows.stop - rows.start, self.classes.shape[2]
        if cols.start == 0:
            self._strip = np.empty((height, width), np.uint8)
        self._strip[:, cols] = classes
        if cols.stop == width:  # thousands of short rows would take longer
            self.classes.write(self._strip, rows, slice(0, width))
        if self.probabilities is not None:
            values = as_numpy(probabilities)
            values[:, classes == NODATA] = np.nan
            self.probabilities.write(values, rows, cols)


class MapWriter:
    """Makes the files of an image from its raw maps.

    Args:
        raster: the image.
        spec: classes and colors.
        options: what is written, and how.
        kinds: of the files that are written.

    Raises:
        DataError: polygons cannot be written of the image.
    """

    def __init__(
        self, raster: Raster, spec: DatasetSpec, options: SceneOptions, kinds: Mapping[str, Path]
    ) -> None:
        self.raster = raster
        self.spec = spec
        self.options = options
        self.shown = kinds
        self.ground = self._ground() if POLYGONS in kinds else None
        if note := placing_note(raster.source):
            say_once(raster.path, "placing", f"{raster.path}: {note}")

    def write(self, raw: RawMaps, files: Mapping[str, Path]) -> None:
        """Write the files.

        Args:
            raw: the finished maps; files that are needed meanwhile are made in their folder.
            files: the path of each kind; what is there is replaced.

        Raises:
            OutputError: one cannot be written.
        """
        source = self.raster.source
        classes = raw.folder / "classes.vrt"
        classes_raster(classes, raw.classes, source, self.spec)
        if files[CLASSES].suffix == ".png":
            self._write_pictures(raw, files)
        else:
            self._write_rasters(classes, raw, files, source)
        if PROBABILITIES in files:
            virtual = raw.folder / "probabilities.vrt"
            probabilities_raster(virtual, raw.probabilities, source, self.spec)
            self._publish(virtual, files, PROBABILITIES, averages=True)
        if POLYGONS in files:
            options, path = self.options, raw.folder / f"polygons{files[POLYGONS].suffix}"
            limits = options.min_area, options.simplify, self.shown[POLYGONS]
            write_polygons(path, raw.classes, self.spec, self.ground, *limits)
            path.replace(files[POLYGONS])

    def _write_rasters(
        self, classes: Path, raw: RawMaps, files: Mapping[str, Path], source: DatasetReader
    ) -> None:
        beside = self._publish(classes, files, CLASSES)
        beside.replace(files[NAMES])
        write_raster_style(files[STYLE], self.spec)
        if COLORS in files:
            virtual = raw.folder / "colors.vrt"
            colors_raster(virtual, classes, source, self.spec)
            self._publish(virtual, files, COLORS)

    def _publish(
        self, virtual: Path, files: Mapping[str, Path], kind: str, averages: bool = False
    ) -> Path:
        """Write a GeoTIFF; of what it cannot hold the file, which is there only if there is any."""
        made = virtual.with_suffix(".tif")
        write_geotiff(virtual, made, self.options.cog, self.shown[kind], averages)
        made.replace(files[kind])
        return made.with_name(f"{made.name}.aux.xml")

    def _write_pictures(self, raw: RawMaps, files: Mapping[str, Path]) -> None:
        everything = slice(0, self.raster.height), slice(0, self.raster.width)
        classes = raw.classes.read(*everything)[0]
        write_image(files[CLASSES], classes)
        if COLORS in files:
            colors = decode_colors(classes, self.spec)
            if (missing := classes == NODATA).any():
                alpha = np.where(missing, np.uint8(0), np.uint8(255))
                colors = np.dstack([colors, alpha])
            write_image(files[COLORS], colors)

    def _ground(self) -> Ground:
        source, path = self.raster.source, self.raster.path
        ground = Ground.of(source)
        if ground.holds_pole and self.options.polygons_format == "geojson":
            raise DataError(
                f"{path} reaches around a pole, where areas have no outline in longitude and "
                "latitude; predict it with --polygons-format gpkg, or without --polygons"
            )
        if ground.note and is_placed(source):
            say_once(path, "polygons", f"{path}: {ground.note}")
        return ground
