"""What a survey of a dataset counted, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from network.datasets.layout import DatasetLayout


@dataclass
class Column:
    """One split with one kind of masks; in a table, classes are shares of the labeled pixels.

    Attributes:
        title: of the column.
        tiles, images: their number.
        sizes: (height, width) of every image.
        pixels: of each class and, last, the ignored ones, int64 [N + 1].
        unlisted: pixels in values that the dataset does not list.
    """

    title: str
    pixels: np.ndarray
    tiles: int = 0
    images: int = 0
    sizes: list[tuple[int, int]] = field(default_factory=list)
    unlisted: int = 0


def table(layout: DatasetLayout, title: str, columns: Sequence[Column]) -> str:
    """Number and sizes of the images, shares of the classes, one column a split and kind of masks.

    Args:
        layout: of the columns.
        title: of the table.
        columns: with their counts.
    """
    rows = {
        "": [c.title for c in columns],
        "tiles": [str(c.tiles) for c in columns],
        "images": [str(c.images) for c in columns],
    }
    for row, pick in (("smallest", min), ("largest", max)):
        sizes = [pick(c.sizes, key=lambda size: size[0] * size[1], default=None) for c in columns]
        rows[row] = [f"{size[1]}x{size[0]}" if size else "-" for size in sizes]
    for index, name in enumerate(layout.spec.classes):
        rows[name] = [_share(c.pixels[index], c.pixels[:-1].sum()) for c in columns]
    for name, pick in (("ignored", lambda c: c.pixels[-1]), ("unlisted", lambda c: c.unlisted)):
        rows[name] = [_share(pick(c), c.pixels.sum() + c.unlisted) for c in columns]
    width = max(len(name) for name in rows)
    widths = [max(len(cells[i]) for cells in rows.values()) for i in range(len(columns))]
    lines = [f"{layout.spec.name}, {title}"]
    for name, cells in rows.items():
        texts = (f"{cell:>{w}}" for cell, w in zip(cells, widths, strict=True))
        lines.append(f"{name:<{width}}  {'  '.join(texts)}")
    return "\n".join(lines)


def _share(pixels: int, total: int) -> str:
    return f"{pixels / total:.2%}" if total else "-"
