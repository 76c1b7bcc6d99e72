"""Means, deviations and intervals against values worked out by hand, and how often they hold."""

import numpy as np
import pytest
import torch

from network.comparison.intervals import Estimate, all_scores, compare, draw_images, estimate
from network.metrics import Scores
from tests.comparison.folders import SPEC, counts

BOTH = (0, 1)


def estimated(matrices, draws=4000):
    matrices = np.asarray(matrices)
    return estimate(matrices, draw_images(matrices.shape[1], draws), BOTH)


def test_scores_are_those_of_a_test():
    matrix = torch.tensor([[50, 10], [5, 0]])
    found = all_scores(matrix, SPEC.scored)
    wanted = Scores.of(matrix, SPEC)
    assert found.tolist() == [*wanted.iou.tolist(), wanted.miou, wanted.mf1, wanted.oa]


def test_means_and_deviations_over_seeds():
    # seed 0: Road 140 right, 60 missed, 100 false; Roof 100 right, 100 missed, 60 false
    # seed 1: Road 160 right, 40 missed, 80 false; Roof 120 right, 80 missed, 40 false
    found = estimated([counts((80, 60), (60, 40)), counts((90, 70), (70, 50))])
    road, roof = (140 / 300, 160 / 280), (100 / 260, 120 / 240)
    assert found.mean[:2] == pytest.approx([sum(road) / 2, sum(roof) / 2])
    assert found.mean[2] == pytest.approx((sum(road) + sum(roof)) / 4)
    assert found.mean[4] == pytest.approx(0.65)  # OA: 240 and 280 of 400
    assert found.deviation[4] == pytest.approx(0.1 / 2**0.5)
    assert np.isnan(estimated([counts((80, 60))]).deviation).all()


def test_an_interval_by_hand():
    draws = np.array([[0.10], [0.12], [0.14], [0.12]])
    method = Estimate(np.array([[0.70], [0.74]]), 0.6 + draws, units=5)
    other = Estimate(np.array([[0.60], [0.62]]), np.full((4, 1), 0.6), units=5)
    # images 0.0008 / 3 * 5 / 4, seeds 0.0008 / 2 and 0.0002 / 2: together 0.00083333
    # degrees of freedom 0.00083333^2 / (0.00033333^2 / 4 + 0.0004^2 + 0.0001^2) = 3.5112
    found = compare(method, other)
    assert found.difference == pytest.approx(0.11)
    # Student's t of 0.975 lies between 3.182 (3 degrees) and 2.776 (4 degrees)
    margin = (found.high - found.difference)[0]
    assert 2.776 < margin / 0.00083333**0.5 < 3.182
    assert margin == pytest.approx(0.0288675 * 2.9346, rel=1e-3)
    assert found.low == pytest.approx(0.22 - found.high)


def test_without_several_seeds_it_is_that_of_the_images():
    # OA of images of one size is their mean: differences 0.1, 0.2, 0, 0.1; variance 0.02 / 3
    found = compare(
        estimated([counts((80, 80), (90, 90), (70, 70), (60, 60))]),
        estimated([counts((70, 70), (70, 70), (70, 70), (50, 50))]),
    )
    assert found.difference[4] == pytest.approx(0.1)
    margin = 3.182 * (0.02 / 3 / 4) ** 0.5  # Student's t of 3 degrees
    assert found.high[4] - 0.1 == pytest.approx(margin, rel=0.05)


def test_seeds_that_say_the_same_do_not_make_it_surer():
    rng = np.random.default_rng(0)
    one, other = (counts(*rng.integers(50, 100, (12, 2))) for _ in range(2))
    single = compare(estimated([one]), estimated([other]))
    triple = compare(estimated([one] * 3), estimated([other] * 3))
    assert triple.high == pytest.approx(single.high)
    assert single.high[4] > single.low[4]


def test_equal_methods_are_not_told_apart_and_different_ones_are():
    rng = np.random.default_rng(1)
    right = rng.integers(50, 90, (20, 2))
    same = compare(estimated([counts(*right)] * 3), estimated([counts(*right)]))
    assert same.difference.tolist() == same.low.tolist() == same.high.tolist() == [0] * 5
    assert not same.tells_apart.any()
    better = compare(
        estimated([counts(*right + rng.integers(4, 9, (20, 2))) for _ in range(3)]),
        estimated([counts(*right + rng.integers(-2, 3, (20, 2))) for _ in range(3)]),
    )
    assert better.tells_apart.all()
    assert (better.low > 0).all()


def test_a_single_image_gives_no_interval():
    found = compare(estimated([counts((80, 80))]), estimated([counts((60, 60))]))
    assert found.difference[4] == pytest.approx(0.2)
    assert np.isnan(found.low).all() and not found.tells_apart.any()


def test_a_class_that_is_nowhere_has_no_score_and_no_interval():
    nowhere = np.array([[[9, 0], [0, 0]], [[7, 0], [0, 0]]])
    found = estimated([nowhere])
    assert np.isnan(found.mean[1])
    assert found.mean[2] == 1
    apart = compare(found, found)
    assert np.isnan(apart.difference[1]) and not apart.tells_apart.any()


@pytest.mark.parametrize(("seeds", "spread"), [(1, 0.0), (3, 0.05), (3, 0.4)])
def test_ninety_five_percent_intervals_hold_the_truth_that_often(seeds, spread):
    """Two methods of one quality: images and trainings are drawn anew, the true difference is 0."""
    rng = np.random.default_rng(7)
    images, draws, pixels, held = 25, 200, 400, 0
    for _ in range(draws):
        hard = rng.normal(0, 0.5, images)  # for both methods alike
        pair = []
        for _ in range(2):
            suits = hard + rng.normal(0, 0.3, images)
            logits = 1 + suits + rng.normal(0, spread, (seeds, 1))
            right = rng.binomial(pixels, 1 / (1 + np.exp(-logits))[..., None].repeat(2, -1))
            pair.append(estimated([counts(*each, pixels=pixels) for each in right], draws=300))
        held += ~compare(*pair).tells_apart
    assert (held >= 0.90 * draws).all() and (held <= 0.99 * draws).all(), held
