"""Images with their masks, wherever they lie below a folder."""

from __future__ import annotations

import os
from pathlib import Path

from network.datasets.file_patterns import FilePattern, Found
from network.datasets.layout import Sample
from network.datasets.matching import Labeled, Report, matched, refuse
from network.errors import ConfigError, DataError


class Pairing:
    """Where images and masks lie, which belong together, and how the samples are called.

    An image belongs to the mask for which the wildcards of the two patterns stand for the same
    texts. A sample is called by these texts, joined by ``_``, or by ``names`` with a text in the
    place of each ``*``.

    Args:
        images: pattern of the images (see ``FilePattern``).
        masks: that of the masks.
        names: of the samples, as ``tile*_part*``.

    Raises:
        ConfigError: patterns with different numbers of wildcards, or without any.
    """

    def __init__(self, images: str, masks: str, names: str | None = None) -> None:
        self.images = FilePattern(images, "image_files")
        self.masks = FilePattern(masks, "mask_files")
        self.names = names
        wildcards = self.images.wildcards
        if self.masks.wildcards != wildcards:
            raise ConfigError(
                f"image_files={images!r} has {wildcards} wildcards, mask_files={masks!r} has "
                f"{self.masks.wildcards}: they need the same number, because an image belongs to "
                "the mask of the same texts in their places"
            )
        if names is not None and (names.count("*") != wildcards or "/" in names):
            raise ConfigError(
                f"sample_names={names!r}: a file name with a * for each of the {wildcards} "
                f"wildcards of image_files={images!r}"
            )

    def samples(self, root: Path, report: Report = refuse) -> list[Sample]:
        """All samples below a folder, sorted by name.

        Raises:
            MissingDataError: no images or no masks.
            DataError: images without a mask, masks without an image, several files in one place,
                or samples of one name; unless ``report`` takes it.
        """
        images, masks = (pattern.find(root) for pattern in (self.images, self.masks))
        places = [_place(root, pattern) for pattern in (self.images, self.masks)]
        pairs = matched(_labeled(images, root), _labeled(masks, root), *places, report)
        named: dict[str, Sample] = {}
        for parts, image, mask in pairs:
            sample = Sample(self._name(parts), image, mask)
            if not sample.name or sample.name.startswith("."):
                report(
                    DataError(
                        f"{image} would be called {sample.name!r}, which is no name of a file; "
                        "give sample_names, such as 'image*', or another pattern"
                    )
                )
            other = named.setdefault(sample.name, sample)
            if other is not sample:
                report(
                    DataError(
                        f"{other.image} and {image} would both be called {sample.name!r}; give "
                        "sample_names, such as 'tile*_part*', so that the names differ"
                    )
                )
        return sorted(named.values())

    def _name(self, parts: tuple[str, ...]) -> str:
        parts = tuple(part.replace("/", "_") for part in parts)
        if self.names is None:
            return "_".join(part for part in parts if part)
        first, *rest = self.names.split("*")
        return first + "".join(a + b for a, b in zip(parts, rest, strict=True))


def _place(root: Path, pattern: FilePattern) -> str:
    """The folder of a pattern where it is one, or else the pattern."""
    return str(root / pattern.text.removesuffix("/*"))


def _labeled(found: list[Found], root: Path) -> list[Labeled]:
    return [
        Labeled(parts, Path(os.path.relpath(path, root)).as_posix(), path) for parts, path in found
    ]
