"""Outputs replace nothing but what an earlier run wrote."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from network.errors import OutputError
from network.files.hashing import file_hash
from network.files.writing import write_json

Known = Callable[[Path], bool]
"""Whether a file is one that may be replaced."""

_NAMED = 5


def nothing(path: Path) -> bool:
    """The ``Known`` that knows no file."""
    return False


def refuse_to_replace(
    paths: Iterable[Path], known: Known = nothing, inputs: Iterable[Path] = ()
) -> None:
    """Compare what would be written, or removed, with what is there; nothing is changed.

    Args:
        paths: of the outputs.
        known: whether a file that is there was written by an earlier run, and not changed since.
        inputs: files that are read from; none of them is ever replaced.

    Raises:
        OutputError: naming the files that are in the way.
    """
    read = {path.resolve() for path in inputs}
    used, foreign = [], []
    for path in dict.fromkeys(paths):
        if path.resolve() in read:
            used.append(path)
        elif os.path.lexists(path) and not known(path):
            foreign.append(path)
    if used:
        raise OutputError(
            f"{_some(used)}: read from, and would be replaced; write to another folder"
        )
    if foreign:
        raise OutputError(
            f"{_some(foreign)}: not written by an earlier run, or changed since, and would be "
            "replaced or removed; write to another folder, or move away what is there"
        )


class Written:
    """The files that runs wrote to a target, each by its SHA-256.

    They are noted beside the target in a hidden file, so that folders of images hold images alone;
    in the target where nothing can be written beside it.

    Args:
        target: a folder, or a file (also without its suffix).
    """

    def __init__(self, target: Path) -> None:
        self.target = target.resolve()
        self.path = self.target.with_name(f".{self.target.name}.outputs.json")
        if self.target.is_dir() and not os.access(self.target.parent, os.W_OK):
            self.path = self.target / ".outputs.json"
        self.hashes = _read(self.path)

    def of(self, path: Path) -> list[str]:
        """The hashes that a file may have; none of one that no run wrote."""
        return self.hashes.get(self._name(path), [])

    def holds(self, path: Path) -> bool:
        """Whether a file is as a run wrote it."""
        return path.is_file() and bool(self.of(path)) and file_hash(path) in self.of(path)

    def update(self, hashes: Mapping[Path, Sequence[str]], removed: Iterable[Path] = ()) -> None:
        """Note files that are written, and forget others.

        Raises:
            OutputError: the note cannot be written.
        """
        self.hashes = _read(self.path)  # another run may have noted more
        for path in removed:
            self.hashes.pop(self._name(path), None)
        self.hashes |= {self._name(path): list(found) for path, found in hashes.items()}
        write_json(self.path, {"sha256": dict(sorted(self.hashes.items()))})

    def _name(self, path: Path) -> str:
        place = path.parent.resolve() / path.name
        return Path(os.path.relpath(place, self.target.parent)).as_posix()


class Place(NamedTuple):
    """Where files that were written aside belong.

    Attributes:
        aside: folder that they were written to, with subfolders.
        folder: where they go.
        target: of the note, see ``Written``.
    """

    aside: Path
    folder: Path
    target: Path

    @property
    def moves(self) -> dict[Path, Path]:
        """The files aside by the paths that they will have."""
        files = (path for path in sorted(self.aside.rglob("*")) if path.is_file())
        return {self.folder / path.relative_to(self.aside): path for path in files}


def publish(
    places: Sequence[Place],
    removed: Iterable[Path] = (),
    known: Known = nothing,
    inputs: Iterable[Path] = (),
) -> None:
    """Move files that were written aside to their places, all or none.

    What is there is replaced if an earlier run wrote it, or if it is the same.

    Args:
        places: of the files.
        removed: earlier outputs that go.
        known: outputs of earlier versions, which took no note of what they wrote.
        inputs: files that are read from.

    Raises:
        OutputError: files are in the way, see ``refuse_to_replace``; nothing was changed.
    """
    moves = {path: aside for place in places for path, aside in place.moves.items()}
    new = {path: file_hash(aside) for path, aside in moves.items()}
    removed = [path for path in removed if path not in moves]
    notes = [(Written(place.target), list(place.moves)) for place in places]
    old: dict[Path, str] = {}

    def replaceable(path: Path) -> bool:
        if not path.is_file():
            return False
        old[path] = file_hash(path)
        noted = [found for written, _ in notes for found in written.of(path)]
        return old[path] == new.get(path) or (old[path] in noted if noted else known(path))

    refuse_to_replace([*moves, *removed], replaceable, inputs)
    _refuse_blocked(moves)
    for written, paths in notes:  # of a run that is killed hereafter, either file is known
        written.update({path: [*filter(None, [old.get(path)]), new[path]] for path in paths})
    for path in removed:
        path.unlink(missing_ok=True)
    for path, aside in moves.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.replace(path)
    for written, paths in notes:
        written.update({path: [new[path]] for path in paths}, removed)


def _refuse_blocked(paths: Iterable[Path]) -> None:
    """Refuse outputs for whose folders something else lies in the place.

    Raises:
        OutputError: a file, or a link to nothing.
    """
    for folder in dict.fromkeys(parent for path in paths for parent in path.parents):
        if os.path.lexists(folder) and not folder.is_dir():
            what = "a file" if folder.exists() else "a link to nothing"
            raise OutputError(f"cannot write {folder}: it is {what}; name another folder")


def _read(path: Path) -> dict[str, list[str]]:
    try:
        hashes = json.loads(path.read_text(encoding="utf-8"))["sha256"]
    except (OSError, ValueError, TypeError, KeyError):
        return {}
    if not isinstance(hashes, dict):
        return {}
    return {name: found for name, found in hashes.items() if isinstance(found, list)}


def _some(paths: Sequence[Path]) -> str:
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return ", ".join(map(str, paths[:_NAMED])) + more
