"""Modules read from files by their paths, for processes that inherit nothing.

A process that is not forked imports what it needs by name to read the objects that it is sent, and
no name leads to a config file. So a pickle that may hold objects of such modules begins with their
sources (``network/datasets/dataset.py``): those that were read, whatever the files hold by now.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder, SourceLoader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import NamedTuple


class Source(NamedTuple):
    """Where the source of a module lay, and what it was."""

    path: str
    text: bytes


_sources: dict[str, Source] = {}


def remember(module: ModuleType) -> None:
    """Keep the source of a module that was read just now."""
    loader = module.__spec__.loader
    _sources[module.__name__] = Source(module.__file__, loader.get_data(module.__file__))


def remembered() -> dict[str, Source]:
    """Sources by the names of their modules."""
    return dict(_sources)


def make_importable(sources: Mapping[str, Source]) -> None:
    """Let modules be imported by name; each is executed when it is first imported."""
    _sources.update(sources)
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)


class _Loader(SourceLoader):
    def __init__(self, source: Source) -> None:
        self.source = source

    def get_filename(self, fullname: str) -> str:
        return self.source.path

    def get_data(self, path: str) -> bytes:
        return self.source.text


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        source = _sources.get(fullname)
        if source is None:
            return None
        loader = _Loader(source)
        return importlib.util.spec_from_file_location(fullname, source.path, loader=loader)


_FINDER = _Finder()
