"""Images and their masks matched by what their names have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from network.errors import DataError

Report = Callable[[DataError], None]
"""Takes a fault; raises it, or keeps it and lets the work go on."""


def refuse(fault: DataError) -> None:
    """Raise it: the ``Report`` of work that cannot go on."""
    raise fault


def listed(names: Sequence[str], most: int = 10) -> str:
    """Names for a message: the first ones, and how many more."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(str(name) for name in names[:most]) + more


class Labeled(NamedTuple):
    """A file, what its counterpart has too, and what messages call it."""

    key: Hashable
    label: str
    path: Path


def matched(
    images: Sequence[Labeled],
    masks: Sequence[Labeled],
    image_place: str,
    mask_place: str,
    report: Report = refuse,
) -> list[tuple[Hashable, Path, Path]]:
    """Match images and masks by their keys: (key, image, mask) of each pair.

    Args:
        images: to match.
        masks: to match.
        image_place: where the images are, for messages.
        mask_place: where the masks are.
        report: takes what is wrong.

    Raises:
        DataError: an image without a mask, a mask without an image, or several files of one key,
            unless ``report`` takes it.
    """
    for files, place in ((images, image_place), (masks, mask_place)):
        count = Counter(each.key for each in files)
        twice = sorted({each.label for each in files if count[each.key] > 1})
        if twice:
            report(DataError(f"several files of one name in {place}: {listed(twice)}"))
    image_of, mask_of = ({each.key: each for each in files} for files in (images, masks))
    lonely = [
        f"{len(labels)} {kind} in {place} without {other} of the same name in {other_place}: "
        f"{listed(sorted(labels))}"
        for kind, place, other, other_place, labels in (
            ("images", image_place, "a mask", mask_place, _without(image_of, mask_of)),
            ("masks", mask_place, "an image", image_place, _without(mask_of, image_of)),
        )
        if labels
    ]
    if lonely:
        report(DataError("; ".join(lonely) + ". Add what is missing or take these files out"))
    return [(k, image_of[k].path, mask_of[k].path) for k in image_of if k in mask_of]


def _without(files: Mapping[Hashable, Labeled], others: Mapping[Hashable, Labeled]) -> list[str]:
    return [each.label for key, each in files.items() if key not in others]
