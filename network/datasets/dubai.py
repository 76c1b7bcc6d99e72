"""Satellite images of Dubai, by Humans in the Loop with the Mohammed Bin Rashid Space Centre."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from network.datasets.catalog import DUBAI_CLASSES, DUBAI_UNLABELED
from network.datasets.folder import FolderDataset
from network.errors import ConfigError

PUBLISHED = {
    "image_files": "Tile */images/image_part_*.jpg",
    "mask_files": "Tile */masks/image_part_*.png",
    "sample_names": "tile*_part*",
}
"""Where the publisher's files lie: in folders of their tiles, counted anew in each."""


class DubaiDataset(FolderDataset):
    """The publisher's ``root/Tile N``, or ``root/images/tileN_part00P.jpg`` with ``root/masks``.

    Samples are called ``tileN_part00P`` in both; one part of every tile is held out.

    Args:
        root: the folder.
        val: images that are held out, as ``FolderDataset`` takes them.
        cache: keep decoded images in memory; as ``FolderDataset`` takes it.
        **options: as ``FolderDataset`` takes them.

    Raises:
        ConfigError: as ``FolderDataset``, or a folder with both.
    """

    def __init__(
        self,
        root: str | Path = "data/dubai",
        val: str | Sequence[str] = "*_part007",
        cache: bool | str = True,
        **options: Any,
    ) -> None:
        facts = {"classes": DUBAI_CLASSES, "ignore_colors": DUBAI_UNLABELED}
        if "image_files" not in options and any(Path(root).glob("Tile *")):
            if (Path(root) / "images").is_dir():
                raise ConfigError(
                    f"{root} holds images/ and the publisher's tiles; keep one of the two, or say "
                    "which by dataset.image_files and dataset.mask_files"
                )
            facts |= PUBLISHED
        super().__init__(root, val=val, cache=cache, **(facts | options))
