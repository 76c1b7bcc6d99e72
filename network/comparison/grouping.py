"""Which folders are tests of one method with several seeds."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from network.comparison.tested import open_test
from network.datasets.layout import listed
from network.errors import ConfigError
from network.experiment.idle import without_cache

_OF_ONE_RUN = ("seed", "name", "num_workers")
"""Settings that differ between runs of one method."""


@dataclass
class _Group:
    name: str
    runs: list[str] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)

    def called(self) -> str:
        """What was given, else what the names of the runs have in common."""
        alike = takewhile(lambda letters: len({*letters}) == 1, zip(*self.runs, strict=False))
        common = "".join(letters[0] for letters in alike)
        if len(set(self.runs)) > 1:
            common = common.rstrip("0123456789 _-.")
        return self.name or common or self.runs[0]


def group_folders(
    words: Sequence[str], wanted: Mapping[str, str] | None = None
) -> dict[str, list[Path]]:
    """Folders of tests by method, in the order in which they are named.

    Args:
        words: ``NAME=DIR``, or a folder alone: such are of one method where the settings of their
            runs are the same but for ``seed`` and ``name``.
        wanted: which scores, see ``network.comparison.tested.open_test``.

    Raises:
        ConfigError: a folder that is named twice, or two methods of one name.
        DataError: a folder that is not that of a test.
    """
    groups: dict[Hashable, _Group] = {}
    named: dict[str, str] = {}
    for word in words:
        name, folder = _split(word)
        place = os.path.realpath(folder)
        if place in named:
            raise ConfigError(f"{named[place]} and {word} are one folder; name it once")
        named[place] = word
        settings = {} if name else open_test(folder, wanted).settings
        run = settings.get("name", folder.name).strip("'\"")
        settings = without_cache(settings)
        settings = {key: value for key, value in settings.items() if key not in _OF_ONE_RUN}
        group = groups.setdefault(name or frozenset(settings.items()), _Group(name))
        group.settings = settings
        group.runs.append(run)
        group.folders.append(folder)
    found: dict[str, _Group] = {}
    for group in groups.values():
        other = found.setdefault(group.called(), group)
        if other is not group:
            raise ConfigError(_of_one_name(other, group))
    return {name: group.folders for name, group in found.items()}


def _split(word: str) -> tuple[str, Path]:
    """Name and folder; a folder with ``=`` in its path is one all the same."""
    name, equals, folder = word.partition("=")
    if not equals or os.path.lexists(word):
        return "", Path(word)
    if not name.strip() or not folder:
        raise ConfigError(f"{word}: NAME=DIR names a method and the folder of its test")
    return name.strip(), Path(folder)


def _of_one_name(one: _Group, other: _Group) -> str:
    keys = sorted({*one.settings, *other.settings})
    differ = [key for key in keys if one.settings.get(key) != other.settings.get(key)]
    why = f" (they differ in {listed(differ)})" if one.settings and other.settings else ""
    return (
        f"two methods would be called {one.called()}: {one.folders[0]} and {other.folders[0]}"
        f"{why}; name both, as A=DIR B=DIR, or with one name if they are one method"
    )
