"""What a file says of its place on the ground, and carrying it on to its maps."""

from __future__ import annotations

from rasterio import DatasetReader
from rasterio.crs import CRS
from rasterio.io import DatasetWriter

_ARRAYS = "GEOLOCATION"


def is_placed(source: DatasetReader) -> bool:
    """Whether an image says anything of its place on the ground."""
    placed = source.crs is not None or not source.transform.is_identity
    return placed or bool(other_placing(source))


def other_placing(source: DatasetReader) -> str:
    """By what an image without a transform is placed: a part of a sentence, or empty."""
    if not source.transform.is_identity:
        return ""
    if points := source.gcps[0]:
        return f"{len(points)} control points"
    if source.rpcs is not None:
        return "RPCs"
    return "arrays of coordinates" if _ARRAYS in source.tag_namespaces() else ""


def placing_note(source: DatasetReader) -> str:
    """What a user has to know of the maps of an image; empty where there is nothing."""
    placing = other_placing(source)
    carried = "do not carry on" if placing == "arrays of coordinates" else "carry on"
    return f"placed by {placing} and no transform; its maps {carried} these" if placing else ""


def carry_on(source: DatasetReader, target: DatasetWriter) -> None:
    """Give a file of the same size the control points and RPCs of an image."""
    points, crs = source.gcps
    if points:
        target.gcps = points, crs or CRS()
    if source.rpcs is not None:
        target.rpcs = source.rpcs
