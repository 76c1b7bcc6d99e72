"""``predictions.json``: which files are predicted, with which settings, and what was written."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from network.errors import OutputError
from network.files.hashing import file_hash
from network.files.outputs import refuse_to_replace
from network.files.writing import write_json

PREDICTIONS = "predictions.json"

_STATISTICS = ".aux.xml"
"""Files to which GDAL and QGIS add statistics of a map when they open it."""

_EDITED = (_STATISTICS, ".qml")
"""Files that change in QGIS, and stay those of their map."""


class PredictionRecord:
    """Which images are finished, and the files that were written of them.

    Raises:
        OutputError: there is a file of that name which is no such record.
    """

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self.path = path
        self.settings = settings
        self.finished: dict[str, dict[str, Any]] = {}
        self.files: dict[str, dict[str, Any]] = {}
        try:
            earlier = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return
        except (OSError, ValueError):
            earlier = None
        try:
            self._go_on(earlier)
        except (AttributeError, KeyError, TypeError) as error:
            raise OutputError(
                f"{path} is not from predict.py; write to another folder, or move it away"
            ) from error

    def is_finished(self, path: Path) -> bool:
        """Whether an image is as it was when it was predicted, and so are its maps."""
        entry = self.finished.get(str(path.resolve()))
        return (
            entry is not None
            and path.is_file()
            and entry["state"] == _state(path)
            and all(self._is_kept(self.path.parent / file) for file in entry["written"])
        )

    def check(self, outputs: Mapping[Path, Sequence[Path]], inputs: Sequence[Path]) -> None:
        """Refuse to replace what was not written of the same image.

        Args:
            outputs: the files that will be written of each image.
            inputs: files that are read from.

        Raises:
            OutputError: naming the files.
        """
        for image, files in outputs.items():
            for file in files:
                other = self.files.get(self._name(file), {}).get("of", "")
                if file.exists() and other != str(image.resolve()) and os.path.exists(other):
                    raise OutputError(
                        f"{file} was written of {other} and would be replaced by that of {image}; "
                        "write to another folder"
                    )
        files = [file for each in outputs.values() for file in each]
        refuse_to_replace(files, self._is_as_written, [*inputs, *outputs])

    def begin(self, image: Path, files: Mapping[Path, Path]) -> None:
        """Note files that are about to take their places: path -> where each is now.

        If the run is killed before ``finish``, what was there is known, and so are these.

        Raises:
            OutputError: a file came to be there since ``check``.
        """
        refuse_to_replace(files, self._is_as_written)
        name = str(image.resolve())
        self.finished.pop(name, None)
        for path, now in files.items():
            before = [file_hash(path)] if path.is_file() else []
            note = {"of": name, "sha256": [*before, file_hash(now)]}
            self.files[self._name(path)] = note
        self.save()

    def finish(self, image: Path, files: Iterable[Path]) -> None:
        """Note that the files of ``begin`` are in their places."""
        written = [self._name(path) for path in files]
        for name in written:
            self.files[name]["sha256"] = self.files[name]["sha256"][-1:]
        entry = {"state": _state(image), "written": written}
        self.finished[str(image.resolve())] = entry
        self.save()

    def stale(self, images: Iterable[Path]) -> list[Path]:
        """Files of finished images that are there of earlier settings, and not of these."""
        names = {str(image.resolve()) for image in images} & self.finished.keys()
        written = {file for name in names for file in self.finished[name]["written"]}
        others = (name for name, note in self.files.items() if note["of"] in names)
        paths = (self.path.parent / name for name in others if name not in written)
        return sorted(path for path in paths if path.is_file())

    def save(self) -> None:
        """Write it, whole or not at all."""
        content = {
            "settings": self.settings,
            "finished": dict(sorted(self.finished.items())),
            "files": dict(sorted(self.files.items())),
        }
        write_json(self.path, content)

    def _go_on(self, earlier: Any) -> None:
        if "files" not in earlier:
            self._take_over(earlier["finished"])
            print("note: maps of an earlier version are there; all are predicted again")
            return
        self.files = {
            name: {"of": str(note["of"]), "sha256": list(note["sha256"])}
            for name, note in earlier["files"].items()
        }
        if earlier["settings"] != self.settings:
            print("note: other settings than those of the maps there; all are predicted again")
            return
        self.finished = {
            name: {"state": entry["state"], "written": list(entry["written"])}
            for name, entry in earlier["finished"].items()
        }

    def _take_over(self, finished: dict[str, Any]) -> None:
        """What an earlier version listed by name, if it is not newer than the list."""
        latest = self.path.stat().st_mtime_ns
        for image, entry in finished.items():
            for name in map(_place, entry["written"]):
                path = self.path.parent / name
                if path.is_file() and path.stat().st_mtime_ns <= latest:
                    note = {"of": str(Path(image).resolve()), "sha256": [file_hash(path)]}
                    self.files[name] = note

    def _is_kept(self, path: Path) -> bool:
        edited = path.name.endswith(_EDITED) and path.is_file()
        return edited or self._is_as_written(path)

    def _is_as_written(self, path: Path) -> bool:
        note = self.files.get(self._name(path))
        if note is None or not path.is_file():
            return False
        return path.name.endswith(_STATISTICS) or file_hash(path) in note["sha256"]

    def _name(self, path: Path) -> str:
        return path.relative_to(self.path.parent).as_posix()


def _place(file: str) -> str:
    """Of a path that an earlier version listed, the part below its folder of outputs."""
    *_, folder, name = ("", *Path(file).parts)
    return f"{folder}/{name}" if folder in ("rgb", "probabilities", "polygons") else name


def _state(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]
