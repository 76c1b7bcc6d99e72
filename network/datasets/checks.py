"""Looking a dataset over before anything is trained, tested or written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from network.datasets.catalog import DatasetSpec
from network.datasets.colors import UNKNOWN
from network.datasets.labels import Held, ignore_unknown
from network.datasets.layout import DatasetLayout, Sample, listed, size_fault
from network.datasets.reading import read_filled, read_target
from network.errors import DataError
from network.files.band_images import check_image
from network.files.images import image_size
from network.files.notes import say_once
from network.files.parallel import in_threads

Found = TypeVar("Found")


def check_sizes(spec: DatasetSpec, samples: Sequence[Sample], least: int = 1) -> None:
    """Compare the sizes of images and masks by their headers.

    Args:
        spec: of the dataset.
        samples: to look at.
        least: height and width that an image must have.

    Raises:
        DataError: unreadable files, or sizes that differ; every such file is named. Or images of
            different types.
    """
    types = for_each(samples, lambda sample: check_size(spec, sample, least), "checking sizes")
    check_types(samples, types)


def check_contents(layout: DatasetLayout, samples: Sequence[Sample], least: int = 1) -> None:
    """Decode every image and every mask.

    Args:
        layout: of the samples.
        samples: to look at.
        least: height and width that an image must have.

    Raises:
        DataError: unreadable files, sizes that differ, colors that are not listed; every such
            file is named. Or images of different types, or masks that do not hold together.
    """

    def check(sample: Sample) -> tuple[np.dtype, dict[Path, Held]]:
        dtype = check_size(layout.spec, sample, least)
        read_filled(sample.image, layout.spec)
        return dtype, {path: _held(layout, path) for path in sample.masks.values()}

    results = for_each(samples, check, "checking images and masks")
    check_types(samples, [dtype for dtype, _ in results])
    found = {path: held for _, masks in results for path, held in masks.items()}
    fault = layout.doubts(Held.together(found.values()))
    if fault is not None:
        raise fault
    unclear = [path for path, held in found.items() if held.unlisted]
    if unclear:
        say_once(
            unclear[0].parent,
            "unlisted",
            f"{len(unclear)} of {len(found)} masks, such as {unclear[0]}, have pixels in values "
            "that the dataset does not list; they are ignored (tools/check_data.py names all)",
        )


def check_labeled(layout: DatasetLayout, samples: Sequence[Sample], what: str) -> None:
    """Look for a labeled pixel, no further than to the first one.

    Args:
        layout: of the samples.
        samples: of which some may have no mask.
        what: they are for, as in "nothing to train on".

    Raises:
        DataError: there are masks of a kind, full or eroded, and every pixel of them is ignored.
    """
    for kind in ("mask", "eroded"):
        pairs = [(s.image, s.masks[kind]) for s in samples if kind in s.masks]
        if pairs and not any(_is_labeled(layout, *pair) for pair in pairs):
            raise unlabeled([mask for _, mask in pairs], what)


def unlabeled(paths: Sequence[Path], what: str) -> DataError:
    """The fault of masks without a labeled pixel."""
    return DataError(
        f"nothing to {what}: no pixel of its masks is labeled, all are ignored or without data "
        f"({listed([*map(str, paths)], 1)}). Look at these masks, at which of their values or "
        "colors are listed as ignored, and at the split"
    )


def _held(layout: DatasetLayout, path: Path) -> Held:
    mask, raw = layout.decode_mask(path)
    unlisted = raw[mask == UNKNOWN]
    ignore_unknown(path, mask, raw, layout.spec.ignore_index)
    return Held.by(mask, unlisted, layout.spec.num_classes)


def _is_labeled(layout: DatasetLayout, image: Path, mask: Path) -> bool:
    return bool((read_target(layout, image, mask) < layout.spec.num_classes).any())


def check_types(samples: Sequence[Sample], types: Sequence[np.dtype]) -> None:
    """Refuse images of one dataset whose values are of different types.

    Raises:
        DataError: naming an image of each.
    """
    first = dict(zip(reversed(types), reversed(samples), strict=True))
    if len(first) < 2:
        return
    named = ", ".join(f"{sample.image} is {dtype}" for dtype, sample in first.items())
    raise DataError(
        f"the images are of different types ({named}), so that their values can hardly mean the "
        "same; store all as one type"
    )


def check_size(spec: DatasetSpec, sample: Sample, least: int = 1) -> np.dtype:
    """Compare the sizes of an image and its masks by their headers.

    Returns:
        type of the image's values.

    Raises:
        DataError: unreadable files, sizes that differ, an image that is too small or is stored in
            a way that is not read.
    """
    *image, dtype = check_image(sample.image, spec.selection)
    for path in sample.masks.values():
        mask = image_size(path)
        if image != [*mask]:
            raise size_fault(sample.image, path, image, mask)
    if min(image) < least:
        raise DataError(
            f"{sample.image} is {image[1]}x{image[0]} pixels; at least {least}x{least} are needed"
        )
    return dtype


def for_each(
    samples: Sequence[Sample],
    work: Callable[[Sample], Found],
    description: str,
    threads: int | None = None,
) -> list[Found]:
    """What some work on samples, in threads, gives for each of them.

    Args:
        samples: to work on.
        work: on one of them.
        description: of the work, for its bar.
        threads: how many; without it, a few more than processors.

    Raises:
        DataError: of the work; if several samples are faulty, each is named.
    """

    def result(sample: Sample) -> Found | DataError:
        try:
            return work(sample)
        except DataError as error:
            return error

    found = list(in_threads(result, samples, description, threads))
    faults = [error for error in found if isinstance(error, DataError)]
    if len(faults) == 1:
        raise faults[0]
    if faults:
        lines = "\n  ".join(str(error) for error in faults[:20])
        more = f"\n  and {len(faults) - 20} more" if len(faults) > 20 else ""
        raise DataError(f"{len(faults)} faults in the dataset:\n  {lines}{more}")
    return found
