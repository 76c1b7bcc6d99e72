"""Reading and writing images."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from network.errors import DataError, MissingDataError
from network.files.writing import replacing

Image.MAX_IMAGE_PIXELS = None


warnings.filterwarnings("ignore", module="PIL.TiffImagePlugin")  # a damaged file ends in a fault


IMAGE_SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp", ".webp")


_COMMENT = "Comment"


_QUICK_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 7, cv2.IMWRITE_PNG_STRATEGY, 0]
"""Masks of indices do not gain by PNG's filters, and without them are decoded twice as fast."""


if hasattr(cv2, "IMWRITE_PNG_FILTER"):
    _QUICK_PNG += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE]


_DECODING_ERRORS = (OSError, UnidentifiedImageError, SyntaxError, ValueError, MemoryError)


def list_images(folder: str | Path) -> list[Path]:
    """The images of a folder (not of its subfolders), sorted by name.

    Raises:
        MissingDataError: no such folder, or no image in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise MissingDataError(f"no folder {folder}")
    paths = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES
        and not path.name.startswith(".")
        and path.is_file()
    )
    if not paths:
        raise MissingDataError(f"no image in {folder} (looked for {', '.join(IMAGE_SUFFIXES)})")
    return paths


def read_rgb(path: str | Path) -> np.ndarray:
    """Read an image, or a mask in colors, as RGB uint8 [H, W, 3]; EXIF rotation is not applied.

    Of an uncompressed TIFF, as the patch splitters write them, only those pixels are read that are
    looked at: the array is mapped from the file and cannot be written to.

    Raises:
        DataError: not a readable image.
    """
    pixels = _mapped(path)
    if pixels is not None:
        return pixels
    try:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        image = None
    if image is None:
        raise DataError(f"cannot read {path} as an image: damaged, or not an image; replace it")
    return image


def read_indices(path: str | Path) -> np.ndarray:
    """Read a single-channel image as it is stored: gray values, or the indices of a palette.

    Returns:
        integers [H, W].

    Raises:
        DataError: not readable, or more than one channel.
    """
    values = check_decodes(path)
    if values.ndim != 2:
        raise DataError(
            f"{path} has {values.shape[2]} channels, but masks of class indices have one; "
            "are these masks in colors? Then set the dataset's masks='color'"
        )
    return values.astype(np.uint8) if values.dtype == bool else values


def image_size(path: str | Path) -> tuple[int, int]:
    """Height and width from the file's header.

    Raises:
        DataError: not a readable image.
    """
    with _opened(path) as image:
        return image.height, image.width


def check_decodes(path: str | Path) -> np.ndarray:
    """Decode a whole file: OpenCV fills what a truncated file lacks with gray, Pillow refuses.

    Returns:
        the values as they are stored, [H, W] or [H, W, bands].

    Raises:
        DataError: not a readable image.
    """
    with _opened(path) as image:
        return np.asarray(image)


def decode_rgb(path: str | Path) -> np.ndarray:
    """Decode a whole image as RGB uint8 [H, W, 3], as ``read_rgb`` does for a sound one.

    Raises:
        DataError: not a readable image, truncated, or more than 8 bits a band.
    """
    pixels = _mapped(path)
    if pixels is not None:
        return pixels
    with _opened(path) as image:
        # Pillow narrows 16-bit RGB as it reads; the stored depth shows in the raw mode before.
        raw_modes = str([tile[3] for tile in image.tile])
        values = np.asarray(image)
        too_deep = values.dtype not in (np.uint8, bool) or ";16" in raw_modes
        rgb = values if too_deep or image.mode == "RGB" else np.asarray(image.convert("RGB"))
    if too_deep:
        raise DataError(f"{path} has more than 8 bits a band; convert it to 8-bit RGB")
    return rgb


def png_comment(path: str | Path) -> str | None:
    """The comment that ``write_image`` put into a PNG file.

    Raises:
        DataError: not a readable image.
    """
    with _opened(path) as image:
        return image.info.get(_COMMENT)


def write_image(path: str | Path, image: np.ndarray, comment: str | None = None) -> None:
    """Write an image whole or not at all, lossless unless its suffix is .jpg (quality 95).

    Shapes: uint8 RGB [H, W, 3] or gray [H, W].

    Args:
        path: its suffix says the format.
        image: the pixels.
        comment: text to store in a PNG file.

    Raises:
        OutputError: the folder cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
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
    bgr = image[..., ::-1] if image.ndim == 3 else image
    encoded, data = cv2.imencode(suffix, bgr, options)
    if not encoded:
        raise DataError(f"cannot encode {path}: {image.dtype} {image.shape}")
    with replacing(path) as temporary:
        temporary.write_bytes(data.tobytes())


def _mapped(path: str | Path) -> np.ndarray | None:
    """The pixels of an uncompressed RGB TIFF without gaps; None for any other file."""
    if Path(path).suffix.lower() not in (".tif", ".tiff"):
        return None
    try:
        with Image.open(path) as image:
            strips = [tuple(tile) for tile in image.tile]
            width, height = image.size
        position = first = strips[0][2]
        for codec, (left, top, right, bottom), offset, options in strips:
            whole_rows = (left, right) == (0, width)
            if codec != "raw" or options[0] != "RGB" or not whole_rows or offset != position:
                return None
            position += 3 * width * (bottom - top)
        if position - first != 3 * width * height:
            return None
        return np.memmap(path, np.uint8, "r", first, (height, width, 3))
    except (*_DECODING_ERRORS, IndexError, TypeError):
        return None


@contextmanager
def _opened(path: str | Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path) as image:
            yield image
    except _DECODING_ERRORS as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str | Path, error: Exception) -> DataError:
    if isinstance(error, FileNotFoundError):
        return MissingDataError(f"no file {path}")
    return DataError(f"cannot read {path} as an image ({error}); replace it or take it out")
