"""Packages that machines which map by an ONNX file may lack."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from network.errors import ConfigError

_WITHOUT = {
    "pyogrio": "--polygons as GeoPackage needs pyogrio: pip install pyogrio, or take "
    "--polygons-format geojson",
    "shapely": "--simplify needs shapely: pip install shapely, or leave --simplify out",
}


def needed(name: str) -> ModuleType:
    """A package: ``pyogrio`` or ``shapely``.

    Raises:
        ConfigError: it is not installed; says what to do.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise ConfigError(_WITHOUT[name]) from error
