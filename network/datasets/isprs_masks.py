"""Which masks of ISPRS patches are full and which eroded."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from network.datasets.isprs_tiles import TileFiles
from network.datasets.labels import MAX_UNKNOWN_SHARE
from network.datasets.layout import DatasetLayout, listed
from network.datasets.patch_record import read_record
from network.errors import DataError, MissingDataError
from network.files.images import list_images
from network.files.parallel import in_threads


def find_references(
    folders: Sequence[Path], layout: DatasetLayout, files: TileFiles
) -> dict[str, list[Path]]:
    """The masks of the test area by their kind: ``mask`` (full) and ``eroded``.

    Args:
        folders: where masks may lie; of two folders of one kind the first counts.
        layout: reads them.
        files: how the tiles are named.

    Raises:
        MissingDataError: there are none.
        DataError: masks of both kinds in one folder, or another kind than its name says.
    """
    references: dict[str, list[Path]] = {}
    for folder in folders:
        try:
            masks = list_images(folder)
        except MissingDataError:
            continue
        kind = "eroded" if _is_eroded(folder, masks, layout, files) else "mask"
        references.setdefault(kind, masks)
    if not references:
        raise MissingDataError(f"no masks in {folders[0]}")
    return references


def _is_eroded(
    folder: Path, paths: Sequence[Path], layout: DatasetLayout, files: TileFiles
) -> bool:
    """Whether the splitter noted so, or else whether masks ignore pixels inside of their tiles.

    Raises:
        DataError: some tiles do and others do not, or the folder's name says ``eroded`` and
            none does.
    """
    record = read_record(folder)
    noted = {path.stem.rsplit("_", 2)[0] for path in paths}
    if noted <= record.keys():
        kinds = {record[name].eroded for name in noted}
        if len(kinds) > 1 or ("eroded" in folder.name and kinds == {False}):
            full = sorted(name for name in noted if not record[name].eroded)
            raise DataError(
                f"{folder}: the tiles {listed(full)} were split without --eroded; split the "
                "*_noBoundary masks into it"
            )
        return kinds == {True}
    counts = [*in_threads(partial(_ignored_inside, layout), paths, "looking for eroded masks")]
    tiles: dict[str, np.ndarray] = {}
    for path, count in zip(paths, counts, strict=True):
        tile = files.tile(path.stem)
        tiles[tile] = tiles.get(tile, 0) + count
    eroded = any(inside > MAX_UNKNOWN_SHARE * pixels for inside, pixels in tiles.values())
    full = sorted(tile for tile, (inside, _) in tiles.items() if not inside)
    if full and (eroded or "eroded" in folder.name):
        raise DataError(
            f"{folder} has no boundary pixel in the masks of the tiles {listed(full)}, so "
            "these are no eroded masks; split the *_noBoundary masks into it"
        )
    return eroded


def _ignored_inside(layout: DatasetLayout, path: Path) -> np.ndarray:
    """Numbers of ignored and of all pixels, without padding at the right and bottom: [2]."""
    ignored = layout.read_mask(path) == layout.spec.ignore_index
    rows, cols = np.flatnonzero(~ignored.all(axis=1)), np.flatnonzero(~ignored.all(axis=0))
    if not len(rows):
        return np.zeros(2, int)
    inside = ignored[: rows[-1] + 1, : cols[-1] + 1]
    return np.array([inside.sum(), inside.size])
