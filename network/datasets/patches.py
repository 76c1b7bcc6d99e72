"""Cutting large tiles with masks in colors into patches with masks of class indices."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from network.datasets.catalog import DatasetSpec
from network.datasets.checks import check_sizes
from network.datasets.colors import UNKNOWN, decode_colors, encode_colors
from network.datasets.files import read_rgb, write_image
from network.datasets.segmentation import MAX_UNKNOWN_SHARE, Sample, unknown_fault
from network.datasets.windows import Window, windows
from network.errors import ConfigError, DataError


@dataclass(frozen=True)
class PatchSplit:
    """How tiles are cut.

    Args:
        spec: of the dataset.
        image_folder, mask_folder: where patches go.
        size, stride: of the windows, in pixels of the scaled tile.
        scale: tiles are resized by it before they are cut.
        colors: write masks in colors, for looking at.
        eroded: the masks mark borders between classes as ignored; one that does not is refused.
    """

    spec: DatasetSpec
    image_folder: Path
    mask_folder: Path
    size: int = 1024
    stride: int = 1024
    scale: float = 1.0
    colors: bool = False
    eroded: bool = False

    def split(self, tile: Sample) -> tuple[int, float]:
        """Cut one tile; patches are named TILE_ROW_COL (.tif images, .png masks).

        What reaches over the right and bottom edge is a mirrored image and an ignored mask.

        Returns:
            number of patches, and the share of the mask's pixels in unlisted colors.

        Raises:
            DataError: unreadable files, more than 1% of the mask in unlisted colors, or a mask
                that is called eroded without being so.
        """
        image, mask, unknown = self._read(tile)
        count = 0
        for window in windows(*mask.shape, self.size, self.stride):
            name = f"{tile.name}_{window.row}_{window.col}"
            patch = _cut(mask, window, constant_values=self.spec.ignore_index)
            if self.colors:
                patch = decode_colors(patch, self.spec)
            write_image(self.mask_folder / f"{name}.png", patch)
            write_image(self.image_folder / f"{name}.tif", _cut(image, window, mode="symmetric"))
            count += 1
        return count, unknown

    def _read(self, tile: Sample) -> tuple[np.ndarray, np.ndarray, float]:
        image, colors = read_rgb(tile.image), read_rgb(tile.mask)
        mask = encode_colors(colors, self.spec)
        is_unknown = mask == UNKNOWN
        unknown = float(is_unknown.mean())
        if unknown > MAX_UNKNOWN_SHARE:
            raise unknown_fault(tile.mask, colors[is_unknown], unknown, "color")
        mask[is_unknown] = self.spec.ignore_index
        if self.eroded and not (mask == self.spec.ignore_index).any():
            raise DataError(f"{tile.mask} is no eroded mask: none of its pixels is a boundary")
        if self.scale != 1:
            size = round(mask.shape[1] * self.scale), round(mask.shape[0] * self.scale)
            how = cv2.INTER_AREA if self.scale < 1 else cv2.INTER_LINEAR
            image = cv2.resize(image, size, interpolation=how)
            mask = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST_EXACT)
        return image, mask, unknown


def split_tiles(tiles: Sequence[Sample], how: PatchSplit, processes: int) -> int:
    """Cut tiles, one process a tile at a time, and say what was found.

    Returns:
        number of patches.

    Raises:
        ConfigError: sizes that leave gaps.
        DataError: see ``PatchSplit.split``.
    """
    if how.size < 32 or not 1 <= how.stride <= how.size or how.scale <= 0:
        raise ConfigError(
            f"--split-size {how.size} --stride {how.stride} --val-scale {how.scale}: the size must "
            "be at least 32, the stride from 1 to the size, the scale above 0"
        )
    check_sizes(tiles)
    total = 0
    with ProcessPoolExecutor(processes) as pool:
        results = tqdm(
            zip(tiles, pool.map(how.split, tiles), strict=True),
            total=len(tiles),
            desc="splitting",
            unit="tile",
        )
        for tile, (count, unknown) in results:
            total += count
            if unknown:
                results.write(f"{tile.mask}: {unknown:.3%} in unlisted colors, ignored")
    return total


def _cut(array: np.ndarray, window: Window, **padding) -> np.ndarray:
    part = array[window.slices]
    below, beside = window.size - part.shape[0], window.size - part.shape[1]
    if not (below or beside):
        return part
    return np.pad(part, ((0, below), (0, beside)) + ((0, 0),) * (part.ndim - 2), **padding)
