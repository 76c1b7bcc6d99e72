"""The HTML page of a report."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent
_STYLES = ("page.css", "viewer.css", "print.css")
_SCRIPTS = ("page.js", "decoding.js", "viewer.js", "start.js")
_PLACES = re.compile(r"\{\{(style|script|contents)\}\}")


def render_page(contents: dict[str, Any]) -> str:
    """One HTML text with its style, its script and what it shows.

    Args:
        contents: plain values, as the scripts read them; a missing score is ``None``.

    Returns:
        HTML that refers to nothing outside itself.

    Raises:
        ValueError: a number is NaN or infinite, which JSON does not know.
    """
    parts = {
        "style": "\n".join(map(_read, _STYLES)),
        "script": "\n".join(map(_read, _SCRIPTS)),
        "contents": json.dumps(contents, allow_nan=False).replace("<", "\\u003c"),
    }
    return _PLACES.sub(lambda place: parts[place[1]], _read("page.html"))


def is_report(path: Path) -> bool:
    """Whether a file is such a page."""
    with path.open("rb") as file:
        return b"<title>Test report</title>" in file.read(4096)


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
