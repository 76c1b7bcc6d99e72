"""Packages that only an export needs."""

from __future__ import annotations

from importlib.util import find_spec

from network.errors import ExportError


def needed(*names: str) -> None:
    """Refuse an export without its packages.

    Raises:
        ExportError: naming the command that installs them.
    """
    missing = [name for name in names if find_spec(name.replace("-", "_")) is None]
    if missing:
        raise ExportError(
            f"an export needs {' and '.join(missing)}: pip install -r requirements-export.txt"
        )
