"""Images of any size, read a part at a time, with their georeference."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import numpy as np
from rasterio.windows import Window

from network.datasets.bands import Bands
from network.errors import DataError
from network.files.image_file import ImageFile, interleaved
from network.files.no_data import NoData, filled
from network.files.notes import say_once

NODATA = 255
"""Class index of pixels that hold no data."""


_SAMPLE = 1024


_PROBE, _PROBES = 128, 8
"""Side of the squares, and number of their rows and columns, in which alpha is looked at."""


_NEAR, _MAX_BETWEEN = 0.04, 0.05
"""An alpha band that is a mask has at most this share of values that are not near its ends."""


_PERCENTILES = (2, 98)


PICTURE = Bands()
"""Red, green and blue of 8 bits."""


class Part(NamedTuple):
    """A window of a scene: values [h, w, bands], and bool [h, w] where it holds data."""

    image: np.ndarray
    valid: np.ndarray


class Raster:
    """An image file, read a window at a time as a dataset's images are read.

    With a scale, values are those of the file. Without one, eight bits are taken as they are (see
    ``network.files.image_file``), and wider values are mapped linearly to 0..255, each band from a
    range of its own; what lies outside is clipped.

    Pixels hold no data where ``network.files.no_data.NoData`` says so; there each band has its
    mean. Where nothing is said of alpha, an alpha band of 0 means no data too, but changes no pixel
    as it changes none in training; one that is flagged as alpha, as rasterio flags every fourth
    one, but holds more than 0 and 255 is no mask.

    Args:
        path: anything that GDAL reads.
        spec: bands that the network takes, of the dataset that it was trained on.
        bands: others instead of those of ``spec``, from 1.
        value_range: without a scale, values that become 0 and 255; without it, for wider values,
            the 2nd and 98th percentile of an evenly reduced image.

    Raises:
        DataError: not a readable image, too few bands, or values that are not those of the scale.
    """

    def __init__(
        self,
        path: str | Path,
        spec: Bands = PICTURE,
        bands: Sequence[int] | None = None,
        value_range: tuple[float, float] | None = None,
    ) -> None:
        self.path = Path(path)
        self._reading = threading.Lock()
        with ExitStack() as stack:
            self.file = stack.enter_context(ImageFile(self.path, beside=True))
            self.source = self.file.source
            self.height, self.width = self.file.height, self.file.width
            self.spec = spec
            self.bands = self._bands(bands)
            self.file.read(place=(0, 0, 1, 1))  # refuses a truncated JPEG before all work
            self._no_data = NoData(self.file, self.bands, spec.alpha)
            self._alpha = not spec.alpha and self._alpha_masks()
            self.ranges = self._ranges(value_range)
            stack.pop_all()

    def __enter__(self) -> Raster:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._reading:  # a file that is closed under a reading thread ends the process
            self.file.__exit__(kind, error, trace)

    @property
    def row_size(self) -> int:
        """Bytes of a row of pixels, as GDAL decodes it."""
        return self.width * self.file.count * self.file.dtype.itemsize

    def read(self, top: int, left: int, height: int, width: int) -> Part:
        """A window; what reaches over the lower and the right edge is mirrored and holds no data.

        Raises:
            DataError: the file is damaged there.
        """
        rows, cols = min(height, self.height - top), min(width, self.width - left)
        with self._reading:
            values = self.file.read(self.bands, (top, left, rows, cols))
            place = {"window": Window(left, top, cols, rows)}
            missing = self._no_data.missing(values, **place)
            transparent = self._no_data.masked(**place) if self._alpha else False
        here = None if missing is None else ~missing.any(axis=0)
        over = (0, height - rows), (0, width - cols)
        image = filled(interleaved(self._scaled(values)), here, self.spec.fill)
        valid = (np.ones((rows, cols), bool) if here is None else here) & ~np.asarray(transparent)
        if (rows, cols) == (height, width):
            return Part(image, valid)
        return Part(np.pad(image, (*over, (0, 0)), mode="symmetric"), np.pad(valid, over))

    def _alpha_masks(self) -> bool:
        """Whether an alpha band, of which nothing is said, can be taken at its word."""
        alpha = self._no_data.alpha
        if alpha is None or self.source.driver != "GTiff":
            return alpha is not None
        tops, lefts = (
            np.linspace(0, max(0, side - _PROBE), _PROBES).astype(int)
            for side in (self.height, self.width)
        )
        places = {(top, left, min(_PROBE, self.height), min(_PROBE, self.width))
                  for top in tops for left in lefts}  # fmt: skip
        probes = np.concatenate([self.file.read([alpha], place).ravel() for place in places])
        most = np.iinfo(probes.dtype).max if probes.dtype.kind in "iu" else 1
        between = (probes > most * _NEAR) & (probes < most * (1 - _NEAR))
        if is_mask := between.mean() <= _MAX_BETWEEN:
            return is_mask
        say_once(
            self.path,
            "alpha",
            f"{self.path}: band {alpha} is flagged as alpha, but holds more than 0 and {most}, so "
            "it is not taken for a mask",
        )
        return False

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        if self.ranges is None:
            return values
        low, high = (
            np.array(side, np.float32)[:, None, None] for side in zip(*self.ranges, strict=True)
        )
        share = (values.astype(np.float32) - low) / np.maximum(high - low, 1e-12)
        return np.rint(np.nan_to_num(share).clip(0, 1) * 255).astype(np.uint8)

    def _bands(self, bands: Sequence[int] | None) -> list[int]:
        self.file.check_colors()
        count = self.spec.num_bands
        if bands is None:
            bands = self.spec.selection.of(self.file)
        missing = [band for band in bands if not 1 <= band <= self.file.count]
        if missing or len(bands) != count:
            raise DataError(
                f"{self.path} has {self.file.count} bands, the network takes {count} and was "
                f"given {', '.join(map(str, bands))}: choose {count} of them by --bands"
            )
        if self.file.dtype.kind == "c":
            raise DataError(f"{self.path} holds complex numbers; only real ones can be predicted")
        if self.spec.scale is not None:
            self.spec.selection.check_type(self.file)
        return list(bands)

    def _ranges(self, value_range: tuple[float, float] | None) -> list[tuple[float, float]] | None:
        if self.spec.scale is not None:
            return None
        if value_range is not None:
            return [value_range] * len(self.bands)
        if self.file.dtype == np.uint8:
            return None
        factor = max(1.0, max(self.height, self.width) / _SAMPLE)
        shape = max(1, round(self.height / factor)), max(1, round(self.width / factor))
        sample = self.file.read(self.bands, shape=shape)
        missing = self._no_data.missing(sample, out_shape=shape)
        valid = np.ones(shape, bool) if missing is None else ~missing.any(axis=0)
        if self._alpha:
            valid &= ~self._no_data.masked(out_shape=shape)
        return [_percentiles(band[valid]) for band in sample]


def _percentiles(values: np.ndarray) -> tuple[float, float]:
    if not values.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(values, _PERCENTILES))
    return low, high if high > low else low + 1
