"""Files that are written whole or not at all."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from network.errors import OutputError, UserError


def write_json(path: str | Path, content: dict[str, Any]) -> None:
    """Write a JSON file whole or not at all; NaN becomes null."""
    text = json.dumps(_without_nan(content), indent=2, allow_nan=False)
    # One line for a list of plain values, as a row of a confusion matrix.
    text = re.sub(r"\[\n[^\[\]{}\"]*\]", lambda found: " ".join(found[0].split()), text)
    with replacing(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place when the block ends without a fault.

    Raises:
        OutputError: the file cannot be written there.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
    try:
        yield temporary
        temporary.replace(path)
    except UserError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and value != value else value
