"""Methods side by side: means over seeds, differences, and which of them are more than chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from network.comparison.agreement import check_agreement
from network.comparison.folds import join_folds
from network.comparison.intervals import Estimate, Interval, compare, draw_images, estimate
from network.comparison.tested import Tested, open_test
from network.errors import ConfigError

MEANS = ("mIoU", "mF1", "OA")


@dataclass(frozen=True)
class Method:
    """One row of the table; arrays have a value for every column.

    Attributes:
        name: of the method.
        tests: one for each seed.
        mean, deviation: over the seeds; NaN where there is none.
        difference: to the reference; None of the reference itself, and without one.
        best: whether the mean is the highest.
        as_good: whether it is not, but not distinguishable from it.
    """

    name: str
    tests: tuple[Tested, ...]
    mean: np.ndarray
    deviation: np.ndarray
    difference: Interval | None
    best: np.ndarray
    as_good: np.ndarray

    @property
    def seeds(self) -> list[int]:
        """Of the tests, in order."""
        return [test.seed for test in self.tests]


@dataclass(frozen=True)
class Comparison:
    """Tests that compare.

    Attributes:
        methods: in the order of the table.
        reference: name of the method that the others are compared with.
        columns: names of the scores: the classes, then ``MEANS``.
        tiles: that images are drawn by.
    """

    methods: tuple[Method, ...]
    reference: str | None
    columns: tuple[str, ...]
    tiles: tuple[str, ...]

    @property
    def first(self) -> Tested:
        """A test; its protocol is that of all."""
        return self.methods[0].tests[0]

    @property
    def tests(self) -> list[Tested]:
        """All of them."""
        return [test for method in self.methods for test in method.tests]


def compare_methods(
    rows: Mapping[str, Sequence[Path]],
    reference: str | None = None,
    wanted: Mapping[str, str] | None = None,
) -> Comparison:
    """Read tests and compare them.

    Args:
        rows: folders of tests by method, one for each seed, or several that share no image (folds).
        reference: method that the others are compared with.
        wanted: values of fields of ``network.evaluation.image_scores.Variant``; without it, the
            first scores of the first folder, and the same of the others.

    Raises:
        ConfigError: nothing to compare, no such reference, or scores that a folder lacks.
        DataError: a folder that is not that of a test, or tests that do not compare.
    """
    folders = [Path(folder) for found in rows.values() for folder in found]
    if not folders or not all(rows.values()):
        raise ConfigError("nothing to compare: name the folder of a test for every method")
    if reference is not None and reference not in rows:
        raise ConfigError(f"no method {reference!r} to compare with; there are {', '.join(rows)}")
    scores = open_test(folders[0], wanted).variant._asdict()
    tests = {
        name: join_folds([open_test(Path(folder), scores) for folder in found])
        for name, found in rows.items()
    }
    check_agreement(tests)
    first = next(iter(tests.values()))[0]
    tiles, place = np.unique(first.counted.tiles, return_inverse=True)
    times = draw_images(len(tiles))
    estimates = {
        name: estimate(_by_tile(found, place, len(tiles)), times, first.scored)
        for name, found in tests.items()
    }
    methods = _judged(tests, estimates, reference)
    return Comparison(methods, reference, (*first.classes, *MEANS), tuple(tiles.tolist()))


def _by_tile(tests: Sequence[Tested], place: np.ndarray, tiles: int) -> np.ndarray:
    """Confusion matrices int64 [seeds, tiles, N, N]."""
    images = np.stack([test.counted.matrices for test in tests])
    summed = np.zeros((len(tests), tiles, *images.shape[2:]), np.int64)
    for seed, counts in enumerate(images):
        np.add.at(summed[seed], place, counts)
    return summed


def _judged(
    tests: Mapping[str, tuple[Tested, ...]],
    estimates: Mapping[str, Estimate],
    reference: str | None,
) -> tuple[Method, ...]:
    names = list(tests)
    means = np.stack([estimates[name].mean for name in names])
    highest = np.where(np.isnan(means), -np.inf, means).max(axis=0)
    best = means == highest
    leader = best.argmax(axis=0)
    columns = np.arange(means.shape[1])
    methods = []
    for name, is_best, mean in zip(names, best, means, strict=True):
        behind = np.stack([compare(estimates[n], estimates[name]).tells_apart for n in names])
        difference = None
        if reference not in (None, name):
            difference = compare(estimates[name], estimates[reference])
        as_good = ~is_best & ~np.isnan(mean) & ~behind[leader, columns]
        methods.append(
            Method(name, tests[name], mean, estimates[name].deviation, difference, is_best, as_good)
        )
    return tuple(methods)
