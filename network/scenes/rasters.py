"""Images of any size, read a part at a time, with their georeference."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import numpy as np
import rasterio
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from network.errors import DataError
from network.files.images import check_decodes

NODATA = 255
"""Class index of pixels that hold no data."""


_CACHE = 64
"""MB that GDAL keeps of the files in use; by default it takes a twentieth of the memory."""


_SILENT = ("PNG", "JPEG", "BMP", "WEBP")
"""Formats of which GDAL fills what a truncated file lacks."""


_SAMPLE = 1024


_PERCENTILES = (2, 98)


class Part(NamedTuple):
    """A window of a scene: uint8 [h, w, bands], and bool [h, w] where it holds data."""

    image: np.ndarray
    valid: np.ndarray


class Raster:
    """An image file, read a window at a time as uint8.

    Eight bits are taken as they are. Wider values are mapped linearly to 0..255, each band from a
    range of its own; what lies outside is clipped.

    Args:
        path: anything that GDAL reads.
        count: bands that the network takes.
        bands: which ones, from 1; without it the first ones, and a single one for all.
        value_range: lowest and highest value; without it, for wider values, the 2nd and 98th
            percentile of an evenly reduced image.

    Raises:
        DataError: not a readable image, or too few bands.
    """

    def __init__(
        self,
        path: str | Path,
        count: int = 3,
        bands: Sequence[int] | None = None,
        value_range: tuple[float, float] | None = None,
    ) -> None:
        self.path = Path(path)
        try:
            self.source = rasterio.open(self.path)
        except RasterioError as error:
            raise _unreadable(self.path, error) from error
        self.height, self.width = self.source.height, self.source.width
        try:
            if self.source.driver in _SILENT:
                check_decodes(self.path)
            self.bands = self._bands(count, bands)
            self.ranges = self._ranges(value_range)
        except BaseException:
            self.source.close()
            raise

    def __enter__(self) -> Raster:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.source.close()

    @property
    def has_georeference(self) -> bool:
        """Whether it has a place on the ground, or is a TIFF, whose output is one too."""
        return has_georeference(self.source)

    def read(self, top: int, left: int, height: int, width: int) -> Part:
        """A window; what reaches over the lower and the right edge is mirrored and holds no data.

        Raises:
            DataError: the file is damaged there.
        """
        rows, cols = min(height, self.height - top), min(width, self.width - left)
        window = Window(left, top, cols, rows)
        try:
            values = self.source.read(self.bands, window=window)
            valid = self.source.dataset_mask(window=window) > 0
        except RasterioError as error:
            raise _unreadable(self.path, error) from error
        over = (0, height - rows), (0, width - cols)
        image = np.pad(self._scaled(values).transpose(1, 2, 0), (*over, (0, 0)), mode="symmetric")
        return Part(image, np.pad(valid, over))

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        if self.ranges is None:
            return values
        low, high = (
            np.array(side, np.float32)[:, None, None] for side in zip(*self.ranges, strict=True)
        )
        share = (values.astype(np.float32) - low) / np.maximum(high - low, 1e-12)
        return np.rint(np.nan_to_num(share).clip(0, 1) * 255).astype(np.uint8)

    def _bands(self, count: int, bands: Sequence[int] | None) -> list[int]:
        there = [
            band
            for band, kind in enumerate(self.source.colorinterp, 1)
            if kind is not ColorInterp.alpha
        ]
        if bands is None:
            bands = there * count if len(there) == 1 else there[:count]
        missing = [band for band in bands if not 1 <= band <= self.source.count]
        if missing or len(bands) != count:
            raise DataError(
                f"{self.path} has {self.source.count} bands, the network takes {count} and was "
                f"given {', '.join(map(str, bands))}: choose {count} of them by --bands"
            )
        if any(np.dtype(kind).kind == "c" for kind in self.source.dtypes):
            raise DataError(f"{self.path} holds complex numbers; only real ones can be predicted")
        return list(bands)

    def _ranges(self, value_range: tuple[float, float] | None) -> list[tuple[float, float]] | None:
        if value_range is not None:
            return [value_range] * len(self.bands)
        if {self.source.dtypes[band - 1] for band in self.bands} == {"uint8"}:
            return None
        factor = max(1.0, max(self.height, self.width) / _SAMPLE)
        shape = max(1, round(self.height / factor)), max(1, round(self.width / factor))
        try:
            sample = self.source.read(
                self.bands, out_shape=(len(self.bands), *shape), resampling=Resampling.nearest
            )
            valid = self.source.dataset_mask(out_shape=shape) > 0
        except RasterioError as error:
            raise _unreadable(self.path, error) from error
        return [_percentiles(band[valid & np.isfinite(band)]) for band in sample]


def has_georeference(source: rasterio.DatasetReader) -> bool:
    """Whether an image has a place on the ground, or is a TIFF."""
    placed = source.crs is not None or not source.transform.is_identity
    return placed or source.driver == "GTiff"


def _percentiles(values: np.ndarray) -> tuple[float, float]:
    if not values.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(values, _PERCENTILES))
    return low, high if high > low else low + 1


@contextmanager
def bounded_cache() -> Iterator[None]:
    """GDAL within ``_CACHE`` MB, and silent where an image has no georeference."""
    with warnings.catch_warnings(), rasterio.Env(GDAL_CACHEMAX=_CACHE):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def _unreadable(path: Path, error: Exception) -> DataError:
    reason = " ".join(str(error.__cause__ or error).split())
    return DataError(f"cannot read {path} as an image ({reason}); replace it or take it out")
