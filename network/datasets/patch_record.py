"""What the patch splitters note beside their masks: how every tile was cut."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from network.errors import DataError
from network.files.writing import write_json

PATCH_RECORD = "patches.json"


@dataclass(frozen=True)
class Cut:
    """How a tile was cut into patches.

    Args:
        height, width: of the scaled tile.
        size, stride: of the windows.
        scale: by which the tile was resized before.
        eroded: whether the mask ignores borders between classes.
        top, left: of the first window.
    """

    height: int
    width: int
    size: int
    stride: int
    scale: float
    eroded: bool
    top: int = 0
    left: int = 0

    @property
    def overlaps(self) -> bool:
        """Whether pixels of the tile are in several patches."""
        return self.stride < self.size


def tile_of(patch: str) -> str:
    """The tile of a patch TILE_ROW_COL by its stem; what follows, as ``_val``, is of the tile."""
    found = re.fullmatch(r"(.+)_\d+_\d+(|_\D*)", patch)
    return found[1] + found[2] if found else patch


def described(cuts: Iterable[Cut]) -> list[dict[str, Any]]:
    """Sizes, strides and scales as plain values, each once."""
    found = sorted({(cut.size, cut.stride, cut.scale) for cut in cuts})
    return [dict(zip(("size", "stride", "scale"), values, strict=True)) for values in found]


def read_record(folder: Path) -> dict[str, Cut]:
    """The cuts of a mask folder by tile; none where another tool made the patches.

    Raises:
        DataError: a damaged record.
    """
    path = folder / PATCH_RECORD
    if not path.is_file():
        return {}
    try:
        return {tile: Cut(**cut) for tile, cut in json.loads(path.read_text("utf-8")).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is damaged ({error}); split the tiles again") from error


def write_record(folder: Path, cuts: dict[str, Cut]) -> None:
    """Write the cuts of a mask folder."""
    write_json(folder / PATCH_RECORD, {tile: asdict(cuts[tile]) for tile in sorted(cuts)})
