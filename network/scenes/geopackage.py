"""Outlines as a GeoPackage, in the coordinates of the image, with a style that QGIS takes."""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from network.datasets.catalog import DatasetSpec
from network.errors import OutputError, first_line
from network.scenes.ground import Ground
from network.scenes.packages import needed
from network.scenes.rings import Rings
from network.scenes.style import polygon_style
from network.scenes.wkb import polygons_as_wkb

_LAYER, _GEOMETRY = "areas", "geom"
_FIELDS = {"class": object, "index": np.int32, "area": np.float64}
_STYLES = """
CREATE TABLE layer_styles (
  id INTEGER PRIMARY KEY AUTOINCREMENT, f_table_catalog TEXT(256), f_table_schema TEXT(256),
  f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT,
  styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),
  update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
)
"""


class GeoPackageWriter:
    """A file with one layer of polygons, written some at a time.

    Args:
        path: of the file, which is not there yet.
        ground: where the pixels lie.
        spec: classes and colors.
        shown: what a fault names instead of the path.
    """

    def __init__(self, path: Path, ground: Ground, spec: DatasetSpec, shown: Path) -> None:
        self.path = path
        self.ground = ground
        self.spec = spec
        self.shown = shown
        self.crs = None if ground.crs is None else ground.crs.to_wkt()
        self.pyogrio = needed("pyogrio")

    def __enter__(self) -> GeoPackageWriter:
        self._append(np.zeros(0, object), [])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._add_style()

    def write(self, batch: Sequence[Rings], properties: Sequence[dict[str, Any]]) -> None:
        """Add polygons: rings in pixels, and what is said of each."""
        self._append(self._geometries(batch), properties)

    def _geometries(self, batch: Sequence[Rings]) -> np.ndarray:
        rings = [ring for outline in batch for ring in outline]
        places = self.ground.project(*np.concatenate(rings).T)
        return polygons_as_wkb(places, [*map(len, rings)], [*map(len, batch)])

    def _append(self, geometries: np.ndarray, properties: Sequence[dict[str, Any]]) -> None:
        values = [
            np.array([said[name] for said in properties], kind) for name, kind in _FIELDS.items()
        ]
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "'crs' was not provided")
                self.pyogrio.raw.write(
                    *(self.path, geometries, values, list(_FIELDS)),
                    layer=_LAYER,
                    driver="GPKG",
                    geometry_type="Polygon",
                    crs=self.crs,
                    append=self.path.exists(),
                    layer_options={"GEOMETRY_NAME": _GEOMETRY},
                )
        except (self.pyogrio.errors.DataSourceError, RuntimeError) as error:
            raise OutputError(f"cannot write {self.shown}: {first_line(error)}") from error

    def _add_style(self) -> None:
        row = ("", "", _LAYER, _GEOMETRY, "classes", polygon_style(self.spec), "", 1, "", "", None)
        try:
            with closing(sqlite3.connect(self.path)) as file, file:
                file.execute(_STYLES)
                file.execute(
                    "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, "
                    "f_geometry_column, styleName, styleQML, styleSLD, useAsDefault, description, "
                    f"owner, ui) VALUES ({', '.join('?' * len(row))})",
                    row,
                )
                file.execute(
                    "INSERT INTO gpkg_contents (table_name, data_type, identifier) "
                    "VALUES ('layer_styles', 'attributes', 'layer_styles')"
                )
        except sqlite3.Error as error:
            raise OutputError(f"cannot write {self.shown}: {first_line(error)}") from error
