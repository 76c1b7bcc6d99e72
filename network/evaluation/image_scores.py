"""The scores of every image of a test: ``images.csv``."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from network.datasets.catalog import DatasetSpec
from network.errors import DataError, MissingDataError
from network.files.writing import replacing
from network.metrics import Scores

IMAGE_SCORES = "images.csv"
MEANS = ("mIoU", "mF1", "OA")


class Variant(NamedTuple):
    """What a score was counted with.

    Attributes:
        masks: ``full`` or ``eroded``.
        tta: name of the test-time augmentation.
        unit: what was predicted at a time: ``images``, ``patches`` or ``scenes`` (whole tiles in
            blended windows).
    """

    masks: str
    tta: str
    unit: str = "images"

    @property
    def title(self) -> str:
        """Its name for people."""
        unit = "" if self.unit == "images" else f"{self.unit}, "
        return f"{unit}{self.masks} masks, TTA {self.tta}"


class Counts(NamedTuple):
    """Confusion matrices int64 [images, N, N] of the images of these names."""

    names: list[str]
    matrices: Tensor


class ImageScore(NamedTuple):
    """Scores of one image, from 0 to 1; None where there is none (class absent, no pixel counted).

    ``iou`` has one value for each class.
    """

    name: str
    pixels: int
    miou: float | None
    mf1: float | None
    oa: float | None
    iou: tuple[float | None, ...]


def write_image_scores(
    path: Path, names: Sequence[str], counts: Mapping[Variant, Counts], spec: DatasetSpec
) -> None:
    """Write a row for every image and variant; without labels, the names alone.

    Args:
        path: of the CSV file.
        names: of the images, for where nothing was counted.
        counts: by variant.
        spec: of the dataset.

    Raises:
        OutputError: it cannot be written.
    """
    head = ["image", *Variant._fields, "pixels", *MEANS]
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*head, *(f"IoU {name}" for name in spec.classes)])
        if not counts:
            writer.writerows([name] for name in names)
        for variant, found in counts.items():
            for name, matrix in zip(*found, strict=True):
                scores = Scores.of(matrix, spec)
                values = [scores.miou, scores.mf1, scores.oa, *scores.iou.tolist()]
                cells = ["" if value != value else f"{value:.6f}" for value in values]
                writer.writerow([name, *variant, scores.pixels, *cells])


def read_image_scores(path: Path, variant: Variant | None) -> list[ImageScore]:
    """The rows of one variant, or names alone where nothing was scored (``variant`` None).

    Raises:
        DataError: missing, or not such a file.
    """
    if not path.is_file():
        raise MissingDataError(f"no file {path}: test again (python test.py -c CONFIG -o OUTDIR)")
    first = 1 + len(Variant._fields)
    try:
        with path.open(newline="", encoding="utf-8") as file:
            heads, *rows = csv.reader(file)
        if variant is not None and heads[1:first] != list(Variant._fields):
            raise ValueError(f"its columns are {', '.join(heads[:first])}")
        if variant is None:
            return [ImageScore(row[0], 0, None, None, None, ()) for row in rows]
        found = []
        for row in rows:
            if tuple(row[1:first]) == variant:
                miou, mf1, oa, *iou = (float(cell) if cell else None for cell in row[first + 1 :])
                found.append(ImageScore(row[0], int(row[first]), miou, mf1, oa, tuple(iou)))
        return found
    except (ValueError, IndexError, csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not the {IMAGE_SCORES} of a test: {error}") from error
