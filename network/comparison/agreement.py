"""Whether tests compare: the same images, labels, classes, passes and splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from network.comparison.tested import MAY_BE_UNKNOWN, Tested
from network.datasets.layout import listed
from network.errors import DataError


def check_agreement(methods: Mapping[str, Sequence[Tested]]) -> None:
    """Refuse tests that do not compare, and one run that stands for two seeds.

    Args:
        methods: tests by the method that they are of.

    Raises:
        DataError: naming what differs, and between which folders.
    """
    tests = [test for found in methods.values() for test in found]
    for test in tests[1:]:
        differences = _differences(tests[0], test)
        if differences:
            raise DataError(
                f"{tests[0].folder} and {test.folder} do not compare: {'; '.join(differences)}. "
                "Test both alike, or leave one out"
            )
    for name, found in methods.items():
        _check_runs(name, found)


def _differences(first: Tested, other: Tested) -> list[str]:
    found = []
    for what, value in first.protocol.items():
        another = other.protocol[what]
        unknown = what in MAY_BE_UNKNOWN and None in (value, another)
        if value != another and not unknown:
            found.append(f"{what}: {_said(value)} against {_said(another)}")
    if first.classes != other.classes:
        return found
    names, others = set(first.counted.names), set(other.counted.names)
    if names != others or first.counted.names != other.counted.names:
        only = [
            f"only {test.folder} has {listed(sorted(more))}"
            for test, more in ((first, names - others), (other, others - names))
            if more
        ]
        return [*found, f"images: {', '.join(only) or 'in another order'}"]
    if first.counted.tiles != other.counted.tiles:
        return [*found, "tiles: the images were cut from others"]
    truths = [test.counted.matrices.sum(axis=2) for test in (first, other)]
    changed = np.flatnonzero((truths[0] != truths[1]).any(axis=1))
    if len(changed):
        of = listed([first.counted.names[index] for index in changed])
        found.append(f"masks: the labels of {of} have other numbers of pixels")
    return found


def _check_runs(method: str, tests: Sequence[Tested]) -> None:
    seeds: dict[int, Tested] = {}
    checkpoints: dict[str, Tested] = {}
    for test in tests:
        same_checkpoint = checkpoints.setdefault(test.checkpoint, test)
        same_seed = seeds.setdefault(test.seed, test)
        if same_checkpoint is not test:
            raise DataError(
                f"{method}: {same_checkpoint.folder} and {test.folder} are tests of one "
                "checkpoint, which counts once: leave one out, or give them two names"
            )
        if same_seed is not test:
            raise DataError(
                f"{method}: {same_seed.folder} and {test.folder} both say seed {test.seed}, and "
                "every seed counts once: leave one out, give them two names, or test again with "
                "the seed of the training (seed=N)"
            )


def _said(value: str | int | None) -> str:
    return "none" if value in (None, "") else str(value)
