"""Files of polygons: layers, values of a field, and outlines that have an area."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from rasterio.crs import CRS

from network.datasets.layout import listed
from network.errors import DataError, MissingDataError, first_line

_BATCH = 5000
"""Features in memory at a time."""

_AREAS = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
_BUFFER = (
    "; only polygons say what lies under a pixel. Buffer them (QGIS: Vector, Geoprocessing Tools, "
    "Buffer), or take them out"
)


class Outlines(NamedTuple):
    """Features with an area, in the order of the file.

    Attributes:
        ids: feature ids int64 [n].
        outlines: valid (multi)polygons [n].
        values: of the field [n]; None without one.
        mended: ids of those that were invalid.
        without: number of features without a geometry, which are not among them.
    """

    ids: np.ndarray
    outlines: np.ndarray
    values: np.ndarray | None
    mended: list[int]
    without: int


@dataclass(frozen=True)
class PolygonLayer:
    """A layer of polygons in a file.

    Attributes:
        path: of the file.
        layer: its name.
        crs: of the places.
        fields: names.
        count: of features.
    """

    path: Path
    layer: str
    crs: CRS
    fields: tuple[str, ...]
    count: int

    @classmethod
    def open(cls, path: Path, layer: str | None = None, option: str = "") -> PolygonLayer:
        """Of a file, by its header.

        Args:
            path: anything that OGR reads: GeoPackage, shapefile, GeoJSON.
            layer: which one; without it, the only one.
            option: by which a layer is named on the command line; empty where it cannot be.

        Raises:
            DataError: unreadable, no CRS, several layers, or geometries without an area.
        """
        with _read(path):
            kinds = {name: kind for name, kind in pyogrio.list_layers(path) if kind is not None}
        name = _chosen(path, list(kinds), layer, option)
        with _read(path):
            info = pyogrio.read_info(path, layer=name)
        if (kind := kinds[name]) and not _may_have_area(kind):
            raise DataError(f"{path} holds {_plural(kind)}, which have no area{_BUFFER}")
        if not info["features"]:
            raise DataError(f"{path} holds no feature (layer {name!r})")
        if not info["crs"]:
            beside = (
                "; a shapefile says it in a .prj file beside it" if path.suffix == ".shp" else ""
            )
            raise DataError(
                f"{path} has no CRS, so that nothing tells where its features lie{beside}. Give it "
                "the one it is in (QGIS: Layer, Set CRS, and save it)"
            )
        crs = CRS.from_user_input(info["crs"])
        return cls(path, name, crs, tuple(map(str, info["fields"])), info["features"])

    def check_field(self, field: str | None) -> str:
        """The field that holds the classes.

        Raises:
            DataError: there is none of that name, or none is named.
        """
        names = ", ".join(self.fields) or "none"
        if field is None:
            raise DataError(f"--class-field: which field of {self.path} holds the class? {names}")
        if field not in self.fields:
            lower = {name.casefold(): name for name in self.fields}
            near = get_close_matches(field.casefold(), lower, n=1, cutoff=0.5)
            meant = f" Did you mean {lower[near[0]]!r}?" if near else ""
            raise DataError(f"{self.path} has no field {field!r}; it has {names}.{meant}")
        return field

    def values(self, field: str) -> tuple[np.ndarray, np.ndarray]:
        """Feature ids and values of a field, without the geometries."""
        with _read(self.path):
            _, ids, _, (values,) = pyogrio.raw.read(
                *(self.path, self.layer), columns=[field], read_geometry=False, return_fids=True
            )
        return ids, values

    def outlines(self, field: str | None = None) -> Iterator[Outlines]:
        """All features, some at a time.

        Raises:
            DataError: geometries that have no area, or cannot be made valid; their ids are named.
        """
        columns = [] if field is None else [field]
        for start in range(0, self.count, _BATCH):
            with _read(self.path):
                _, ids, stored, values = pyogrio.raw.read(
                    *(self.path, self.layer),
                    columns=columns,
                    skip_features=start,
                    max_features=_BATCH,
                    return_fids=True,
                    force_2d=True,
                )
            yield self._with_area(ids, shapely.from_wkb(stored), values[0] if columns else None)

    def _with_area(self, ids: np.ndarray, found: np.ndarray, values: np.ndarray | None) -> Outlines:
        empty = shapely.is_missing(found) | shapely.is_empty(found)
        other = ~empty & ~np.isin(shapely.get_type_id(found), _AREAS)
        if other.any():
            kinds = sorted({_plural(geometry.geom_type) for geometry in found[other]})
            raise DataError(
                f"{self.path} holds {' and '.join(kinds)}, which have no area: features "
                f"{listed(ids[other].tolist())}{_BUFFER}"
            )
        invalid = ~empty & ~shapely.is_valid(found)
        mended = shapely.make_valid(found[invalid], method="structure", keep_collapsed=False)
        lost = shapely.is_empty(mended) | ~np.isin(shapely.get_type_id(mended), _AREAS)
        if lost.any():
            raise DataError(
                f"{self.path}: the outlines of features {listed(ids[invalid][lost].tolist())} "
                "enclose no area; mend them (QGIS: Fix geometries) or take them out"
            )
        found[invalid] = mended
        return Outlines(
            ids[~empty],
            found[~empty],
            None if values is None else values[~empty],
            ids[invalid].tolist(),
            int(empty.sum()),
        )


def is_vector(path: Path) -> bool:
    """Whether OGR reads a file.

    Raises:
        MissingDataError: there is no such file.
    """
    _check_there(path)
    try:
        return len(pyogrio.list_layers(path)) > 0
    except (DataSourceError, DataLayerError):
        return False


def _chosen(path: Path, names: list[str], layer: str | None, option: str) -> str:
    if not names:
        raise DataError(f"{path} has no layer with geometries")
    if layer is not None and layer not in names:
        raise DataError(f"{path} has no layer {layer!r} with geometries; it has {listed(names)}")
    if layer is None and len(names) > 1:
        advice = f"name one by {option}" if option else "leave one in the file"
        raise DataError(f"{path} has {len(names)} layers, {listed(names)}; {advice}")
    return layer or names[0]


def _may_have_area(kind: str) -> bool:
    return any(word in kind for word in ("Polygon", "Surface", "Unknown", "Collection"))


def _plural(kind: str) -> str:
    return f"{kind.removesuffix(' Z').removesuffix('25D')}s"


def _check_there(path: Path) -> None:
    if not path.exists():
        raise MissingDataError(f"no file {path}")
    if not (path.is_file() or path.is_dir()):  # a pipe would be waited for
        raise DataError(f"{path} is no file; name one of polygons, or a raster")


@contextmanager
def _read(path: Path) -> Iterator[None]:
    _check_there(path)
    try:
        yield
    except (DataSourceError, DataLayerError) as error:
        raise DataError(
            f"cannot read {path} as a file of polygons ({first_line(error)}); replace it"
        ) from error
