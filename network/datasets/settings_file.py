"""Changing single settings of a ``dataset.yaml``, and nothing else in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from network.files.writing import replacing


def change_settings(path: Path, values: Mapping[str, Any]) -> bool:
    """Give settings of a YAML file other values; comments and all else stay as they are.

    A setting that stands on one line is replaced there, one that is not there is added at the end.

    Args:
        path: of the file.
        values: numbers, or lists of numbers.

    Returns:
        whether it was done; not where that would change anything else, as of settings over several
        lines.

    Raises:
        OutputError: the file cannot be written; it stays as it was.
    """
    before = path.read_bytes().decode("utf-8")
    end = "\r\n" if "\r\n" in before else "\n"
    after = before if before.endswith(end) or not before else before + end
    for name, value in values.items():
        line = f"{name}: {value}"
        found = re.compile(rf"^{name}[ \t]*:[^#\r\n]*?([ \t]+#[^\r\n]*)?(?=\r?$)", re.MULTILINE)
        after, count = found.subn(lambda old, line=line: line + (old[1] or ""), after)
        after += "" if count else line + end
    try:
        wanted = (yaml.safe_load(before) or {}) | values
        if repr(yaml.safe_load(after)) != repr(wanted):  # of NaN too
            return False
    except yaml.YAMLError:
        return False
    with replacing(path.resolve()) as temporary:
        temporary.write_bytes(after.encode("utf-8"))
    return True
