"""ISPRS Vaihingen and Potsdam, cut into patches by ``tools/*_patch_split.py``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from network.datasets.catalog import VAIHINGEN, VAIHINGEN_VAL_TILES
from network.datasets.files import list_images
from network.datasets.segmentation import DatasetLayout, Sample, check_split, pair_files
from network.errors import DataError

ERODED_SUFFIX = "_noBoundary"


class VaihingenDataset(DatasetLayout):
    """Patches named TILE_ROW_COL; whole tiles of the training area are held out for validation.

    ``root/train/images_SIZE`` and ``root/train/masks_SIZE`` hold the training area,
    ``root/test/...`` alike the test area; masks hold class indices.

    Args:
        root: folder of the dataset.
        patch_size: SIZE in the names of those folders.
        val_tiles: area numbers held out for validation.
        name: of the dataset, for output folders.
    """

    def __init__(
        self,
        root: str | Path = "data/vaihingen",
        patch_size: int = 1024,
        val_tiles: Sequence[str] = VAIHINGEN_VAL_TILES,
        name: str = VAIHINGEN.name,
    ) -> None:
        self.ignore_values = (VAIHINGEN.ignore_index,)
        self.spec = replace(VAIHINGEN, name=name)
        self.root = Path(root)
        self.patch_size = patch_size
        self.val_tiles = tuple(str(tile) for tile in val_tiles)

    def samples(self, split: str) -> list[Sample]:
        """The samples of a split (see ``DatasetLayout.samples``)."""
        check_split(split)
        area = self.root / ("test" if split == "test" else "train")
        pairs = pair_files(
            list_images(area / f"images_{self.patch_size}"),
            list_images(area / f"masks_{self.patch_size}"),
        )
        if split == "test":
            return pairs
        held_out = {p.name for p in pairs if _area_number(p.name) in self.val_tiles}
        chosen = [p for p in pairs if (p.name in held_out) == (split == "val")]
        if not chosen:
            raise DataError(
                f"{area}: no patch is left for {split!r} with the tiles "
                f"{', '.join(self.val_tiles)} held out for validation"
            )
        return chosen


def pair_vaihingen_tiles(
    image_folder: str | Path, mask_folder: str | Path, eroded: bool = False
) -> list[Sample]:
    """The publisher's tiles with their masks (``*_noBoundary`` where eroded).

    Raises:
        MissingDataError: a folder that is not there.
        DataError: a tile without a mask or a mask without a tile (names listed).
    """
    suffix = ERODED_SUFFIX if eroded else ""
    return pair_files(list_images(image_folder), list_images(mask_folder), mask_suffix=suffix)


def _area_number(patch: str) -> str:
    """'top_mosaic_09cm_area30_0_1' -> '30'."""
    tile = patch.rsplit("_", 2)[0]
    return tile.rpartition("area")[2]
