"""Texts that have to fit: how wide they are, and broken into lines."""

from __future__ import annotations

import re

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

_POINTS = 72


def text_width(text: str, size: float) -> float:
    """Inches of a line of text, its size in points; ``$`` is a letter as any other."""
    width, _, _ = text_to_path.get_text_width_height_descent(text, FontProperties(size=size), False)
    return width / _POINTS


def wrapped(text: str, width: float, size: float) -> list[str]:
    """A text as lines of at most ``width`` inches.

    Lines end at a space or after one of ``- _ + /``, and within a word where it is too long.
    """
    lines = [""]
    for word in _words(text):
        if text_width((lines[-1] + word).rstrip(), size) <= width:
            lines[-1] += word
            continue
        lines.append("")
        for letter in word:
            if lines[-1] and text_width((lines[-1] + letter).rstrip(), size) > width:
                lines.append("")
            lines[-1] += letter
    return [line.strip() for line in lines if line.strip()] or [""]


def _words(text: str) -> list[str]:
    """Words with what follows them."""
    return re.findall(r"[^\s\-_+/]*(?:[-_+/]|\s+|$)", " ".join(text.split()))
