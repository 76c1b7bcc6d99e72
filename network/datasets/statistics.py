"""Mean, deviation and percentiles of the bands of a dataset's training images."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from rasterio.windows import Window

from network.datasets.bands import Bands
from network.datasets.checks import check_types
from network.datasets.layout import DatasetLayout
from network.errors import DataError
from network.files.band_images import BandSelection, check_image, has_sidecar
from network.files.headers import read_header
from network.files.image_file import ImageFile
from network.files.no_data import NoData
from network.files.parallel import default_processes, in_processes

PERCENTILES = (0, 1, 2, 50, 98, 99, 100)
_SAMPLES = 1_000_000
"""Pixels of which percentiles are taken, about."""
_BLOCK, _STRIP = 1 << 20, 1 << 24
"""Pixels that are read at a time, and that one process reads one after another."""


@dataclass
class Moments:
    """Number, mean and sum of squared deviations of the pixels with data, by band.

    Partial ones are put together by the formulas of Chan, Golub and LeVeque (1983), which never
    subtract two large sums, so that a large offset of the values costs no digits.

    Attributes:
        count: pixels.
        mean, squares: float64 [bands].
    """

    count: int
    mean: np.ndarray
    squares: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> Moments:
        """Of values [bands, pixels]."""
        if not values.shape[1]:
            return cls(0, np.zeros(len(values)), np.zeros(len(values)))
        values = values.astype(np.float64)
        mean = values.mean(axis=1)
        return cls(values.shape[1], mean, np.square(values - mean[:, None]).sum(axis=1))

    def __add__(self, other: Moments) -> Moments:
        count = self.count + other.count
        if not count:
            return self
        step = other.mean - self.mean
        share = other.count / count
        squares = self.squares + other.squares + step**2 * self.count * share
        return Moments(count, self.mean + step * share, squares)

    @property
    def std(self) -> np.ndarray:
        """Deviations float64 [bands], with the number of pixels as divisor."""
        return np.sqrt(self.squares / max(1, self.count))


@dataclass
class Statistics:
    """What the training images hold, in their stored values.

    Attributes:
        images: their number.
        dtype: of their values.
        pixels: all of them, with data or without.
        moments: of those with data in all bands.
        no_data: share of all pixels without data, by band, float64 [bands].
        percentiles: float64 [``PERCENTILES``, bands].
        every: they are those of every so many pixels with data.
    """

    images: int
    dtype: np.dtype
    pixels: int
    moments: Moments
    no_data: np.ndarray
    percentiles: np.ndarray
    every: int

    def scale(self, bands: Bands) -> tuple[float, float] | None:
        """The scale that the dataset has, or one for these values; None where 8 bits need none.

        Of two digits; 1 stands for the highest 99th percentile of a band, and 0 for the value 0, or
        where there are values below it for the lowest 1st percentile.
        """
        if bands.scale is not None or self.dtype == np.uint8:
            return bands.scale
        low, high = self.percentiles[PERCENTILES.index(1)], self.percentiles[PERCENTILES.index(99)]
        lowest = -_two_digits(-low.min()) if low.min() < 0 else 0.0
        highest = high.max()
        return lowest, _two_digits(highest) if highest > lowest else lowest + 1.0

    def scaled(self, scale: tuple[float, float]) -> tuple[list[float], list[float]]:
        """Mean and deviation of the scaled values, seven digits of each.

        Raises:
            DataError: a band that has one value only, by which nothing can be normalised.
        """
        low, high = scale
        mean, std = (self.moments.mean - low) / (high - low), self.moments.std / (high - low)
        if not std.all():
            bands = ", ".join(str(1 + band) for band in np.flatnonzero(std == 0))
            raise DataError(
                f"band {bands} of the dataset has the same value in all training images "
                f"({self.moments.mean[std == 0][0]:g}); leave it out of bands"
            )
        return _digits(mean), _digits(std)


def find_statistics(layout: DatasetLayout, processes: int | None = None) -> Statistics:
    """Read the training images once, in windows.

    Args:
        layout: of the dataset, with a scale or without.
        processes: that read; without it, one for each core.

    Raises:
        DataError: unreadable images, images of different types, or none with data.
    """
    samples = layout.samples("train")
    selection = layout.spec.selection
    if selection.scale is None:  # which is what is looked for
        selection = replace(selection, scale=(0.0, 1.0))
    forms = [check_image(sample.image, selection) for sample in samples]
    check_types(samples, [form.dtype for form in forms])
    pixels = sum(form.height * form.width for form in forms)
    every = math.ceil(pixels / _SAMPLES)
    strips = [
        _Strip(sample.image, top, min(rows, form.height - top))
        for sample, form in zip(samples, forms, strict=True)
        for rows in [_rows(form.width, _STRIP if _is_tiff(sample.image) else sys.maxsize)]
        for top in range(0, form.height, rows)
    ]
    read = partial(_read, selection=selection, every=every)
    processes = min(processes or default_processes(), len(strips))
    moments, no_data, values = None, 0, []
    for part in in_processes(read, strips, processes, "reading", "strip"):
        moments = part.moments if moments is None else moments + part.moments
        no_data = no_data + part.no_data
        values.append(part.values)
    if not moments.count:
        raise DataError(f"no pixel of the {len(samples)} training images holds data in all bands")
    chosen = np.concatenate(values, axis=1).astype(np.float64)
    return Statistics(
        images=len(samples),
        dtype=forms[0].dtype,
        pixels=pixels,
        moments=moments,
        no_data=no_data / pixels,
        percentiles=np.percentile(chosen, PERCENTILES, axis=1),
        every=every,
    )


@dataclass(frozen=True)
class _Strip:
    """Rows of an image."""

    path: Path
    top: int
    rows: int


@dataclass
class _Part:
    """Of a strip: moments, pixels without data by band, every so many values [bands, n]."""

    moments: Moments
    no_data: np.ndarray
    values: np.ndarray


def _read(strip: _Strip, selection: BandSelection, every: int) -> _Part:
    with ImageFile(strip.path, beside=has_sidecar(strip.path)) as file:
        bands = selection.of(file)
        no_data = NoData(file, bands, selection.alpha)
        total = Moments.of(np.empty((len(bands), 0)))
        missed, chosen, seen = np.zeros(len(bands), np.int64), [], 0
        for values, missing in _blocks(file, bands, no_data, strip):
            flat = values.reshape(len(bands), -1)
            if missing is not None:
                missing = missing.reshape(len(bands), -1)
                missed += missing.sum(axis=1)
                flat = flat[:, ~missing.any(axis=0)]
            total += Moments.of(flat)
            chosen.append(flat[:, -seen % every :: every].copy())
            seen += flat.shape[1]
    return _Part(total, missed, np.concatenate(chosen, axis=1))


def _blocks(
    file: ImageFile, bands: Sequence[int], no_data: NoData, strip: _Strip
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    step = _rows(file.width, _BLOCK)
    for top in range(strip.top, strip.top + strip.rows, step):
        rows = min(step, strip.top + strip.rows - top)
        values = file.read(bands, (top, 0, rows, file.width))
        yield values, no_data.missing(values, window=Window(0, top, file.width, rows))


def _is_tiff(path: Path) -> bool:
    """Whether parts of a file can be read without decoding what stands before them."""
    return read_header(path).kind == "TIFF"


def _rows(width: int, pixels: int) -> int:
    return max(1, pixels // width)


def _two_digits(value: float) -> float:
    """A number above 0 rounded up to two digits."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(round(value / unit, 6)) * unit:.2g}")


def _digits(values: np.ndarray) -> list[float]:
    return [float(f"{value:.7g}") for value in values]
