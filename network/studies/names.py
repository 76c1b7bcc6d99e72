"""Names of runs as names of folders."""

from __future__ import annotations

import re


def folder_name(name: str) -> str:
    """A name without what a folder cannot be called; empty where nothing is left of it."""
    return re.sub(r"[^\w.+-]+", "_", name).strip("._-")
