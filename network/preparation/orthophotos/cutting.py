"""Cutting an image and its labels into patches, a row of windows at a time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np
import shapely

from network.datasets.windows import Window
from network.files.images import write_image
from network.preparation.orthophotos.class_values import IGNORED
from network.preparation.orthophotos.held_out import Box, box_in
from network.preparation.orthophotos.images import cached, opened
from network.preparation.orthophotos.label_map import LabelMap
from network.preparation.orthophotos.patch_files import without_data, write_patch
from network.preparation.orthophotos.polygon_labels import burn, drawn

HELD_OUT = "_val"
"""Ends the stems of patches that are held out."""


class Row(NamedTuple):
    """Windows of an image that begin at the same row.

    Attributes:
        labels: of the image.
        split: ``train`` or ``val``.
        windows: from left to right.
        earlier: windows of the same split that begin above and reach into these.
        area: what is scored, in pixels; None for all.
    """

    labels: LabelMap
    split: str
    windows: list[Window]
    earlier: list[Window]
    area: shapely.Geometry | None


@dataclass
class Cut:
    """What came of a row of windows.

    Attributes:
        split: of the row.
        patches: that were written.
        empty: windows that were left out, for nothing in them is labeled.
        pixels: of each class in the patches, each pixel once, int64 [classes].
        no_data: labeled pixels that hold no data and are ignored.
    """

    split: str
    patches: int
    empty: int
    pixels: np.ndarray
    no_data: int


@dataclass(frozen=True)
class Cutter:
    """Writes patches named STEM_ROW_COL.tif with masks STEM_ROW_COL.png; held out, ..._val.

    What reaches over the right and bottom edge is a mirrored image and an ignored mask.

    Args:
        images, masks: folders.
        classes: number of classes.
        keep_empty: share of the windows without a label that is written all the same.
    """

    images: Path
    masks: Path
    classes: int
    keep_empty: float = 0.0

    def cut(self, row: Row) -> Cut:
        """Cut a row of windows."""
        done = Cut(row.split, 0, 0, np.zeros(self.classes, np.int64), 0)
        seen = [box_in(row.labels.image, window) for window in row.earlier]
        with cached(row.labels.image, row.windows[0].size):
            for window in row.windows:
                self._cut_one(row, window, seen, done)
                seen.append(box_in(row.labels.image, window))
        return done

    def _cut_one(self, row: Row, window: Window, seen: list[Box], done: Cut) -> None:
        image = row.labels.image
        box = box_in(image, window)
        place = (box.top, box.left, box.bottom - box.top, box.right - box.left)
        name = f"{image.name}_{window.row}_{window.col}{HELD_OUT if row.split == 'val' else ''}"
        mask = row.labels.read(*place)
        if row.area is not None:
            mask[burn(drawn(np.array([row.area])), [1], place, outside=0) == 0] = IGNORED
        new = np.ones(mask.shape, bool)
        for other in seen:
            new[_common(box, other)] = False
        file, values = opened(image.path), None
        if (mask != IGNORED).any():
            values = file.read(place=place)
            lost = without_data(file, values, box.top, box.left) & (mask != IGNORED)
            mask[lost] = IGNORED
            done.no_data += int((lost & new).sum())
        kept = crc32(name.encode()) < self.keep_empty * 2**32
        if not ((mask != IGNORED).any() or kept):
            done.empty += 1
            return
        if values is None:
            values = file.read(place=place)
        over = ((0, window.size - place[2]), (0, window.size - place[3]))
        padded = np.pad(values, ((0, 0), *over), mode="symmetric")
        write_patch(self.images / f"{name}.tif", padded, file, window.top, window.left)
        write_image(self.masks / f"{name}.png", np.pad(mask, over, constant_values=IGNORED))
        done.patches += 1
        done.pixels += np.bincount(mask[new], minlength=IGNORED + 1)[: self.classes]


def _common(box: Box, other: Box) -> tuple[slice, slice]:
    """The part of a box that another one shows too."""
    top, left = max(box.top, other.top), max(box.left, other.left)
    bottom, right = max(top, min(box.bottom, other.bottom)), max(left, min(box.right, other.right))
    return slice(top - box.top, bottom - box.top), slice(left - box.left, right - box.left)
