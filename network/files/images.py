"""Reading and writing images."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import rasterio
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from rasterio.errors import RasterioError

from network.errors import DataError, MissingDataError, OutputError
from network.files.headers import DECODING_ERRORS, Header, read_header, unreadable
from network.files.image_file import ImageFile
from network.files.notes import say_once
from network.files.writing import replacing

IMAGE_SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp", ".webp")


_BESIDE = (
    " .aux .clr .csv .db .html .ini .j2w .jgw .json .lock .log .md .met .msk .ovr .pgw .prj .tfw "
    ".txt .wld .xml .yaml .yml"
).split(" ")
"""Suffixes of what lies beside images and is none."""


_NAMED = 10


_COMMENT = "Comment"


_QUICK_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 7, cv2.IMWRITE_PNG_STRATEGY, 0]
"""Masks of indices do not gain by PNG's filters, and without them are decoded twice as fast."""


if hasattr(cv2, "IMWRITE_PNG_FILTER"):
    _QUICK_PNG += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE]


def list_images(folder: str | Path) -> list[Path]:
    """The images of a folder (not of its subfolders), sorted by name.

    Raises:
        MissingDataError: no such folder, or no image in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise MissingDataError(f"no folder {folder}")
    files = [p for p in sorted(folder.iterdir()) if not p.name.startswith(".") and p.is_file()]
    paths = [path for path in files if path.suffix.lower() in IMAGE_SUFFIXES]
    skipped = [
        path.name for path in files if path.suffix.lower() not in (*IMAGE_SUFFIXES, *_BESIDE)
    ]
    if skipped:
        more = f" and {len(skipped) - _NAMED} more" if len(skipped) > _NAMED else ""
        say_once(
            folder,
            "skipped",
            f"skipped in {folder}: {', '.join(skipped[:_NAMED])}{more}; images of a folder end in "
            f"{', '.join(IMAGE_SUFFIXES)}",
        )
    if not paths:
        raise MissingDataError(f"no image in {folder} (looked for {', '.join(IMAGE_SUFFIXES)})")
    return paths


class Labels(NamedTuple):
    """A mask as it is stored: values [H, W] or RGB, and which value is declared to be no data."""

    values: np.ndarray
    nodata: float | None


def read_rgb(path: str | Path) -> np.ndarray:
    """Read an image, or a mask in colors, as RGB uint8 [H, W, 3].

    The pixels are those that are stored (``network.files.image_file``): of more than three bands
    the first three, of one band three times the same, of a palette its colors; an alpha band is
    left out. Of an uncompressed TIFF, as the patch splitters write them, only those pixels are read
    that are looked at: the array is mapped from the file and cannot be written to.

    Raises:
        DataError: not a readable image, truncated, or not stored as RGB or gray of 8 bits.
    """
    return read_colors(path).values


def read_colors(path: str | Path) -> Labels:
    """A mask in colors: the pixels of ``read_rgb`` [H, W, 3], and what the file says of them.

    Raises:
        DataError: as of ``read_rgb``.
    """
    path = Path(path)
    header = read_header(path)
    pixels = header.plain.map(path) if header.plain and header.plain.rgb else None
    return Labels(_picture(path, header) if pixels is None else pixels, header.nodata)


def read_labels(path: str | Path) -> Labels:
    """Read a mask of class indices as it is stored: gray values, or the indices of a palette.

    An alpha band is left out, and three equal bands are one.

    Raises:
        DataError: not readable, several bands that differ, or compressed with loss.
    """
    with ImageFile(path) as file:
        if file.lossy:
            raise DataError(
                f"{path} is compressed with loss ({file.lossy}), which changes class indices; make "
                "it anew from its source as a PNG, or as a TIFF compressed without loss"
            )
        if file.header.colors == "inverted gray":
            raise DataError(
                f"{path} is stored as inverted gray (0 is white), so that nothing tells which "
                "values are meant; store class indices as plain gray"
            )
        if file.dtype.kind == "c":
            raise DataError(f"{path} holds complex numbers; masks hold class indices")
        if file.palette:
            return Labels(file.read_first(), file.header.nodata)
        values, *others = file.read(file.colored[:3])
        if len(file.colored) not in (1, 3) or any((values != other).any() for other in others):
            raise DataError(
                f"{path} has {len(file.colored)} channels, but masks of class indices have one (or "
                "three equal ones); are these masks in colors? Then set the dataset's masks='color'"
            )
        return Labels(values, file.header.nodata)


def read_indices(path: str | Path) -> np.ndarray:
    """The values of ``read_labels``: integers, or what else is stored [H, W].

    Raises:
        DataError: not readable, several bands that differ, or compressed with loss.
    """
    return read_labels(path).values


def image_size(path: str | Path) -> tuple[int, int]:
    """Height and width from the file's header.

    Raises:
        DataError: not a readable image.
    """
    path = Path(path)
    header = read_header(path)
    if header.plain is not None:
        return header.plain[:2]
    with ImageFile(path, header=header) as file:
        return file.height, file.width


def png_comment(path: str | Path) -> str | None:
    """The comment that ``write_image`` put into a PNG file.

    Raises:
        DataError: not a readable image.
    """
    try:
        with Image.open(path) as image:
            return image.info.get(_COMMENT)
    except DECODING_ERRORS as error:
        raise unreadable(path, error) from error


def write_image(path: str | Path, image: np.ndarray, comment: str | None = None) -> None:
    """Write an image whole or not at all, lossless unless its suffix is .jpg (quality 95).

    Shapes: uint8 RGB [H, W, 3] or gray [H, W]; in a PNG also RGB and alpha [H, W, 4]; in a TIFF any
    number of bands [H, W, bands] of any type.

    Args:
        path: its suffix says the format.
        image: the pixels.
        comment: text to store in a PNG file.

    Raises:
        OutputError: the folder cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if image.ndim == 3 and image.shape[2] != 3 and suffix == ".tif":
        _write_bands(path, image)
        return
    options = {
        ".jpg": [cv2.IMWRITE_JPEG_QUALITY, 95],
        ".tif": [
            *(cv2.IMWRITE_TIFF_COMPRESSION, cv2.IMWRITE_TIFF_COMPRESSION_NONE),
            *(cv2.IMWRITE_TIFF_ROWSPERSTRIP, len(image)),
        ],
        ".png": _QUICK_PNG if image.ndim == 2 else [],
    }.get(suffix, [])
    if comment is not None:
        with replacing(path) as temporary:
            text = PngInfo()
            text.add_text(_COMMENT, comment)
            Image.fromarray(image).save(temporary, pnginfo=text)
        return
    bgr = image[..., [2, 1, 0, 3][: image.shape[2]]] if image.ndim == 3 else image
    encoded, data = cv2.imencode(suffix, bgr, options)
    if not encoded:
        raise DataError(f"cannot encode {path}: {image.dtype} {image.shape}")
    with replacing(path) as temporary:
        temporary.write_bytes(data.tobytes())


def _picture(path: Path, header: Header) -> np.ndarray:
    with ImageFile(path, header=header) as file:
        bands = file.picture_bands()
        file.check_eight_bits()
        return file.whole(bands)


def _write_bands(path: Path, image: np.ndarray) -> None:
    """An uncompressed TIFF of one strip, none of its bands a color or alpha, to be mapped."""
    height, width, count = image.shape
    form = {"photometric": "minisblack", "interleave": "pixel", "blockysize": height}
    with replacing(path) as temporary:
        try:
            with rasterio.open(
                temporary,
                "w",
                driver="GTiff",
                height=height,
                width=width,
                count=count,
                dtype=image.dtype,
                **form,
            ) as target:
                target.write(np.moveaxis(image, 2, 0))
        except RasterioError as error:
            raise OutputError(f"cannot write {path}: {error}") from error
