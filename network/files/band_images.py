"""Reading the bands of images that a dataset uses, in the type in which they are stored."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from network.errors import DataError
from network.files.headers import read_header
from network.files.image_file import ImageFile
from network.files.no_data import NoData
from network.files.plain_tiff import Plain

TYPES = (np.uint8, np.uint16, np.int16, np.float32)
STATISTICS = "python tools/check_data.py -c CONFIG --statistics"


@dataclass(frozen=True)
class BandSelection:
    """Which bands of image files are taken, and how.

    Attributes:
        bands: from 1; without them those of a picture: the first three that are no alpha, or of a
            single one three times the same.
        scale: values that stand for 0 and 1; without it, only files of 8 bits are taken.
        alpha: one of ``network.files.no_data.ALPHAS``.
    """

    bands: tuple[int, ...] = ()
    scale: tuple[float, float] | None = None
    alpha: str = ""

    def of(self, file: ImageFile) -> list[int]:
        """The bands to take of a file.

        Raises:
            DataError: it lacks some, or stores its colors in a way that is not read.
        """
        if not self.bands:
            return file.picture_bands()
        file.check_colors()
        missing = [band for band in self.bands if band > file.count]
        if missing:
            raise DataError(
                f"{file.path} has {file.count} bands, and of the dataset's bands="
                f"{list(self.bands)} it lacks {', '.join(map(str, missing))}"
            )
        return list(self.bands)

    def check_type(self, file: ImageFile) -> None:
        """Refuse values of a type that is not taken.

        Raises:
            DataError: saying what they are.
        """
        if file.dtype not in TYPES:
            file.check_eight_bits()
        if self.scale is None:
            file.check_eight_bits(
                f"the dataset has no scale for such values: {STATISTICS} finds it"
            )
        elif not _holds(file.dtype, self):
            raise DataError(
                f"{file.path} holds {file.dtype}, and the dataset's scale={list(self.scale)} is of "
                "values beyond that; it is not an image like the others"
            )


PICTURE = BandSelection()


class StoredImage(NamedTuple):
    """Values [H, W, bands], and where they are data, bool [H, W]; None where all are."""

    values: np.ndarray
    valid: np.ndarray | None


class ImageForm(NamedTuple):
    """What the header of an image file says."""

    height: int
    width: int
    dtype: np.dtype


def read_image(path: str | Path, selection: BandSelection = PICTURE) -> StoredImage:
    """Read the bands of an image whole, in the type in which they are stored.

    Of an uncompressed TIFF, as the patch splitters write them, only those pixels are read that are
    looked at: the array is mapped from the file and cannot be written to.

    Raises:
        DataError: not a readable image, truncated, or not stored as ``selection`` takes it.
    """
    path = Path(path)
    header = read_header(path)
    beside = has_sidecar(path)
    if not beside and _is_mapped(header.plain, selection):
        mapped = header.plain.map(path)
        if mapped is not None:
            finite = np.isfinite(mapped).all(axis=2) if mapped.dtype.kind == "f" else None
            return StoredImage(mapped, None if finite is None or finite.all() else finite)
    with ImageFile(path, beside, header) as file:
        bands = selection.of(file)
        selection.check_type(file)
        values = file.whole(bands)
        no_data = NoData(file, bands, selection.alpha)
        if not no_data.is_declared and file.dtype.kind != "f":
            return StoredImage(values, None)
        missing = no_data.missing(np.moveaxis(values, 2, 0))
    return StoredImage(values, None if missing is None else ~missing.any(axis=0))


def read_validity(path: str | Path, selection: BandSelection = PICTURE) -> np.ndarray | None:
    """Where an image holds data, bool [H, W]; None for everywhere.

    Its pixels are read only where they, or the file, may say so.

    Raises:
        DataError: as of ``read_image``.
    """
    path = Path(path)
    header = read_header(path)
    if header.plain is None or header.plain.dtype == "float32" or has_sidecar(path):
        with ImageFile(path, has_sidecar(path), header) as file:
            declared = NoData(file, selection.of(file), selection.alpha).is_declared
            if declared or file.dtype.kind == "f":
                return read_image(path, selection).valid
    return None


def reads_windows(path: str | Path, selection: BandSelection = PICTURE) -> bool:
    """Whether ``read_image`` maps a file, so that only those pixels are read that are looked at.

    Raises:
        DataError: not a readable image.
    """
    path = Path(path)
    plain = read_header(path).plain
    mapped = _is_mapped(plain, selection) and np.dtype(plain.dtype).kind != "f"
    return mapped and not has_sidecar(path)


def check_image(path: str | Path, selection: BandSelection = PICTURE) -> ImageForm:
    """Look by the header whether a file can be read by ``read_image``.

    Raises:
        DataError: not a readable image, or not stored as ``selection`` takes it.
    """
    path = Path(path)
    header = read_header(path)
    if _is_mapped(header.plain, selection):
        return ImageForm(header.plain.height, header.plain.width, np.dtype(header.plain.dtype))
    with ImageFile(path, header=header) as file:
        selection.of(file)
        selection.check_type(file)
        return ImageForm(file.height, file.width, file.dtype)


def sidecars(path: Path) -> list[Path]:
    """Where files may lie beside an image that say where it holds no data."""
    return [Path(f"{path}{suffix}") for suffix in (".msk", ".aux.xml")]


def has_sidecar(path: Path) -> bool:
    """Whether a file lies beside an image that may say where it holds no data."""
    return any(map(os.path.exists, sidecars(path)))


def _is_mapped(plain: Plain | None, selection: BandSelection) -> bool:
    if plain is None:
        return False
    every = selection.bands == tuple(range(1, plain.bands + 1))
    fits = plain.dtype == "uint8" if selection.scale is None else _holds(plain.dtype, selection)
    return fits and (every or (not selection.bands and plain.bands == 3 and plain.colored))


def _holds(dtype: np.dtype | str, selection: BandSelection) -> bool:
    dtype = np.dtype(dtype)
    return dtype.kind == "f" or selection.scale[1] <= np.iinfo(dtype).max
