"""Satellite images of Dubai, by Humans in the Loop with the Mohammed Bin Rashid Space Centre."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from network.datasets.catalog import DUBAI_CLASSES, DUBAI_UNLABELED
from network.datasets.folder import FolderDataset


class DubaiDataset(FolderDataset):
    """``root/images/tileN_part00P.jpg`` with ``root/masks``; one part of every tile is held out.

    Args:
        root: the folder.
        val: pattern of the images that are held out.
        cache: keep decoded images in memory.
        **options: as ``FolderDataset`` takes them.

    Raises:
        ConfigError: as ``FolderDataset``.
    """

    def __init__(
        self,
        root: str | Path = "data/dubai",
        val: str = "*_part007",
        cache: bool = True,
        **options: Any,
    ) -> None:
        facts = {"classes": DUBAI_CLASSES, "ignore_colors": DUBAI_UNLABELED}
        super().__init__(root, val=val, cache=cache, **(facts | options))
