"""Tests of folds: one seed whose images were held out of several trainings, each of one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np

from network.comparison.tested import CHOSEN_ON, MAY_BE_UNKNOWN, RULE, TRAINED_ON, WINDOWS, Tested
from network.errors import DataError
from network.evaluation.confusions import Confusions

_DIFFERS = (RULE, TRAINED_ON, CHOSEN_ON, WINDOWS)
"""What of the protocol differs between folds."""


def join_folds(tests: Sequence[Tested]) -> tuple[Tested, ...]:
    """Tests of one method, those of one seed on different images together as one.

    Args:
        tests: of a method.

    Raises:
        DataError: tests of a seed that are no folds of one protocol.
    """
    by_seed: dict[int, list[Tested]] = {}
    for test in tests:
        by_seed.setdefault(test.seed, []).append(test)
    found: list[Tested] = []
    for of_seed in by_seed.values():
        pairs = combinations([set(test.counted.names) for test in of_seed], 2)
        if any(one & other for one, other in pairs):
            found += of_seed  # not folds; two tests of one seed are refused by name
        else:
            found.append(_joined(of_seed))
    return tuple(found)


def _joined(folds: list[Tested]) -> Tested:
    if len(folds) == 1:
        return folds[0]
    first = folds[0]
    for other in folds[1:]:
        differ = [
            f"{what}: {first.protocol[what]} against {other.protocol[what]}"
            for what in first.protocol
            if what not in _DIFFERS and first.protocol[what] != other.protocol[what]
        ]
        if differ:
            raise DataError(
                f"{first.folder} and {other.folder} say one seed on different images, but are no "
                f"folds of one study: {'; '.join(differ)}. Leave one out"
            )
    protocol = first.protocol | {what: _together(what, folds) for what in _DIFFERS}
    circumstances = {
        what: " and ".join(dict.fromkeys(fold.circumstances.get(what, "unknown") for fold in folds))
        for what in first.circumstances
    }
    return Tested(
        first.folder,
        first.variant,
        first.classes,
        first.scored,
        protocol,
        first.seed,
        " ".join(sorted(fold.checkpoint for fold in folds)),
        circumstances,
        first.settings,
        _all_images(fold.counted for fold in folds),
        tuple(folds),
    )


def _together(what: str, folds: Sequence[Tested]) -> str | int | None:
    values = [fold.protocol[what] for fold in folds]
    if None in values:
        return None
    if what in MAY_BE_UNKNOWN and what != RULE:
        return sum(values)
    return "; ".join(sorted({str(value) for value in values if value}))


def _all_images(counted: Iterable[Confusions]) -> Confusions:
    parts = list(counted)
    names = [name for part in parts for name in part.names]
    tiles = [tile for part in parts for tile in part.tiles]
    order = sorted(range(len(names)), key=names.__getitem__)
    matrices = np.concatenate([part.matrices for part in parts])[order]
    return Confusions([names[i] for i in order], [tiles[i] for i in order], matrices)
