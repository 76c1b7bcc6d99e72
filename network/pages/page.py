"""One HTML page with its style, its script and what it shows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

PAGE_LIMIT = 30_000_000
"""Bytes that a page stays below."""
_SHARED = Path(__file__).parent
_STYLES = ("base.css", "viewer.css", "page.css", "print.css")
_SCRIPTS = ("elements.js", "decoding.js", "panes.js", "moving.js")
_PART = re.compile(r"\{\{(\w+\.html)\}\}\n?")
_PLACE = re.compile(r"\{\{(kind|style|script|contents)\}\}")


class Page(NamedTuple):
    """A kind of page.

    Attributes:
        kind: what it is, the title of an empty one.
        folder: of ``page.html`` and the parts that it names, of ``page.css`` and the scripts.
        scripts: in the order in which they run, after those that all pages share.
    """

    kind: str
    folder: Path
    scripts: tuple[str, ...] = ("viewer.js", "page.js")

    def render(self, contents: dict[str, Any]) -> str:
        """HTML that refers to nothing outside itself.

        Args:
            contents: plain values, as the scripts read them; a missing score is ``None``.

        Raises:
            ValueError: a number is NaN or infinite, which JSON does not know.
        """
        scripts = [_SHARED / name for name in _SCRIPTS]
        scripts += [self.folder / name for name in self.scripts]
        parts = {
            "kind": self.kind,
            "style": "\n".join(map(_read, map(self._file, _STYLES))),
            "script": "\n".join(map(_read, scripts)),
            "contents": json.dumps(contents, allow_nan=False).replace("<", "\\u003c"),
        }
        return _PLACE.sub(lambda place: parts[place[1]], self._part("shell.html"))

    def is_one(self, path: Path) -> bool:
        """Whether a file is such a page."""
        with path.open("rb") as file:
            return f"<title>{self.kind}</title>".encode() in file.read(4096)

    def _part(self, name: str) -> str:
        """HTML with the parts that it names in their places."""
        text = _read(self._file(name))
        return _PART.sub(lambda place: self._part(place[1]), text)

    def _file(self, name: str) -> Path:
        own = self.folder / name
        return own if own.is_file() else _SHARED / name


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
