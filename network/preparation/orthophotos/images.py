"""The orthophotos that are cut: size, bands and place of each."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import shapely
from affine import Affine
from rasterio.crs import CRS

from network.errors import DataError
from network.files.gdal_cache import gdal_cache
from network.files.image_file import ImageFile
from network.scenes.georeference import other_placing


@dataclass(frozen=True)
class Orthophoto:
    """An image file and its place on the ground.

    Attributes:
        path: of the file.
        height, width: in pixels.
        count: bands.
        dtype: of the values.
        crs, transform: of its place; None where there is none.
        placing: by what it is placed instead of a transform; empty where by nothing.
        block: columns that are read at once.
        bands: those that are no alpha, from 1.
        band_names: their descriptions; empty where some have none.
    """

    path: Path
    height: int
    width: int
    count: int
    dtype: str
    crs: CRS | None
    transform: Affine | None
    placing: str = ""
    block: int = 1
    bands: tuple[int, ...] = ()
    band_names: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: Path) -> Orthophoto:
        """Of a file, by its header.

        Raises:
            DataError: not a readable image.
        """
        with ImageFile(path, beside=True) as file:
            source = file.source
            named = () if file.palette else source.descriptions
            names = [name for band, name in enumerate(named, 1) if band in file.colored and name]
            return cls(
                *(path, file.height, file.width, file.count, str(file.dtype)),
                source.crs or None,
                None if source.transform.is_identity else source.transform,
                other_placing(source),
                source.block_shapes[0][1],
                tuple(file.colored),
                tuple(names) if len({*names}) == len(file.colored) else (),
            )

    @property
    def name(self) -> str:
        """Stem of the file, with which names of patches begin."""
        return self.path.stem

    @property
    def pixel(self) -> tuple[float, float]:
        """Width and height of a pixel in units of the CRS."""
        a, b, _, d, e, _ = self.transform[:6]
        return (a * a + d * d) ** 0.5, (b * b + e * e) ** 0.5

    def check_placed(self) -> None:
        """Refuse an image to which no place on the ground can be put.

        Raises:
            DataError: it has no transform, or no CRS.
        """
        if self.transform is None:
            by = (
                f"It is placed by {self.placing}; warp it first (gdalwarp). "
                if self.placing
                else ""
            )
            raise DataError(
                f"{self.path} has no place on the ground (no transform). {by}Labels can then only "
                "be a raster of the same size"
            )
        if self.crs is None:
            raise DataError(
                f"{self.path} has no CRS, so that labels cannot be laid on it; write the one it is "
                f"in into the file (rio edit-info --crs EPSG:25832 {self.path})"
            )

    def to_ground(self, geometries: object) -> object:
        """Geometries in pixels from the upper left as such in the CRS."""
        return _moved(geometries, self.transform)

    def to_pixels(self, geometries: object) -> object:
        """Geometries in the CRS as such in pixels from the upper left."""
        return _moved(geometries, ~self.transform)


def open_images(paths: Sequence[Path]) -> list[Orthophoto]:
    """Look at images that are to make one dataset.

    Raises:
        DataError: unreadable files, bands or types that differ, names that clash.
    """
    images = [Orthophoto.of(path) for path in paths]
    first = images[0]
    stems: dict[str, Path] = {}
    for image in images:
        if (image.count, image.dtype) != (first.count, first.dtype):
            raise DataError(
                f"{image.path} has {image.count} bands of {image.dtype}, but {first.path} has "
                f"{first.count} of {first.dtype}; images of one dataset must be alike"
            )
        other = stems.setdefault(image.name.casefold(), image.path)
        if other != image.path:
            raise DataError(
                f"{other} and {image.path} have the same stem, by which patches are named; rename "
                "one of them"
            )
    return images


def cached(image: Orthophoto, rows: int) -> AbstractContextManager[None]:
    """GDAL within a bounded memory, so that windows of some rows side by side are read once."""
    row = rows * image.width * image.count * np.dtype(image.dtype).itemsize
    whole = image.block > image.width / 2
    return gdal_cache(row if whole else 0)


@lru_cache(maxsize=1)
def opened(path: Path) -> ImageFile:
    """The file, which stays open in this process until another one is."""
    return ImageFile(path, beside=True)


def _moved(geometries: object, by: Affine) -> object:
    a, b, c, d, e, f = by[:6]

    def move(places: object) -> object:
        x, y = places.T
        places[:, 0], places[:, 1] = a * x + b * y + c, d * x + e * y + f
        return places

    return shapely.transform(geometries, lambda places: move(places.copy()))
