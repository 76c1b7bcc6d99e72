"""Files of a folder by a pattern, and what differs in their names: ``Tile */images/*.jpg``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from network.errors import ConfigError, MissingDataError
from network.files.images import IMAGE_SUFFIXES, list_images

_WILDCARD = re.compile(r"\*+|\?|\[[^\]]+\]")
_DEEP = "**"
_SPECIAL, _ESCAPED = re.compile(r"([\\^\[&~|])"), r"\\\1"


class Found(NamedTuple):
    """A file and the texts that the wildcards of its pattern stand for, in their order."""

    parts: tuple[str, ...]
    path: Path


class FilePattern:
    """Where images lie, relative to a folder.

    ``*`` stands for any text within one name, ``?`` for one character, ``[12]`` for one of these
    and a folder ``**`` for any folders, or none, in between. Without the ending of an image
    (``images/*``, ``images/*_RGB.*``) files of any known format count.

    Args:
        text: the pattern.
        setting: its name, for messages.

    Raises:
        ConfigError: it has no wildcard.
    """

    def __init__(self, text: str, setting: str) -> None:
        self.text = text
        *self._folders, last = PurePosixPath(text).parts or ("",)
        if not _WILDCARD.search(text):
            raise ConfigError(
                f"{setting}={text!r} names one file; a pattern has a * where names differ, as "
                "images/*.png"
            )
        stem, dot, suffix = last.rpartition(".")
        self._suffix = f".{suffix.lower()}" if f".{suffix.lower()}" in IMAGE_SUFFIXES else None
        self._stem = stem if dot and (self._suffix or suffix == "*") else last

    @property
    def wildcards(self) -> int:
        """How many texts differ between its files."""
        names = (*self._folders, self._stem)
        return sum(len(_WILDCARD.findall(name)) for name in names)

    def find(self, root: Path) -> list[Found]:
        """The images below a folder, hidden ones left out.

        Raises:
            MissingDataError: there are none.
        """
        fixed = not any(map(_WILDCARD.search, self._folders))
        stem = _expression(self._stem)
        found = []
        for folder, parts in _matching(root, self._folders):
            try:
                paths = list_images(folder)
            except MissingDataError:
                if fixed:
                    raise
                continue
            for path in paths:
                match = stem.fullmatch(path.stem)
                if match and self._suffix in (None, path.suffix.lower()):
                    found.append(Found((*parts, *match.groups()), path))
        if not found:
            raise MissingDataError(
                f"no image is called {root / self.text} (images end in {', '.join(IMAGE_SUFFIXES)})"
            )
        return found


def _matching(folder: Path, names: list[str]) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Folders below one whose names match, each with what its wildcards stand for."""
    if not names:
        yield folder, ()
        return
    name, *rest = names
    if name == _DEEP:
        below = sorted(path for path in folder.rglob("*") if path.is_dir())
        for each in (folder, *(path for path in below if not _hidden(path, folder))):
            between = each.relative_to(folder).as_posix()
            for path, parts in _matching(each, rest):
                yield path, ("" if each == folder else between, *parts)
        return
    if not _WILDCARD.search(name):
        yield from _matching(folder / name, rest)
        return
    if not folder.is_dir():
        return
    for each in sorted(folder.iterdir()):
        match = _expression(name).fullmatch(each.name)
        if match and each.is_dir() and not each.name.startswith("."):
            for path, parts in _matching(each, rest):
                yield path, (*match.groups(), *parts)


def _hidden(path: Path, root: Path) -> bool:
    return any(name.startswith(".") for name in path.relative_to(root).parts)


def _expression(name: str) -> re.Pattern[str]:
    """A name with wildcards as a regular expression with a group for each of them."""
    fixed = map(re.escape, _WILDCARD.split(name))
    groups = [f"({_group(wildcard)})" for wildcard in _WILDCARD.findall(name)]
    return re.compile("".join(a + b for a, b in zip(fixed, [*groups, ""], strict=True)), re.DOTALL)


def _group(wildcard: str) -> str:
    if wildcard.startswith("["):
        inner = wildcard[1:-1]
        turned = "^" if inner.startswith("!") else ""
        return f"[{turned}{_SPECIAL.sub(_ESCAPED, inner.removeprefix('!'))}]"
    return "." if wildcard == "?" else ".*"
