"""Reading images with their masks: what is no data in the one is no label in the other."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from network.datasets.bands import Bands
from network.datasets.layout import DatasetLayout, size_fault
from network.files.band_images import StoredImage, read_image, read_validity
from network.files.no_data import filled


def read_filled(path: Path, bands: Bands) -> StoredImage:
    """Read the bands of an image, pixels without data in the mean of each band.

    Returns:
        values of their own type [H, W, bands]; bool [H, W] where they are data, or None.

    Raises:
        DataError: not a readable image, or not stored as ``bands`` says.
    """
    values, valid = read_image(path, bands.selection)
    return StoredImage(filled(values, valid, bands.fill), valid)


def read_target(layout: DatasetLayout, image: Path, mask: Path) -> np.ndarray:
    """Read a mask as class indices uint8 [H, W], ignored also where its image holds no data.

    Raises:
        DataError: either cannot be read, or they differ in size.
    """
    valid = read_validity(image, layout.spec.selection)
    return without_data(layout, layout.read_mask(mask), valid, image, mask)


def without_data(
    layout: DatasetLayout, indices: np.ndarray, valid: np.ndarray | None, image: Path, mask: Path
) -> np.ndarray:
    """Ignore class indices [H, W] where an image holds no data.

    Args:
        layout: of the files.
        indices: of the mask.
        valid: where the image holds data, bool [H, W]; None for everywhere.
        image, mask: the files, for the message.

    Raises:
        DataError: they differ in size.
    """
    if valid is None:
        return indices
    if valid.shape != indices.shape:
        raise size_fault(image, mask, valid.shape, indices.shape)
    return np.where(valid, indices, np.uint8(layout.spec.ignore_index))
