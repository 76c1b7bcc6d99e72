"""Where an image file holds no data, by its own word."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rasterio.enums import MaskFlags
from rasterio.errors import RasterioError

from network.files.headers import unreadable
from network.files.image_file import ImageFile

ALPHAS = ("", "band", "mask")
"""What an alpha band may be: left out, data like any other, or a mask of the pixels with data."""


class NoData:
    """Where the taken bands of an image file hold no data.

    That is where they are NaN or infinite, where a mask of the file says so, and in the value of
    its nodata tag: of 8 bits, where such a value is one of a picture's own, only if all taken bands
    have it; of wider ones if one has it. An alpha band is a mask only if it is called one and is
    none of the taken bands.

    Args:
        file: the image.
        bands: that are taken, from 1.
        alpha: one of ``ALPHAS``.

    Attributes:
        alpha: number of the band that is flagged as alpha and not taken; None where there is none.
    """

    def __init__(self, file: ImageFile, bands: Sequence[int], alpha: str = "") -> None:
        self._file = file
        self.alpha = None
        self._masks = False
        self._values: list[float | None] = []
        if not file.has_source:
            return
        flags = file.source.mask_flag_enums[0]
        if MaskFlags.alpha in flags:
            number = next(b for b in range(1, file.count + 1) if b not in file.colored)
            self.alpha = None if number in bands else number
            self._masks = alpha == "mask" and self.alpha is not None
        elif MaskFlags.per_dataset in flags or file.palette:
            self._masks = MaskFlags.all_valid not in flags
        else:
            self._values = [file.source.nodatavals[band - 1] for band in bands]

    @property
    def is_declared(self) -> bool:
        """Whether the file says anything of no data beside its values."""
        return self._masks or any(value is not None for value in self._values)

    def missing(self, values: np.ndarray, **place) -> np.ndarray | None:
        """Where values [bands, h, w] are none, bool [bands, h, w]; None where all are some.

        Args:
            values: as ``ImageFile.read`` gives them.
            place: ``window`` or ``out_shape`` of rasterio, where it is not the whole image.

        Raises:
            DataError: the mask of the file is damaged there.
        """
        if values.dtype.kind != "f" and not self.is_declared:
            return None
        found = np.zeros(values.shape, bool)
        if values.dtype.kind == "f":
            found |= ~np.isfinite(values)
        if any(value is not None for value in self._values):
            declared = np.stack(
                [
                    np.zeros(band.shape, bool) if value is None else band == value
                    for band, value in zip(values, self._values, strict=True)
                ]
            )
            found |= declared.all(axis=0) if values.itemsize == 1 else declared
        if self._masks:
            found |= self.masked(**place)
        return found if found.any() else None

    def masked(self, **place) -> np.ndarray:
        """Where the file's mask, or its alpha band, is 0: bool [h, w]; arguments as ``missing``.

        Raises:
            DataError: it is damaged there.
        """
        try:
            if self.alpha is not None:
                return self._file.source.read(self.alpha, **place) == 0
            return self._file.source.read_masks(1, **place) == 0
        except RasterioError as error:
            raise unreadable(self._file.path, error) from error


def filled(values: np.ndarray, valid: np.ndarray | None, fill: Sequence[float]) -> np.ndarray:
    """Values whose pixels without data have others.

    Shapes: values [H, W, bands], valid bool [H, W] or None for all.

    Args:
        values: of an image.
        valid: where they are data.
        fill: one value for each band; the nearest one that the type has is taken.
    """
    if valid is None:
        return values
    values = np.array(values)
    if values.dtype.kind in "iu":
        limits = np.iinfo(values.dtype)
        fill = np.rint(fill).clip(limits.min, limits.max)
    values[~valid] = np.asarray(fill).astype(values.dtype)
    return values
