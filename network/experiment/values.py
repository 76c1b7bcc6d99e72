"""Values of settings: their types, and completing and calling what a config builds later."""

from __future__ import annotations

import difflib
import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from network.errors import ConfigError


def build(call: partial, setting: str) -> Any:
    """Call what builds a setting.

    Raises:
        ConfigError: it is called with the wrong arguments.
    """
    parameters(call)
    try:
        inspect.signature(call.func).bind(*call.args, **call.keywords)
    except TypeError as error:
        raise ConfigError(f"{setting}: {call.func.__name__}: {error}") from error
    return call()


def check_name(name: str, call: partial, where: str) -> None:
    """Refuse a name that a partial's function does not take.

    Raises:
        ConfigError: naming the nearest that it takes.
    """
    known = parameters(call)
    if name not in known and not takes_any(call):
        raise ConfigError(
            f"{where}: {call.func.__name__} has no parameter {name!r}{nearest(name, known)}"
        )


def parameters(call: Callable) -> dict[str, inspect.Parameter]:
    """The parameters of a function, or of the one inside a partial.

    Raises:
        ConfigError: a built-in type that does not tell.
    """
    function = call.func if isinstance(call, partial) else call
    try:
        return dict(inspect.signature(function).parameters)
    except ValueError as error:  # of built-in types
        raise ConfigError(
            f"{function.__name__} cannot build a dataset, net, loss or transform: {error}"
        ) from error


def takes_any(call: Callable) -> bool:
    """Whether a function takes arguments of any name."""
    return any(p.kind is p.VAR_KEYWORD for p in parameters(call).values())


def accepted(call: Callable, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the arguments that a function takes."""
    known = parameters(call)
    return {name: value for name, value in arguments.items() if name in known}


def complete(call: Callable, setting: str, **facts: Any) -> partial:
    """Add what the dataset knows, unless the config says something else, which is a fault."""
    given = call.keywords if isinstance(call, partial) else {}
    facts = accepted(call, facts) | {name: facts[name] for name in facts.keys() & given.keys()}
    for name, value in facts.items():
        if given.get(name, value) != value:
            raise ConfigError(
                f"{setting}.{name}={given[name]}, but the dataset has {name}={value}; leave it out"
            )
    return partial(call, **facts)


def check_value(name: str, value: Any, hint: Any, where: str) -> None:
    """Refuse a value of a wrong type, also inside partials.

    Args:
        name: of the setting.
        value: of the setting.
        hint: its type.
        where: it was said, for messages.

    Raises:
        ConfigError: naming the type that it must have.
    """
    if not _fits(value, hint):
        raise ConfigError(f"{where}: {name}={value!r} is not of type {_type_name(hint)}")
    if not isinstance(value, partial):
        return
    function = value.func.__init__ if isinstance(value.func, type) else value.func
    hints = typing.get_type_hints(function)
    for key, inner in value.keywords.items():
        check_name(key, value, f"{where}: {name}")
        if key in hints:
            check_value(f"{name}.{key}", inner, hints[key], where)


def _fits(value: Any, hint: Any) -> bool:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any or isinstance(hint, typing.TypeVar):
        return True
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, argument) for argument in arguments)
    if hint is None or hint is type(None):
        return value is None
    if origin in (Sequence, list, tuple):
        items = arguments[:1] if origin is not tuple or arguments[-1:] == (...,) else ()
        return isinstance(value, list | tuple) and all(_fits(v, h) for v in value for h in items)
    if origin is Mapping:
        return isinstance(value, Mapping) and all(_fits(v, arguments[1]) for v in value.values())
    if origin is Callable or origin is typing.get_origin(Callable[..., Any]):
        return callable(value)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, origin or hint)


def _type_name(hint: Any) -> str:
    name = hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else str(hint)
    return name.replace("collections.abc.", "").replace("typing.", "")


def nearest(name: str, known: Mapping[str, Any]) -> str:
    """The end of a message about an unknown name: the known one that is most like it, or all."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"


def described(value: Any) -> str:
    """A value as text; a partial as the call that it stands for, a set in the order of its texts.

    Python's own text of a set has another order in every process.
    """
    if isinstance(value, partial):
        arguments = [f"{key}={described(inner)}" for key, inner in value.keywords.items()]
        return f"{value.func.__name__}({', '.join(arguments)})"
    if isinstance(value, set | frozenset) and value:
        return f"{{{', '.join(sorted(map(described, value)))}}}"
    return repr(value)


def without_addresses(text: str) -> str:
    """A description that is the same in every process."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)
