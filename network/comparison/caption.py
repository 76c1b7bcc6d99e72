"""The caption of a table: with what its scores were counted, and what its marks mean."""

from __future__ import annotations

from collections.abc import Iterable

from network.comparison.comparison import Comparison
from network.comparison.costs import Costs
from network.comparison.intervals import CONFIDENCE, METHOD, RESAMPLES, SOURCES
from network.comparison.tested import CHOSEN_ON, TRAINED_ON
from network.datasets.layout import listed

PACKAGES = ("torch", "timm")
"""Whose versions a caption names; the JSON file has all."""


def caption(found: Comparison, costs: Costs) -> list[str]:
    """Sentences that make the numbers of a table mean something."""
    sentences = [_data(found), _scores(found), _passes(found), _seeds(found), *_folds(found)]
    if len(found.methods) > 1:
        sentences += [_marks(found), *_intervals(found)]
    sentences += _trained_on(found)
    if costs.methods and costs.conditions:
        sentences.append(f"Costs: {costs.conditions}")
    sentences.append(_circumstances(found))
    return [f"{sentence}." for sentence in sentences]


def _data(found: Comparison) -> str:
    first, images = found.first, len(found.first.counted.names)
    protocol = first.protocol
    number = f"{images} image{'s' * (images > 1)}"
    if len(found.tiles) < images:
        number += f" of {len(found.tiles)} tiles ({listed(found.tiles, 20)})"
    else:
        number += f" ({listed(first.counted.names, 6)})"
    patches = f", patches of {protocol['patches']}" if first.variant.unit == "patches" else ""
    return f"{protocol['dataset']}, {protocol['split']} split, {number}{patches}"


def _scores(found: Comparison) -> str:
    first = found.first
    scored = [first.classes[index] for index in first.scored]
    means = f"means over {', '.join(scored)}"
    if len(scored) == len(first.classes):
        means = f"means over all {len(scored)} classes"
    return (
        f"Scores in percent from one confusion matrix over all pixels of each test, "
        f"{first.variant.masks} masks; {means}, OA over all classes"
    )


def _passes(found: Comparison) -> str:
    protocol = found.first.protocol
    text = f"Test-time augmentation {protocol['augmentation']}, {protocol['passes']}"
    return f"{text}; {protocol['windows']}" if protocol["windows"] else text


def _seeds(found: Comparison) -> str:
    by_seeds: dict[str, list[str]] = {}
    for method in found.methods:
        by_seeds.setdefault(", ".join(map(str, method.seeds)), []).append(method.name)
    if len(by_seeds) == 1:
        of = f"seed{'s' * (len(found.methods[0].tests) > 1)} {next(iter(by_seeds))}"
    else:
        of = "seeds " + "; ".join(f"{seeds} of {', '.join(of)}" for seeds, of in by_seeds.items())
    if all(len(method.tests) == 1 for method in found.methods):
        one = "seed" if any(test.folds for test in found.tests) else "training"
        return f"One {one} each, {of}: nothing is known of how much they vary"
    return f"Mean and standard deviation (of a sample) over {of}"


def _folds(found: Comparison) -> list[str]:
    if not (folds := len(found.first.folds)):
        return []
    return [f"{folds} trainings for every seed, each scored on the images of its fold"]


def _marks(found: Comparison) -> str:
    return (
        "Bold: the highest mean of a column; \u2248: not distinguishable from it, as the "
        f"{CONFIDENCE:.0%} interval of their difference holds 0"
    )


def _intervals(found: Comparison) -> list[str]:
    if len(found.tiles) < 2:
        return ["With a single image there are no intervals"]
    resampled = METHOD.format(resamples=RESAMPLES)
    if len(found.tiles) < len(found.first.counted.names):
        resampled = resampled.replace("test images", "test tiles with all their images")
    sentences = [f"{resampled} ({SOURCES})"]
    alone = [method.name for method in found.methods if len(method.tests) == 1]
    if alone:
        sentences.append(
            f"What another training would change is not in the intervals of {listed(alone)}, with "
            "one seed"
        )
    return sentences


def _trained_on(found: Comparison) -> list[str]:
    sentences = []
    for key, what in (
        (TRAINED_ON, "were trained on"),
        (CHOSEN_ON, "also chose the checkpoint"),
    ):
        numbers = {test.protocol[key] for test in found.tests}
        known = numbers - {None, 0}
        if known:
            sentences.append(f"{max(known)} of these images {what}")
        if None in numbers:
            of = [m.name for m in found.methods if any(t.protocol[key] is None for t in m.tests)]
            sentences.append(f"Of {listed(of)} it is not known how many of these images {what}")
    return sentences


def _circumstances(found: Comparison) -> str:
    tests = [test.circumstances for test in found.tests]

    def values(key: str) -> str:
        return _several(test.get(key, "unknown") for test in tests)

    versions = ", ".join(f"{name} {values(name)}" for name in PACKAGES)
    return f"{versions}; commit {values('commit')}; {values('precision')} on {values('device')}"


def _several(values: Iterable[str]) -> str:
    return " and ".join(dict.fromkeys(values))
