"""A map of classes as polygons: GeoPackage or GeoJSON."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from network.datasets.catalog import DatasetSpec
from network.freed_memory import release_freed_memory
from network.scenes.areas import Areas, find_areas
from network.scenes.geojson import GeoJsonWriter
from network.scenes.geopackage import GeoPackageWriter
from network.scenes.ground import Ground
from network.scenes.joining import join_small
from network.scenes.outlines import Outline, outlines, simplified
from network.scenes.raw_map import RawMap

_BATCH = 1 << 17
"""Vertices that are placed at a time."""


def write_polygons(
    path: Path,
    classes: RawMap,
    spec: DatasetSpec,
    ground: Ground,
    min_area: float = 0.0,
    simplify: float = 0.0,
    shown: Path | None = None,
) -> int:
    """Write the outlines of all connected areas of one class.

    Areas are those of ``Ground``; places are its longitude and latitude in GeoJSON, and the
    coordinates of the image in a GeoPackage. Memory grows with the number of areas, and with the
    outlines of the largest ones: held are those of areas that go on below what was read.

    Args:
        path: of the file, ``.gpkg`` or ``.geojson``.
        classes: indices [1, H, W], ``NODATA`` where there are none.
        spec: of the dataset.
        ground: where the pixels lie.
        min_area: what is smaller is joined with its largest neighbor (``join_small``), or left out
            where there is none.
        simplify: corners of less than its square are cut off; in the units of the ground.
        shown: what a fault names instead of the path.

    Returns:
        number of polygons.

    Raises:
        ConfigError: a package is missing.
        OutputError: it cannot be written.
    """
    release_freed_memory()  # of the network, which another thread does not find again
    areas = find_areas(_Stored(classes), ground, with_neighbors=bool(min_area))
    if min_area:
        areas = join_small(areas, min_area)
    found = outlines(areas)
    if simplify:
        found = simplified(found, simplify / ground.pixel_side)
    writer = (
        GeoPackageWriter(path, ground, spec, shown or path)
        if path.suffix == ".gpkg"
        else GeoJsonWriter(path, ground)
    )
    count = 0
    with writer:
        for batch in _batches(found):
            writer.write([each.rings for each in batch], _properties(batch, areas, spec))
            count += len(batch)
    return count


class _Stored:
    """Rows of a stored map."""

    def __init__(self, raw: RawMap) -> None:
        self.raw = raw
        self.shape = raw.shape[1:]

    def __getitem__(self, rows: slice) -> np.ndarray:
        return self.raw.read(rows, slice(0, self.shape[1]))[0]


def _properties(batch: list[Outline], areas: Areas, spec: DatasetSpec) -> list[dict]:
    numbers = [each.area for each in batch]
    indices, sizes = areas.classes[numbers].tolist(), areas.sizes[numbers].tolist()
    return [
        {"class": spec.classes[index], "index": index, "area": size}
        for index, size in zip(indices, sizes, strict=True)
    ]


def _batches(found: Iterator[Outline]) -> Iterator[list[Outline]]:
    batch: list[Outline] = []
    vertices = 0
    for each in found:
        batch.append(each)
        vertices += sum(map(len, each.rings))
        if vertices >= _BATCH:
            yield batch
            batch, vertices = [], 0
    if batch:
        yield batch
