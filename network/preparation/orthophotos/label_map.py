"""The labels of an image on its own grid, kept on disk while it is cut."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from network.preparation.orthophotos.class_values import IGNORED, UNLABELED
from network.preparation.orthophotos.images import Orthophoto


class Burned(NamedTuple):
    """Labels of a part of an image: class indices uint8 [h, w], or ``IGNORED``.

    ``contested`` is the number of pixels that lie in labels of different classes.
    """

    mask: np.ndarray
    contested: int


class Labels(Protocol):
    """Where labels come from: polygons, or a raster."""

    def read(self, image: Orthophoto, place: tuple[int, int, int, int]) -> Burned:
        """Labels of a part of an image, with ``UNLABELED`` where there is none.

        Args:
            image: the image.
            place: top, left, height, width of the part.
        """


@dataclass(frozen=True)
class LabelMap:
    """Class indices of an image, ``IGNORED`` where there is no class: uint8 [H, W] in a file.

    Args:
        path: of the file.
        image: that they are of.
    """

    path: Path
    image: Orthophoto

    def create(self) -> None:
        """Make room for the labels."""
        with open(self.path, "wb") as file:
            file.truncate(self.image.height * self.image.width)

    def read(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """A part, which ends where the image ends."""
        return np.array(self._pixels("r")[top : top + height, left : left + width])

    def write(self, top: int, left: int, mask: np.ndarray) -> None:
        """Put a part in its place."""
        pixels = self._pixels("r+")
        pixels[top : top + mask.shape[0], left : left + mask.shape[1]] = mask

    def _pixels(self, mode: str) -> np.memmap:
        return np.memmap(self.path, np.uint8, mode, shape=(self.image.height, self.image.width))


@dataclass(frozen=True)
class Counted:
    """What a row of cells holds.

    Attributes:
        pixels: of each class in each cell, int64 [cells, classes].
        contested: pixels in labels of different classes.
    """

    pixels: np.ndarray
    contested: int


@dataclass(frozen=True)
class Burner:
    """Puts labels on the grid of an image, a row of cells at a time.

    Args:
        labels: where they come from.
        background: class of what is not labeled, or ``IGNORED``.
        size: side of a cell.
        classes: number of classes.
    """

    labels: Labels
    background: int
    size: int
    classes: int

    def burn(self, row: tuple[LabelMap, int]) -> Counted:
        """Fill the row of cells of a map that begins at a pixel."""
        target, top = row
        image = target.image
        counts, contested = [], 0
        height = min(self.size, image.height - top)
        for left in range(0, image.width, self.size):
            place = (top, left, height, min(self.size, image.width - left))
            mask, unclear = self.labels.read(image, place)
            mask[mask == UNLABELED] = self.background
            target.write(top, left, mask)
            counts.append(np.bincount(mask.ravel(), minlength=IGNORED + 1)[: self.classes])
            contested += unclear
        return Counted(np.array(counts, np.int64), contested)
