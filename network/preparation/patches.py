"""Cutting large tiles with masks in colors into patches with masks of class indices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from network.datasets.catalog import DatasetSpec
from network.datasets.checks import check_sizes
from network.datasets.colors import decode_colors
from network.datasets.dataset import Pair
from network.datasets.labels import decode_colored, ignore_unknown
from network.datasets.layout import Sample
from network.datasets.patch_record import PATCH_RECORD, Cut, read_record, write_record
from network.datasets.reading import read_filled
from network.datasets.windows import windows
from network.errors import ConfigError, DataError
from network.files.images import write_image
from network.files.outputs import Written
from network.files.parallel import in_processes
from network.files.staging import staged
from network.models.geometry import MIN_SIZE


class Split(NamedTuple):
    """A tile that was cut: number of patches, share of unlisted colors in its mask, how."""

    patches: int
    unknown: float
    cut: Cut


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

    def split(self, tile: Sample) -> Split | DataError:
        """Cut one tile; patches are named TILE_ROW_COL (.tif images, .png masks).

        What reaches over the right and bottom edge is a mirrored image and an ignored mask.

        Returns:
            what was done, or why the tile is refused: unreadable files, more than 1% of the mask
            in unlisted colors, or a mask that is called eroded without being so.
        """
        try:
            image, mask, unknown = self._read(tile)
        except DataError as fault:
            return fault
        count = 0
        for window in windows(*mask.shape, self.size, self.stride):
            name = f"{tile.name}_{window.row}_{window.col}"
            patch = window.cut(mask, constant_values=self.spec.ignore_index)
            if self.colors:
                patch = decode_colors(patch, self.spec)
            write_image(self.mask_folder / f"{name}.png", patch)
            write_image(self.image_folder / f"{name}.tif", window.cut(image, mode="symmetric"))
            count += 1
        cut = Cut(*mask.shape, self.size, self.stride, self.scale, self.eroded)
        return Split(count, unknown, cut)

    def _read(self, tile: Sample) -> tuple[np.ndarray, np.ndarray, float]:
        image, valid = read_filled(tile.image, self.spec)
        mask, colors = decode_colored(tile.mask, self.spec)
        if self.eroded and not (mask == self.spec.ignore_index).any():
            raise DataError(f"{tile.mask} is no eroded mask: none of its pixels is a boundary")
        unknown = ignore_unknown(tile.mask, mask, colors, self.spec.ignore_index)
        if valid is not None and valid.shape == mask.shape:
            mask = np.where(valid, mask, np.uint8(self.spec.ignore_index))
        if self.scale != 1:
            height, width = (round(side * self.scale) for side in mask.shape)
            image, mask = Pair(image, mask).resized(height, width, shrinks=self.scale < 1)
        return image, mask, unknown


def split_tiles(tiles: Sequence[Sample], how: PatchSplit, processes: int) -> int:
    """Cut tiles, each in one process, and say what was found.

    Patches are written aside and take their places when all tiles are cut, so that a fault leaves
    the folders as they were. Earlier patches of the same tiles are replaced, whatever their number.
    How every tile was cut is noted beside the masks.

    Returns:
        number of patches.

    Raises:
        ConfigError: sizes that leave gaps, or patches that would go among the tiles.
        DataError: naming every tile that is refused; see ``PatchSplit.split``.
        OutputError: folders that cannot be written, or files in them that no run wrote.
    """
    if how.size < MIN_SIZE or not 1 <= how.stride <= how.size or not 0 < how.scale <= 16:
        raise ConfigError(
            f"--split-size {how.size} --stride {how.stride} --val-scale {how.scale}: the size must "
            f"be at least {MIN_SIZE}, the stride from 1 to the size, the scale above 0"
        )
    check_sizes(how.spec, tiles)
    folders = (how.image_folder, how.mask_folder)
    sources = list({path.parent for tile in tiles for path in (tile.image, tile.mask)})
    names = {tile.name for tile in tiles}
    cuts = read_record(how.mask_folder)
    earlier = set(cuts)
    count, faults = 0, []

    record = how.mask_folder / PATCH_RECORD
    noted = bool(Written(how.mask_folder).of(record))

    def known(path: Path) -> bool:
        return not noted and (path.name == PATCH_RECORD or _tile(path) in earlier)

    with staged(folders, lambda path: _tile(path) in names, sources, known) as aside:
        writer = replace(how, image_folder=aside[0], mask_folder=aside[1])
        found = in_processes(writer.split, tiles, processes, "splitting", "tile")
        for tile, done in zip(tiles, found, strict=True):
            if isinstance(done, DataError):
                faults.append(done)
                continue
            count += done.patches
            cuts[tile.name] = done.cut
            if done.unknown:
                tqdm.write(f"{tile.mask}: {done.unknown:.3%} in unlisted colors, ignored")
        if faults:
            raise DataError(
                "\n  ".join(str(fault) for fault in faults)
                + "\nNothing was written. Replace the files, or take image and mask of the tile out"
            )
        write_record(aside[1], cuts)
    return count


def _tile(patch: Path) -> str:
    return patch.stem.rsplit("_", 2)[0]
