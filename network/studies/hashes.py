"""Hashes of the files of datasets, each read once as long as its size and time stay."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from network.errors import MissingDataError
from network.files.hashing import file_hash
from network.files.json_files import read_record
from network.files.parallel import in_threads
from network.files.writing import write_json

_HASHES = ".hashes.json"


class Hashes:
    """SHA-256 of files, kept in a study's folder.

    Args:
        folder: of the study.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / _HASHES
        self.known: dict[str, list] = read_record(self.path)

    def of(self, paths: Iterable[Path]) -> dict[Path, str]:
        """Hashes by path.

        Raises:
            MissingDataError: a file that cannot be read.
            OutputError: what was read cannot be noted.
        """
        stamps = {path: _stamp(path) for path in dict.fromkeys(paths)}
        new = [path for path, stamp in stamps.items() if self.known.get(str(path), [])[1:] != stamp]
        found = dict(zip(new, in_threads(_hash, new, "reading data"), strict=True))
        if found:
            self.known |= {str(path): [digest, *stamps[path]] for path, digest in found.items()}
            write_json(self.path, self.known)
        return {path: self.known[str(path)][0] for path in stamps}


def _stamp(path: Path) -> list[int]:
    try:
        found = path.stat()
    except OSError as error:
        raise MissingDataError(f"cannot read {path}: {error.strerror}") from error
    return [found.st_size, found.st_mtime_ns]


def _hash(path: Path) -> str:
    try:
        return file_hash(path)
    except OSError as error:
        raise MissingDataError(f"cannot read {path}: {error.strerror}") from error
