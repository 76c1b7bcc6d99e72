"""The one reader of pixels: an open image file, whatever its format.

The pixels are those that the writer stored: a palette is looked up, an alpha band is a band of its
own and changes no other one; tags of gamma and color profiles change nothing. What would have to be
guessed is refused: an orientation other than 1, colors other than gray, RGB and palette, fewer than
8 bits a band. JPEG files are decoded by Pillow, as a whole (GDAL fills what a truncated one lacks,
and its JPEG library gives other values than the common one), all others by GDAL; for training,
tests and prediction alike.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
import rasterio
from PIL import Image
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from network.errors import DataError
from network.files.headers import DECODING_ERRORS, Header, read_header, unreadable
from network.files.notes import say_once

warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)

Place = tuple[int, int, int, int]
"""Top, left, height, width."""


class ImageFile:
    """An image file, read a window at a time.

    Args:
        path: of a PNG, JPEG, TIFF, BMP or WEBP, or whatever else GDAL reads.
        beside: heed files beside it (world files, ``.aux.xml``, masks), which say nothing of the
            pixels; looking for them takes long in large folders.
        header: of the file, where it was read before.

    Attributes:
        height, width: in pixels.
        count: bands; of a palette the three of its colors.
        dtype: of the values.
        colored: the bands that are no alpha, from 1.

    Raises:
        DataError: not a readable image, or its orientation is not 1.
    """

    def __init__(
        self, path: str | Path, beside: bool = False, header: Header | None = None
    ) -> None:
        self.path = Path(path)
        self.header = header or read_header(self.path)
        self._beside = beside
        if self.header.orientation != 1:
            raise DataError(
                f"{self.path} is stored turned or mirrored (its orientation tag is "
                f"{self.header.orientation}), and such tags are not applied here; store it "
                "upright, without the tag, as its mask is"
            )
        if self.header.kind == "JPEG":
            self.height, self.width = self.header.height, self.header.width
            self.dtype = np.dtype(np.uint8)
            self.count = 1 if self.header.colors == "gray" else 3
            self.colored = list(range(1, self.count + 1))
            return
        self.height, self.width = self.source.height, self.source.width
        if self._table is not None:
            self.count, self.dtype = 3, np.dtype(np.uint8)
            self.colored = [1, 2, 3]
            return
        self.count = self.source.count
        self.dtype = np.result_type(*("c8" if "complex" in d else d for d in self.source.dtypes))
        kinds = self.source.colorinterp
        self.colored = [b for b, kind in enumerate(kinds, 1) if kind is not ColorInterp.alpha]

    def __enter__(self) -> ImageFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if "source" in vars(self):
            self.source.close()

    @cached_property
    def source(self) -> rasterio.DatasetReader:
        """The file as GDAL sees it: place on the ground, tags, masks.

        Raises:
            DataError: GDAL cannot read it.
        """
        listing = "TRUE" if self._beside else "EMPTY_DIR"  # look for these by name, or not at all
        try:
            with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN=listing):
                return rasterio.open(self.path)
        except RasterioError as error:
            if "missing codec" in str(error):
                raise DataError(
                    f"{self.path} is compressed by {self.header.compression}, which is not "
                    "supported here; write it anew with another compression, such as deflate"
                ) from error
            raise unreadable(self.path, error) from error

    @property
    def has_source(self) -> bool:
        """Whether GDAL is asked: of a JPEG only for what lies beside it."""
        return self.header.kind != "JPEG" or self._beside

    @property
    def palette(self) -> bool:
        """Whether indices of colors are stored."""
        return self.header.kind != "JPEG" and self._table is not None

    @property
    def lossy(self) -> str:
        """The compression, where it changes values; empty where it does not."""
        if self.header.kind == "JPEG":
            return "JPEG"
        tags = self.source.tags(ns="IMAGE_STRUCTURE")
        name = tags.get("COMPRESSION", self.source.driver)
        lossy = tags.get("COMPRESSION_REVERSIBILITY", "").startswith("LOSSY")
        return name if lossy or "JPEG" in name or float(tags.get("MAX_Z_ERROR", 0)) > 0 else ""

    def check_colors(self) -> None:
        """Refuse what is neither gray nor RGB, whatever the type of its values.

        Raises:
            DataError: saying how it is stored.
        """
        if self.header.colors not in ("", "gray", "RGB", "palette"):
            raise DataError(
                f"{self.path} stores its colors as {self.header.colors}, which is not converted "
                "here; convert it to 8-bit RGB"
            )
        bits = self.header.bits
        odd = 0 < bits < 8 or (self.header.kind == "JPEG" and bits != 8)
        if odd and self.header.colors != "palette":
            raise DataError(f"{self.path} has {bits} bits a band; convert it to 8-bit RGB")

    def picture_bands(self) -> list[int]:
        """The bands of a picture: the first three, or a single one for all; alpha is none of them.

        Raises:
            DataError: it is no picture: other colors, fewer than 8 bits, two bands.
        """
        self.check_colors()
        if len(self.colored) == 2:
            raise DataError(
                f"{self.path} has 2 bands, but a picture has three (red, green, blue) or one "
                "(gray); predict.py takes others by --bands"
            )
        if self.count > 3:
            say_once(
                self.path.parent,
                "bands",
                f"{self.path} has {self.count} bands, of which the first three are taken as "
                "stored; so with others of this folder",
            )
        return self.colored * 3 if len(self.colored) == 1 else self.colored[:3]

    def check_eight_bits(self, advice: str = "convert it to 8-bit RGB") -> None:
        """Refuse values that are no bytes.

        Args:
            advice: what to do.

        Raises:
            DataError: saying what they are.
        """
        if self.dtype != np.uint8:
            deep = self.dtype.itemsize > 1
            what = "has more than 8 bits a band" if deep else "has bands of signed bytes"
            raise DataError(f"{self.path} {what} ({self.dtype}); {advice}")

    def read(
        self,
        bands: Sequence[int] | None = None,
        place: Place | None = None,
        shape: tuple[int, int] | None = None,
    ) -> np.ndarray:
        """Values as they are stored, of a palette its colors.

        Args:
            bands: from 1; without it, all.
            place: part of the image; without it, the whole.
            shape: height and width to reduce it to, by the nearest value.

        Returns:
            [bands, h, w].

        Raises:
            DataError: the file is damaged there.
        """
        bands = list(bands or range(1, self.count + 1))
        if self.header.kind == "JPEG":
            top, left, height, width = place or (0, 0, self.height, self.width)
            part = self.decoded[top : top + height, left : left + width]
            return np.stack([part[..., band - 1] for band in bands])
        if self._table is None:
            return self._read(bands, place, shape)
        indices = self._read([1], place, shape)[0]
        if indices.max() >= len(self._table):
            raise unreadable(self.path, f"its palette lacks the color {indices.max()}")
        return np.stack([self._table[:, band - 1][indices] for band in bands])

    def whole(self, bands: Sequence[int]) -> np.ndarray:
        """The whole image with the bands of every pixel together: [H, W, bands].

        Args:
            bands: from 1; they may stand there several times.

        Raises:
            DataError: the file is damaged.
        """
        if self.header.kind == "JPEG":
            pixels = self.decoded
            return pixels if bands == self.colored else pixels[..., np.array(bands) - 1]
        read = dict(zip(sorted({*bands}), self.read(sorted({*bands})), strict=True))
        return interleaved([read[band] for band in bands])

    def read_first(self) -> np.ndarray:
        """The first band as it is stored, of a palette its indices: [H, W].

        Raises:
            DataError: the file is damaged.
        """
        return self._read([1])[0]

    @cached_property
    def decoded(self) -> np.ndarray:
        """The whole of a JPEG file: uint8 [H, W, bands].

        Raises:
            DataError: the file is damaged.
        """
        try:
            with Image.open(self.path) as image:
                return np.atleast_3d(np.asarray(image))
        except DECODING_ERRORS as error:
            raise unreadable(self.path, error) from error

    def _read(
        self, bands: list[int], place: Place | None = None, shape: tuple[int, int] | None = None
    ) -> np.ndarray:
        options = {}
        if place is not None:
            top, left, height, width = place
            options["window"] = Window(left, top, width, height)
        if shape is not None:
            options |= {"out_shape": (len(bands), *shape), "resampling": Resampling.nearest}
        try:
            return self.source.read(bands, **options)
        except RasterioError as error:
            raise unreadable(self.path, error) from error

    @cached_property
    def _table(self) -> np.ndarray | None:
        """Colors of a palette, uint8 [entries, 3]; None where there is none."""
        stored = self.header.colors or self.source.colorinterp[0].name
        if stored != "palette":
            return None
        try:
            colors = self.source.colormap(1)
        except ValueError as error:
            raise unreadable(self.path, "its palette is missing") from error
        table = np.zeros((max(colors) + 1, 3), np.uint8)
        for index, color in colors.items():
            table[index] = color[:3]
        return table


def interleaved(bands: Sequence[np.ndarray]) -> np.ndarray:
    """Bands [h, w] with those of every pixel together: [h, w, bands].

    Integers of 64 bits are not taken: OpenCV would make them 32.
    """
    return cv2.merge(list(bands)).reshape(*bands[0].shape, -1)
