"""``predictions.json``: which files are predicted, and with which settings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from network.files.writing import write_json

PREDICTIONS = "predictions.json"


class PredictionRecord:
    """Which files are finished, and with which settings."""

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self.path = path
        self.content = {"settings": settings, "finished": {}}
        try:
            earlier = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        if isinstance(earlier, dict) and earlier.get("settings") == settings:
            self.content = earlier
        elif path.exists():
            print("note: other settings than those of the maps there; all are predicted again")

    def is_finished(self, path: Path) -> bool:
        """Whether an input is as it was when it was predicted, and what was written is there."""
        entry = self.content["finished"].get(str(path))
        return (
            bool(entry)
            and entry["state"] == _state(path)
            and all(Path(file).is_file() for file in entry["written"])
        )

    def add(self, path: Path, written: Sequence[Path]) -> None:
        """Note that an input is finished, with the files written of it."""
        entry = {"state": _state(path), "written": [str(file) for file in written]}
        self.content["finished"][str(path)] = entry
        self.save()

    def save(self) -> None:
        """Write it, whole or not at all."""
        write_json(self.path, self.content)


def _state(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]
