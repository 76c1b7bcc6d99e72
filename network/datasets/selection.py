"""Which samples a split holds: names, patterns of names, and lists of names in text files."""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from network.datasets.layout import Report, Sample, listed
from network.errors import DataError, MissingDataError

LIST_SUFFIX = ".txt"
_WILDCARDS = "*?["
_NAMED = 10


class Entry(NamedTuple):
    """A name or a pattern, and where it stands, for messages."""

    text: str
    where: str
    is_pattern: bool


class Selection:
    """The samples that a setting such as ``val`` names.

    What ends in ``.txt`` is a file in the folder that holds one name a line; empty lines and those
    that begin with ``#`` do not count. All else is a name or a pattern (``*``, ``?``, ``[12]``).
    Names and patterns are those of samples or, with a ``/`` or an ending, of images by their path
    below the folder.

    Args:
        root: the folder.
        setting: its name.
        entries: what it names.
    """

    def __init__(self, root: Path, setting: str, entries: Sequence[str]) -> None:
        self.root = root
        self.setting = setting
        self.entries = tuple(entries)

    def __bool__(self) -> bool:
        return bool(self.entries)

    def protocol(self) -> list[str]:
        """The entries as plain values; lists in files with a digest of the names in them.

        Raises:
            MissingDataError: no such list.
        """
        return [self._described(text) for text in self.entries]

    def names(self, samples: Sequence[Sample], report: Report) -> set[str]:
        """Names of those of the samples that are selected.

        Raises:
            MissingDataError: no such list.
            DataError: a name that no sample has, or several have, unless ``report`` takes it.
        """
        found: set[str] = set()
        unknown: list[Entry] = []
        if not self.entries:
            return found
        known = _Known(self.root, samples)
        for entry in self._all_entries():
            if entry.is_pattern:
                found |= known.matching(entry.text)
                continue
            names = known.called(entry.text)
            if len(names) > 1:
                report(
                    DataError(
                        f"{entry.where}: {entry.text!r} may be {listed(sorted(names))}; write the "
                        "path below the folder"
                    )
                )
            unknown += [] if names else [entry]
            found |= names
        if unknown:
            report(self._unknown(unknown, known))
        return found

    def _all_entries(self) -> Iterable[Entry]:
        for text in self.entries:
            if text.endswith(LIST_SUFFIX):
                where = str(self.root / text)
                yield from (Entry(name, where, False) for name in self._names(text))
            else:
                wild = any(character in text for character in _WILDCARDS)
                yield Entry(text, f"{self.root}: {self.setting}", wild)

    def _described(self, text: str) -> str:
        if not text.endswith(LIST_SUFFIX):
            return text
        names = "\n".join(self._names(text))
        return f"{text} ({hashlib.sha256(names.encode()).hexdigest()[:12]})"

    def _names(self, file: str) -> list[str]:
        path = self.root / file
        if not path.is_file():
            raise MissingDataError(
                f"no file {path}, which {self.setting}={file!r} names: one name of an image a line"
            )
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path} cannot be read as text: {error}") from error
        stripped = (line.strip() for line in lines)
        names = [line for line in stripped if line and not line.startswith("#")]
        if not names:
            raise DataError(f"{path} names no image (one name a line)")
        return names

    def _unknown(self, entries: Sequence[Entry], known: _Known) -> DataError:
        named = []
        for entry in entries[:_NAMED]:
            near = difflib.get_close_matches(entry.text, known.like(entry.text), n=1, cutoff=0.5)
            named.append(f"{entry.text!r}" + (f" (did you mean {near[0]!r}?)" if near else ""))
        more = f" and {len(entries) - _NAMED} more" if len(entries) > _NAMED else ""
        where = ", ".join(dict.fromkeys(entry.where for entry in entries))
        return DataError(f"{where} names images that are not there: {', '.join(named)}{more}")


class _Known:
    """Samples by all that they may be called."""

    def __init__(self, root: Path, samples: Sequence[Sample]) -> None:
        self.paths = {
            sample.name: Path(os.path.relpath(sample.image, root)).as_posix() for sample in samples
        }
        self._exact: dict[str, set[str]] = {}
        self._short: dict[str, set[str]] = {}
        for name, path in self.paths.items():
            whole = PurePosixPath(path)
            for text in (name, path, str(whole.with_suffix(""))):
                self._exact.setdefault(text, set()).add(name)
            for text in (whole.name, whole.stem):
                self._short.setdefault(text, set()).add(name)

    def called(self, text: str) -> set[str]:
        """Names of the samples that a name or path stands for; the whole ones come first."""
        text = text.removeprefix("./")
        return self._exact.get(text) or self._short.get(text) or set()

    def matching(self, pattern: str) -> set[str]:
        """Names of the samples that a pattern fits; one with a / is of their paths."""
        if "/" in pattern:
            return {name for name, path in self.paths.items() if fnmatch(path, pattern)}
        return {name for name in self.paths if fnmatch(name, pattern)}

    def like(self, text: str) -> list[str]:
        """All names, or all paths where the text is one."""
        return [*(self.paths.values() if "/" in text else self.paths)]
