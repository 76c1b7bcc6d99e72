"""Reading a config file and its overrides.

A config is plain Python: lower-case names with values, and ``functools.partial`` for what is
built later. It is executed when read (so read only files that you trust), and once more in loading
processes that are not forked, if they are sent what it defines; nothing in it should scan disks or
allocate.
"""

from __future__ import annotations

import ast
import importlib.util
import math
import sys
import types
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from network.errors import ConfigError
from network.experiment.values import check_name, nearest, parameters
from network.files.modules import remember


def read_config(path: Path, known: Container[str], kind: str = "config") -> dict[str, Any]:
    """Run a config file; what it imports or defines for itself is no setting.

    Args:
        path: of the file.
        known: names of settings.
        kind: of file, for messages.

    Raises:
        ConfigError: no such file, or a fault in it.
    """
    if not path.is_file():
        raise ConfigError(f"no {kind} file {path}")
    name = module_name(path)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise ConfigError(f"{path} is not a Python file (.py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise ConfigError(f"{path}, line {error.lineno}: {error.msg}") from error
    except (Exception, SystemExit) as error:  # a config may hold any Python
        raise ConfigError(f"{path}{_line_in(path, error)}: {error!r}") from error
    remember(module)
    return {
        name: value
        for name, value in vars(module).items()
        if name in known or (name[0].islower() and not isinstance(value, _HELPERS))
    }


def refuse_unknown(values: Iterable[str], known: Mapping[str, Any], path: Path) -> None:
    """Refuse settings that there are not.

    Raises:
        ConfigError: naming the nearest that there is.
    """
    for name in values:
        if name not in known:
            raise ConfigError(f"{path}: unknown setting {name!r}{nearest(name, known)}")


def module_name(path: Path) -> str:
    """What the module of a config file is called; files of different datasets share their name."""
    parts = path.resolve().with_suffix("").parts[-3:]
    return "config_" + "_".join(parts).replace(".", "_")  # a dot would name a package


_HELPERS = (
    types.ModuleType,
    type,
    types.FunctionType,
    types.BuiltinFunctionType,
    type(annotations),
)


def as_partial(value: Any, where: str) -> partial:
    """A setting that is built later, as a partial.

    Raises:
        ConfigError: it is built already, or cannot be called.
    """
    if isinstance(value, partial):
        return value
    if not callable(value) or isinstance(value, nn.Module):
        raise ConfigError(
            f"{where} must say how to build it, as partial(BiCoR, backbone='resnet18'); "
            f"got {type(value).__name__}"
        )
    return partial(value)


def _line_in(path: Path, error: BaseException) -> str:
    line, trace = None, error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f", line {line}" if line else ""


def override_path(text: str) -> list[str]:
    """Names that lead to what ``text``, as ``net.backbone=resnet18``, sets."""
    return text.partition("=")[0].strip().split(".")


_WORDS = {"true": True, "false": False, "none": None, "nan": math.nan}


class _WordsAsValues(ast.NodeTransformer):
    def visit_Name(self, node: ast.Name) -> ast.AST:
        known = node.id.lower() in _WORDS
        return ast.Constant(_WORDS[node.id.lower()]) if known else node


def parse_value(text: str) -> Any:
    """The value of an override: a Python literal, or else the text itself.

    ``true``, ``false``, ``none`` and ``nan`` are known in it, in any case of letters.
    """
    try:
        return ast.literal_eval(_WordsAsValues().visit(ast.parse(text.strip(), mode="eval")))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def overridden(settings: Any, text: str, known: Mapping[str, Any]) -> tuple[str, Any]:
    """Name and value of the setting that an override changes.

    Args:
        settings: with every setting as an attribute.
        text: the override, as ``net.backbone=resnet18``.
        known: the settings by their names.

    Raises:
        ConfigError: no such setting, or a parameter that it does not have.
    """
    _, equals, value = text.partition("=")
    root, *rest = override_path(text)
    if not equals or not root:
        raise ConfigError(f"override {text!r} is not of the form name=value")
    if root not in known:
        raise ConfigError(f"override {text!r}: unknown setting {root!r}{nearest(root, known)}")
    old = getattr(settings, root)
    if not rest and isinstance(old, partial):
        raise ConfigError(
            f"override {text!r}: {root} is built by {old.func.__name__}; "
            f"override its parameters, as {root}.{next(iter(parameters(old)), 'name')}=..."
        )
    return root, with_value(old, rest, parse_value(value), text)


def with_value(old: Any, path: Sequence[str], value: Any, text: str) -> Any:
    """A setting with another value, or a partial with another one somewhere inside.

    Args:
        old: the setting.
        path: names that lead into partials; none for the setting itself.
        value: the new value.
        text: the override, for messages.

    Raises:
        ConfigError: the path leads nowhere.
    """
    if not path:
        return value
    if not isinstance(old, partial):
        raise ConfigError(f"override {text!r}: {'.'.join(path)} does not lie in a partial")
    name, *rest = path
    check_name(name, old, f"override {text!r}")
    inner = with_value(old.keywords.get(name), rest, value, text)
    return partial(old.func, *old.args, **{**old.keywords, name: inner})
