"""Networks by the record of what they were built with: a name and plain values, never code."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import site
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from network.errors import CheckpointError, UserError, first_line
from network.models.depthwise import with_exact_depthwise

FIRST_WEIGHTS = {"pretrained": False, "encoder_weights": None}
"""Parameters of networks that say where training starts from, and what they are without that."""
OF_CONFIG = "config"
"""Stands for the module of a class that a config file defines."""
_OWN = "network.models"
_FETCHED = {*FIRST_WEIGHTS, "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path"}


def build_recorded(
    name: str, settings: Mapping[str, Any], objects: Mapping[str, str], source: str | Path
) -> nn.Module:
    """The network of a record, without pretrained weights; nothing is fetched or read for it.

    The record chooses among networks that are installed here: those of ``network.models``, and
    ``torch.nn.Module`` subclasses of installed packages.

    Args:
        name: where its class is imported from.
        settings: its arguments.
        objects: those of them that are no plain values, as text.
        source: of the record, for messages.

    Raises:
        CheckpointError: no such class, or the record does not suffice to build it.
    """
    if objects:
        raise CheckpointError(
            f"{source}: {name} was built with {', '.join(objects)}, which are no plain values that "
            "a file can hold"
        )
    if fetched := _named_in([*settings.values()], _FETCHED):
        raise CheckpointError(f"{source}: its record of the network names files by {fetched}")
    kind = _class(name, source)
    takes = inspect.signature(kind).parameters
    arguments = {**settings, **{key: v for key, v in FIRST_WEIGHTS.items() if key in takes}}
    try:
        inspect.signature(kind).bind(**arguments)
        return with_exact_depthwise(kind(**arguments))
    except Exception as error:  # whatever the class of somebody else says of its arguments
        said = str(error) if isinstance(error, UserError) else first_line(error)
        raise CheckpointError(
            f"{source}: {name} cannot be built from its record ({said})"
        ) from error


def _class(name: str, source: str | Path) -> type[nn.Module]:
    """The class of a recorded name.

    Raises:
        CheckpointError: it is not one of a network, or not one that is installed.
    """
    import network.models as known

    module, _, short = name.rpartition(".")
    if f"{module}.".startswith(f"{_OWN}.") and short in known.__all__:
        return _checked(getattr(known, short), name, source)
    if module == OF_CONFIG:
        raise CheckpointError(f"{source}: its network, {short}, is defined in its config")
    if not _is_installed(module):
        raise CheckpointError(f"{source}: its network, {name}, is of no installed package")
    try:
        found = getattr(importlib.import_module(module), short)
    except Exception as error:  # a module may raise whatever it likes
        raise CheckpointError(
            f"{source}: its network, {name}, cannot be imported ({first_line(error)})"
        ) from error
    return _checked(found, name, source)


def _checked(found: Any, name: str, source: str | Path) -> type[nn.Module]:
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise CheckpointError(f"{source}: {name}, of which its network is, is no class of networks")
    return found


def _is_installed(module: str) -> bool:
    """Whether a module is of this library's networks or lies where packages are installed.

    Modules elsewhere, as beside a file that came from somewhere, are not imported for it.
    """
    if f"{module}.".startswith(f"{_OWN}."):
        return True
    top = module.partition(".")[0]
    try:
        spec = importlib.util.find_spec(top) if top else None
    except (ImportError, ValueError):
        return False
    if spec is None:
        return False
    places = [*(spec.submodule_search_locations or ()), *([spec.origin] if spec.origin else [])]
    paths = sysconfig.get_paths()
    installed = {paths["purelib"], paths["platlib"], *site.getsitepackages()}
    installed = {Path(path).resolve() for path in (*installed, site.getusersitepackages())}
    return any(Path(place).resolve().parent in installed for place in places)


def _named_in(values: Any, names: set[str]) -> str:
    """The first of the names that is a key anywhere in nested plain values."""
    if isinstance(values, Mapping):
        here = next((key for key in values if key in names), "")
        return here or _named_in([*values.values()], names)
    if isinstance(values, list | tuple):
        return next(filter(None, (_named_in(value, names) for value in values)), "")
    return ""
