"""What came of a split, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from network.datasets.layout import listed
from network.files.text_tables import aligned
from network.preparation.orthophotos.class_values import ClassTable
from network.preparation.orthophotos.cutting import Cut
from network.preparation.orthophotos.held_out import Plan

_SPLITS = {"train": "training", "val": "held out"}


@dataclass(frozen=True)
class Outcome:
    """What came of a split.

    Attributes:
        table: of the classes.
        notes: what a user has to know of the labels.
        labeled: pixels of each class in the images, int64 [classes].
        contested: pixels in polygons of different classes.
        plans: of the images.
        cuts: of their rows.
    """

    table: ClassTable
    notes: tuple[str, ...]
    labeled: np.ndarray
    contested: int
    plans: Sequence[Plan]
    cuts: Sequence[Cut]

    def pixels(self, split: str) -> np.ndarray:
        """Pixels of each class in the patches of a split, each pixel of an image once."""
        found = [cut.pixels for cut in self.cuts if cut.split == split]
        return np.sum([np.zeros_like(self.labeled), *found], axis=0)

    def patches(self, split: str) -> int:
        """Number of patches of a split."""
        return sum(cut.patches for cut in self.cuts if cut.split == split)

    def text(self) -> str:
        """The classes with their pixels, the patches, and what is not in them."""
        lines = [self._table(), ""]
        for split, what in _SPLITS.items():
            empty = sum(cut.empty for cut in self.cuts if cut.split == split)
            left = f"; {empty} more hold no label and are left out" if empty else ""
            lines.append(f"{what}: {self.patches(split)} patches{left}")
        near = sum(plan.near for plan in self.plans)
        if near:
            lines.append(f"{near} windows are in neither: a part of each is held out")
        return "\n".join([*lines, *(f"note: {note}" for note in self._notes())])

    def _table(self) -> str:
        sides = [self.labeled, self.pixels("train"), self.pixels("val")]
        rows = [("", "class", "pixels", *_SPLITS.values())]
        for index, name in enumerate(self.table.names):
            first, *shares = (int(side[index]) for side in sides)
            parts = [f"{share / first:.1%}" if first else "-" for share in shares]
            rows.append((str(index), name, str(first), *parts))
        whole = int(self.labeled.sum())
        parts = [f"{int(side.sum()) / whole:.1%}" for side in sides[1:]]
        return aligned([*rows, ("", "all", str(whole), *parts)], to_the_left=(0, 1))

    def _notes(self) -> list[str]:
        notes = list(self.notes)
        whole = int(self.labeled.sum())
        if self.contested:
            notes.append(
                f"{self.contested} pixels ({self.contested / whole:.2%} of the labeled ones) lie "
                "in polygons of different classes; the later one in the file counts"
            )
        no_data = sum(cut.no_data for cut in self.cuts)
        if no_data:
            notes.append(f"{no_data} labeled pixels hold no data in the image and are ignored")
        for split, what in _SPLITS.items():
            lacking = [
                name
                for name, pixels, there in zip(
                    self.table.names, self.pixels(split), self.labeled, strict=True
                )
                if there and not pixels
            ]
            if lacking:
                notes.append(f"{what}: no pixel of {listed(lacking)}")
        pixels = {plan.image.pixel for plan in self.plans if plan.image.transform is not None}
        sides = [side for each in pixels for side in each]
        if sides and max(sides) > 1.01 * min(sides):
            notes.append(
                f"pixels are from {min(sides):g} to {max(sides):g} wide and high; what is learned "
                "at one size need not hold at another"
            )
        return notes
