"""Sorting a publisher's files into the training and the test area."""

from __future__ import annotations

import filecmp
import os
import shutil
from collections import Counter
from pathlib import Path

from network.datasets.isprs import IsprsDataset
from network.errors import DataError, OutputError
from network.files.images import list_images
from network.files.outputs import refuse_to_replace


def arrange_tiles(
    dataset: type[IsprsDataset], sources: dict[str, Path], output: Path
) -> dict[str, int]:
    """Put tiles where the patch splitters look for them, by the official split.

    Files are linked where the file system allows it, else copied; the sources stay as they are.
    Tiles with faulty labels and eroded masks of the training area are left out.

    Args:
        dataset: whose tiles they are.
        sources: folder of the ``images``, ``masks`` and ``masks_eroded``.
        output: gets ``train_images``, ``test_images``, ``train_masks``, ...

    Returns:
        number of files by folder.

    Raises:
        MissingDataError: a source that is not there, or holds no image.
        DataError: a source without any file of the dataset.
        OutputError: files that cannot be written, or others of their names.
    """
    suffixes = {
        "images": dataset.FILES.image_suffixes,
        "masks": (dataset.FILES.mask_suffix,),
        "masks_eroded": (dataset.FILES.eroded_suffix,),
    }
    targets: dict[Path, Path] = {}
    listed = {kind: list_images(source) for kind, source in sources.items()}
    for kind, source in sources.items():
        found = 0
        for path in listed[kind]:
            area = _area(dataset, path.stem, suffixes[kind])
            if area is None or (area, kind) == ("train", "masks_eroded"):
                continue
            targets[output / f"{area}_{kind}" / path.name] = path
            found += 1
        if not found:
            names = " or ".join(
                f"{dataset.FILES.prefix}ID{suffix}.tif" for suffix in suffixes[kind]
            )
            raise DataError(f"{source} has no {kind.replace('_', ' ')} named {names}")
    refuse_to_replace(
        targets,
        known=lambda target: target.is_file() and filecmp.cmp(target, targets[target], False),
    )
    for target, path in targets.items():
        if not target.exists():
            _place(path, target)
    return dict(Counter(target.parent.name for target in targets))


def _area(dataset: type[IsprsDataset], stem: str, suffixes: tuple[str, ...]) -> str | None:
    """``train``, ``test``, or None for what is no tile of the kind or is never used."""
    for suffix in suffixes:
        tile = stem.removeprefix(dataset.FILES.prefix).removesuffix(suffix)
        if stem != f"{dataset.FILES.prefix}{tile}{suffix}":
            continue
        if tile in dataset.TILES.train:
            return "train"
        if tile in dataset.TILES.test:
            return "test"
    return None


def _place(source: Path, target: Path) -> None:
    temporary = target.with_name(f".{target.name}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        try:
            os.link(source.resolve(), temporary)
        except OSError:
            shutil.copyfile(source, temporary)
        temporary.replace(target)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror}") from error
