"""How sure the difference of two methods is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from network.metrics import ratios

RESAMPLES = 2000
CONFIDENCE = 0.95
METHOD = (
    "Intervals of differences: test images are drawn again with replacement {resamples} times, the "
    "same ones for both methods and all their seeds (paired bootstrap); to the variance over these "
    "draws comes that between seeds, and the interval is Student's with the degrees of freedom of "
    "Welch and Satterthwaite"
)
SOURCES = "Efron and Tibshirani 1993, chapters 6 and 12; Welch 1947"
_EXACT = 12
"""Decimals that differences are rounded to, so that those of equal numbers are 0."""


class Estimate(NamedTuple):
    """Scores of a method: IoU of every class, then mIoU, mF1 and OA (K of them).

    Attributes:
        runs: float64 [seeds, K], of all images.
        draws: float64 [draws, K], means over the seeds of the images of every draw.
        units: number of images that were drawn from.
    """

    runs: np.ndarray
    draws: np.ndarray
    units: int

    @property
    def mean(self) -> np.ndarray:
        """Over the seeds, [K]; NaN of a class that no run has a score of."""
        return _mean(self.runs)

    @property
    def deviation(self) -> np.ndarray:
        """Standard deviation over the seeds (of a sample), [K]; NaN of a single one."""
        return np.sqrt(_variance(self.runs))


class Interval(NamedTuple):
    """Differences of scores with the ends of their interval, [K]; NaN where there is none."""

    difference: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def tells_apart(self) -> np.ndarray:
        """Whether 0 is outside, bool [K]."""
        return (self.low > 0) | (self.high < 0)


def draw_images(units: int, draws: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """How often every image is in every draw with replacement, float64 [draws, units]."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(units, [1 / units] * units, draws).astype(np.float64)


def estimate(matrices: np.ndarray, times: np.ndarray, scored: Sequence[int]) -> Estimate:
    """Scores of a method, and of the draws of its images.

    Args:
        matrices: confusion matrices [seeds, units, N, N].
        times: of ``draw_images``.
        scored: indices of the classes in the means.
    """
    seeds, units, classes, _ = matrices.shape
    flat = torch.from_numpy(matrices.reshape(seeds, units, -1)).double()
    drawn = (torch.from_numpy(times) @ flat).unflatten(-1, (classes, classes))
    whole = flat.sum(dim=1).unflatten(-1, (classes, classes))
    return Estimate(
        all_scores(whole, scored).numpy(), _mean(all_scores(drawn, scored).numpy()), units
    )


def all_scores(confusion: Tensor, scored: Sequence[int]) -> Tensor:
    """IoU of every class, mIoU, mF1 and OA: [..., N, N] -> float64 [..., N + 3]."""
    iou, f1, oa = ratios(confusion)
    means = [each[..., list(scored)].nanmean(dim=-1) for each in (iou, f1)]
    return torch.cat([iou, torch.stack([*means, oa], dim=-1)], dim=-1)


def compare(method: Estimate, other: Estimate) -> Interval:
    """The differences ``method - other`` with intervals of 95%.

    Two things make a difference vary: the images that happen to be in the test, and the training
    that happens to be tested. For the first, images are drawn again with replacement, the same ones
    for both methods and all seeds, as these see the same images: V_i is the variance of the
    difference over the draws, times n / (n - 1) for n images (B. Efron, R. J. Tibshirani: An
    Introduction to the Bootstrap, 1993, chapter 6). For the second, V_a and V_b are the variances
    of each method over its S seeds, divided by S; nothing is known of it with one seed. The
    interval is the difference +- t * sqrt(V_i + V_a + V_b) (chapter 12), t the quantile of
    Student's distribution with (V_i + V_a + V_b)^2 / (V_i^2 / (n - 1) + V_a^2 / (S_a - 1) + V_b^2 /
    (S_b - 1)) degrees of freedom (B. L. Welch, Biometrika 34, 1947). It is that of one difference:
    of many, one in twenty misses.

    Args:
        method: from the same draws as ``other``.
        other: that it is compared with.

    Returns:
        no interval (NaN) where there is a single image.
    """
    difference = np.round(method.mean - other.mean, _EXACT)
    units = method.units
    if units < 2:
        return Interval(difference, *np.full((2, *difference.shape), np.nan))
    parts = [(_variance(method.draws - other.draws) * units / (units - 1), units - 1)]
    for runs in (method.runs, other.runs):
        if len(runs) > 1:
            parts.append((_variance(runs) / len(runs), len(runs) - 1))
    variance = sum(np.nan_to_num(part) for part, _ in parts)
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = variance**2 / sum(np.nan_to_num(part) ** 2 / of for part, of in parts)
        margin = stats.t.ppf((1 + CONFIDENCE) / 2, freedom) * np.sqrt(variance)
    margin = np.round(np.where(variance > 0, margin, 0.0), _EXACT)
    return Interval(difference, difference - margin, difference + margin)


def _mean(values: np.ndarray) -> np.ndarray:
    """Over the first axis, without NaN."""
    return torch.from_numpy(values).nanmean(dim=0).numpy()


def _variance(values: np.ndarray) -> np.ndarray:
    """Of a sample over the first axis, without NaN; NaN of fewer than two values."""
    count = (~np.isnan(values)).sum(axis=0)
    squares = np.nansum((values - _mean(values)) ** 2, axis=0)
    return np.divide(squares, count - 1, out=np.full(squares.shape, np.nan), where=count > 1)
