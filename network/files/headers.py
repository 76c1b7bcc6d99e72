"""What the header of an image file says of its pixels and the decoding libraries do not."""

from __future__ import annotations

import re
import struct
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from network.errors import DataError, MissingDataError
from network.files.plain_tiff import Plain, first_of, plain_pixels, values_of

Image.MAX_IMAGE_PIXELS = None
warnings.filterwarnings("ignore", module=r"PIL\.")  # what is damaged ends in a fault

DECODING_ERRORS = (OSError, SyntaxError, ValueError, MemoryError, struct.error, TypeError, KeyError)

_ORIENTATION, _NODATA = 274, 42113
_COLORS = {
    0: "inverted gray",
    1: "gray",
    2: "RGB",
    3: "palette",
    4: "transparency",
    5: "CMYK",
    6: "YCbCr",
    8: "CIE Lab",
    9: "ICC Lab",
    10: "ITU Lab",
    32803: "color filter array",
    32844: "LogL",
    32845: "LogLuv",
}
_PNG_COLORS = {0: "gray", 2: "RGB", 3: "palette", 4: "gray", 6: "RGB"}
_COMPRESSIONS = {
    6: "old-style JPEG",
    7: "JPEG",
    34676: "SGILog",
    34677: "SGILog24",
    34712: "JPEG 2000",
    34887: "LERC",
    34925: "LZMA",
    50000: "Zstandard",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}
_JPEG = 7
_BLOCK = re.compile(r".*IReadBlock failed at [^:]*: ")
"""Of GDAL's messages: names a block, where the file is what is damaged."""


@dataclass(frozen=True)
class Header:
    """How a file stores its pixels.

    Attributes:
        kind: ``PNG``, ``JPEG``, ``TIFF`` or ``WEBP``; empty for others, of which nothing is known.
        orientation: 1 where the first stored row is the top and the first column is the left.
        colors: ``gray``, ``RGB``, ``palette``, or what else; empty where it is not known.
        bits: of a band; 0 where it is not known.
        height, width: of a JPEG.
        compression: of a TIFF.
        nodata: value that a TIFF declares to be no data.
        plain: where the pixels of an uncompressed TIFF lie that says nothing of no data.
    """

    kind: str = ""
    orientation: int = 1
    colors: str = ""
    bits: int = 0
    height: int = 0
    width: int = 0
    compression: str = ""
    nodata: float | None = None
    plain: Plain | None = None


def read_header(path: Path) -> Header:
    """Read the header of a file.

    Raises:
        DataError: it cannot be read, or is empty.
    """
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise unreadable(path, "it is no file")
        with open(path, "rb") as file:
            start = file.read(16)
            if not start:
                raise unreadable(path, "it is empty")
            file.seek(0)
            return _header(file, start)
    except DECODING_ERRORS as error:
        if isinstance(error, DataError):
            raise
        raise unreadable(path, error) from error


def unreadable(path: str | Path, reason: object) -> DataError:
    """The fault of a file that is damaged, missing, or no image."""
    if isinstance(reason, FileNotFoundError):
        return MissingDataError(f"no file {path}")
    cause = getattr(reason, "__cause__", None) or reason
    text = _BLOCK.sub("", " ".join(str(cause).split()))
    return DataError(f"cannot read {path} as an image ({text}); replace it or take it out")


def _header(file: BinaryIO, start: bytes) -> Header:
    if start[:8] == b"\x89PNG\r\n\x1a\n":
        return _png(file)
    if start[:3] == b"\xff\xd8\xff":
        return _jpeg(file)
    if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return _tiff(file, start)
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return _webp(file)
    return Header()


def _png(file: BinaryIO) -> Header:
    file.seek(8)
    bits, colors, exif, name = 0, "", b"", b""
    for name, length in _chunks(file, ">I4s"):
        if name == b"IHDR":
            *_, bits, kind = struct.unpack(">IIBB", file.read(10))
            colors = _PNG_COLORS.get(kind, "")
        elif name == b"eXIf":
            exif = file.read(length)
    if name != b"IEND":  # GDAL would fill what is lacking
        raise ValueError("it is truncated")
    return Header("PNG", _orientation(exif), colors, bits)


def _webp(file: BinaryIO) -> Header:
    file.seek(12)
    exif = b""
    for name, length in _chunks(file, "<4sI"):
        if name == b"EXIF":
            exif = file.read(length)
    return Header("WEBP", _orientation(exif), "RGB", 8)


def _chunks(file: BinaryIO, form: str) -> Iterator[tuple[bytes, int]]:
    """Names and lengths of the chunks of a PNG or WEBP, the file standing at their contents."""
    while len(start := file.read(8)) == 8:
        if form == ">I4s":
            length, name = struct.unpack(form, start)
            step = length + 4
        else:
            name, length = struct.unpack(form, start)
            step = length + length % 2
        position = file.tell()
        yield name, length
        file.seek(position + step)


def _jpeg(file: BinaryIO) -> Header:
    bits, height, width, bands = _jpeg_frame(file)
    file.seek(0)
    exif = b""
    if bits == 8:
        with Image.open(file) as image:
            exif = image.info.get("exif", b"")
    colors = {1: "gray", 3: "RGB", 4: "CMYK"}.get(bands, "unknown")
    return Header("JPEG", _orientation(exif), colors, bits, height, width)


def _jpeg_frame(file: BinaryIO) -> tuple[int, int, int, int]:
    """Bits of a band, height, width and number of bands."""
    file.seek(2)
    while True:
        start = file.read(4)
        marker, length = struct.unpack(">HH", start)
        if marker >> 8 != 0xFF:
            raise ValueError("no frame before the pixels")
        if 0xFFC0 <= marker <= 0xFFCF and marker not in (0xFFC4, 0xFFC8, 0xFFCC):
            return struct.unpack(">BHHB", file.read(6))
        if marker == 0xFFFF:
            file.seek(-3, 1)
        else:
            file.seek(length - 2, 1)


def _tiff(file: BinaryIO, start: bytes) -> Header:
    if 43 in start[2:4]:  # BigTIFF, whose big-endian form Pillow would not know by its start
        directory = ImageFileDirectory_v2(b"II+\0" + start[4:], prefix=start[:2])
    else:
        directory = ImageFileDirectory_v2(start[:8])
    file.seek(directory.next)
    directory.load(file)
    tags = dict(directory)
    bits = max(values_of(tags, 258, 1))
    compression = first_of(tags, 259, 1)
    colors = _COLORS.get(first_of(tags, 262, 1), "unknown")
    if colors == "YCbCr" and compression == _JPEG:
        colors = "RGB"  # what libtiff makes of it
    name = _COMPRESSIONS.get(compression, f"number {compression}")
    nodata = _number(tags.get(_NODATA))
    orientation = _valid(first_of(tags, _ORIENTATION, 1))
    native = start[:2] == (b"II" if sys.byteorder == "little" else b"MM")
    silent = _NODATA not in tags and not directory.next  # which may be a mask
    plain = plain_pixels(tags, native) if silent else None
    return Header("TIFF", orientation, colors, bits, compression=name, nodata=nodata, plain=plain)


def _number(text: Any) -> float | None:
    try:
        return float(str(text).strip("\0 "))
    except ValueError:
        return None


def _orientation(exif: bytes) -> int:
    if not exif:
        return 1
    try:
        tags = Image.Exif()
        tags.load(exif)
        return _valid(tags.get(_ORIENTATION))
    except DECODING_ERRORS:
        return 1


def _valid(orientation: Any) -> int:
    """Whatever is no orientation says nothing."""
    return orientation if orientation in range(1, 9) else 1
