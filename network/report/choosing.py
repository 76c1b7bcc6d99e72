"""Which images of a test the viewer of its report shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from network.evaluation.image_scores import ImageScore

EXTREMES = 10


def choose(scores: Sequence[ImageScore], most: int) -> list[int]:
    """Which images to show, the most telling ones first: worst and best by turns, then between.

    Args:
        scores: of all images; without any, the images are chosen evenly.
        most: number of them.

    Returns:
        indices into ``scores``.
    """
    ranked = sorted(
        range(len(scores)),
        key=lambda index: (scores[index].miou is None, scores[index].miou or 0, index),
    )
    labeled = sum(score.miou is not None for score in scores)
    extremes = min(EXTREMES, most // 4, labeled // 2)
    worst, best = ranked[:extremes], ranked[labeled - extremes : labeled][::-1]
    first = [index for pair in zip(worst, best, strict=True) for index in pair]
    others = [index for index in ranked if index not in set(first)]
    left = min(most - len(first), len(others))
    return first + [others[round(at)] for at in np.linspace(0, len(others) - 1, left)]
