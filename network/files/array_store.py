"""Arrays on disk, mapped into memory, each for as long as the files it was made of are the same."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib import format as npy

from network.errors import DataError
from network.files.writing import write_json

INDEX = "index.json"
_VERSION = 1


class StoredArray(NamedTuple):
    """A file of an array.

    Attributes:
        file: its name.
        shape, dtype: of the array.
        bytes: of the file.
    """

    file: str
    shape: list[int]
    dtype: str
    bytes: int


class ArrayStore:
    """A folder of ``.npy`` files and an index that says what they are made of.

    A file is looked at again when its size or its time of change (to the nanosecond) is another:
    whoever replaces one by another of the same size and time has to remove the folder.

    Args:
        folder: of the arrays.
        root: that the sources are named by relative to, so that both may move together.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder = folder
        self.root = root
        self.entries = self._read()

    def holds(self, key: str, sources: Sequence[Path]) -> bool:
        """Whether the arrays of a key are whole, and made of the sources as they are now."""
        entry = self.entries.get(key)
        if entry is None or entry["sources"] != self.states(sources):
            return False
        files = (StoredArray(*stored) for stored in entry["arrays"].values())
        return all(_size(self.folder / stored.file) == stored.bytes for stored in files)

    def get(self, key: str, name: str) -> np.ndarray | None:
        """An array of a key, read where it is looked at and not to be written to; None if none.

        Raises:
            DataError: it was removed, or cut, since it was looked for.
        """
        stored = self.entries[key]["arrays"].get(name)
        if stored is None:
            return None
        file, shape, dtype, size = stored
        path = self.folder / file
        length = int(np.prod(shape)) * np.dtype(dtype).itemsize
        try:
            return np.asarray(np.memmap(path, dtype, "r", size - length, tuple(shape)))
        except (OSError, ValueError) as error:
            raise DataError(
                f"the prepared copy {path} is gone or damaged ({error}); start again, which makes "
                "it anew"
            ) from error

    def write(
        self, folder: Path, key: str, states: dict[str, list[int]], arrays: Mapping[str, np.ndarray]
    ) -> dict[str, Any]:
        """Write the arrays of a key to a folder aside.

        Args:
            folder: to write to.
            key: of the arrays.
            states: of the sources before they were read.
            arrays: by name.

        Returns:
            the entry of the key, for ``add``.

        Raises:
            OSError: they cannot be written.
        """
        digest = hashlib.sha256(json.dumps([key, states]).encode()).hexdigest()[:16]
        stem = Path(key.partition("|")[0]).stem[:40]  # for people who look into the folder
        stored = {}
        for name, array in arrays.items():
            file = f"{stem}-{digest}-{name}.npy"
            size = _write(folder / file, np.ascontiguousarray(array))
            stored[name] = StoredArray(file, list(array.shape), array.dtype.str, size)
        return {"sources": states, "arrays": stored}

    def add(self, aside: Path, entries: Mapping[str, dict[str, Any]]) -> None:
        """Take over what was written aside; an index names it only when all of it is in its place.

        Raises:
            OSError, OutputError: it cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        old = {file for key in entries for file in _files(self.entries.get(key))}
        new = {file for entry in entries.values() for file in _files(entry)}
        for file in sorted(new):
            (aside / file).replace(self.folder / file)
        self.entries |= entries
        write_json(self.folder / INDEX, {"version": _VERSION, "entries": self.entries})
        for file in old - new:
            (self.folder / file).unlink(missing_ok=True)

    def refresh(self) -> None:
        """Read the index again, which another process may have written."""
        self.entries = self._read()

    def states(self, sources: Iterable[Path]) -> dict[str, list[int]]:
        """Size and time of change of the files that there are, by their paths below the root."""
        found = {}
        for path in sources:
            try:
                state = os.stat(path)
            except OSError:
                continue
            found[relative(path, self.root)] = [state.st_size, state.st_mtime_ns]
        return found

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads((self.folder / INDEX).read_text(encoding="utf-8"))
            entries = content["entries"] if content["version"] == _VERSION else {}
            for entry in entries.values():
                _ = entry["sources"], [StoredArray(*each) for each in entry["arrays"].values()]
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return {}
        return entries


def relative(path: Path, root: Path) -> str:
    """The path of a file as seen from a folder, the same on all systems."""
    return Path(os.path.relpath(path, root)).as_posix()


def _write(path: Path, array: np.ndarray) -> int:
    """Write an array as ``np.save`` does, whose faults do not tell that a disk is full.

    Returns:
        bytes of the file.
    """
    try:
        with open(path, "wb") as file:
            npy.write_array_header_1_0(file, npy.header_data_from_array_1_0(array))
            file.write(array.data)
            return file.tell()
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _files(entry: Mapping[str, Any] | None) -> list[str]:
    return [stored[0] for stored in entry["arrays"].values()] if entry else []


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
