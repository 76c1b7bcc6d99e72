"""Values worked out by hand."""

import math
import re

import pytest
import torch
import torch.nn.functional as F

from network.errors import ConfigError
from network.losses import BiCoRLoss
from network.losses.fisher import fisher
from network.losses.segmentation import Target, cross_entropy, cross_entropy_and_dice, dice
from network.models import BiCoROutput


def one_row(probabilities, labels):
    """Log-probabilities [1, N, 1, W] and target of one row of pixels; label 2 is ignored."""
    log_probs = torch.tensor(probabilities).T[None, :, None].double().log()
    return log_probs, Target(torch.tensor(labels)[None, None], len(probabilities[0]), 2)


def test_cross_entropy_counts_only_pixels_that_are_not_ignored():
    log_probs, target = one_row([[0.5, 0.5], [0.2, 0.8], [0.9, 0.1]], [0, 1, 2])
    expected = -(math.log(0.5) + math.log(0.8)) / 2
    assert cross_entropy(log_probs, target).item() == pytest.approx(expected)


def test_label_smoothing():
    log_probs, target = one_row([[0.2, 0.8]], [1])
    expected = -(0.9 * math.log(0.8) + 0.1 * (math.log(0.2) + math.log(0.8)) / 2)
    assert cross_entropy(log_probs, target, 0.1).item() == pytest.approx(expected)


def test_class_weights_make_a_weighted_mean_over_the_pixels():
    weights = torch.tensor([3.0, 0.5]).double()
    labels = torch.tensor([0, 1, 1, 2])[None, None]
    probabilities = torch.tensor([[0.5, 0.5], [0.2, 0.8], [0.6, 0.4], [0.9, 0.1]])
    log_probs = probabilities.T[None, :, None].double().log()
    target = Target(labels, 2, 2, class_weights=weights)
    expected = -(3 * math.log(0.5) + 0.5 * math.log(0.8) + 0.5 * math.log(0.4)) / (3 + 0.5 + 0.5)
    assert cross_entropy(log_probs, target).item() == pytest.approx(expected)
    by_torch = F.cross_entropy(log_probs, labels, weights, ignore_index=2)
    assert cross_entropy(log_probs, target).item() == pytest.approx(by_torch.item())
    assert dice(log_probs, target) == dice(log_probs, Target(labels, 2, 2))
    smoothed = [0.9 * math.log(p) + 0.1 * (math.log(p) + math.log(1 - p)) / 2
                for p in (0.5, 0.8, 0.4)]  # fmt: skip
    expected = -(3 * smoothed[0] + 0.5 * smoothed[1] + 0.5 * smoothed[2]) / 4
    assert cross_entropy(log_probs, target, 0.1).item() == pytest.approx(expected)
    nothing = Target(torch.full_like(labels, 2), 2, 2, class_weights=weights)
    assert cross_entropy(log_probs, nothing).item() == 0


def test_class_weights_reach_every_cross_entropy():
    torch.manual_seed(0)
    mask = torch.randint(0, 3, (2, 8, 8))

    def logits(side):
        return torch.randn(2, 2, side, side)

    out = BiCoROutput(logits(8), logits(8), [logits(2)], [torch.randn(2, 2, 4)])
    equal, same, weighted = (
        BiCoRLoss(2, class_weights=weights)(out, mask) for weights in (None, [2.0, 2.0], [3.0, 0.5])
    )
    assert {name: term.item() for name, term in same.items()} == pytest.approx(
        {name: term.item() for name, term in equal.items()}, rel=1e-6
    )
    target = Target(mask, 2, 2, class_weights=torch.tensor([3.0, 0.5]))
    heatmap = F.interpolate(out.heatmaps[0], (8, 8), mode="bilinear")
    terms = [cross_entropy_and_dice(each, target, 0.05, 0.05) for each in (out.logits, heatmap)]
    aux = cross_entropy(out.aux_logits.log_softmax(1), target, 0.05)
    assert weighted["main"].item() == pytest.approx((terms[0] + 0.4 * aux).item(), rel=1e-6)
    assert weighted["heatmap"].item() == pytest.approx(terms[1].item(), rel=1e-6)


def test_dice():
    log_probs, target = one_row([[0.5, 0.5], [0.2, 0.8], [0.9, 0.1]], [0, 1, 2])
    first = (2 * 0.5 + 0.05) / (0.5 + 0.2 + 1 + 0.05)
    second = (2 * 0.8 + 0.05) / (0.5 + 0.8 + 1 + 0.05)
    assert dice(log_probs, target).item() == pytest.approx((1 - first + 1 - second) / 2)


def test_dice_is_zero_for_a_class_absent_from_the_label():
    log_probs, target = one_row([[0.5, 0.5], [0.2, 0.8]], [0, 0])
    first = (2 * 0.7 + 0.05) / (0.7 + 2 + 0.05)
    assert dice(log_probs, target).item() == pytest.approx((1 - first) / 2)


def test_a_label_that_is_ignored_everywhere_costs_nothing():
    log_probs, target = one_row([[0.5, 0.5]], [2])
    assert cross_entropy(log_probs, target, 0.05).item() == 0
    assert dice(log_probs, target).item() == 0


def test_fisher():
    embeddings = torch.tensor([[[0.0, 0.0], [4.0, 0.0]], [[2.0, 0.0], [4.0, 2.0]]])
    # class means (1, 0) and (4, 1); |CE - mu|^2 is 1 everywhere; |mu_1 - mu_2|^2 = 10
    assert fisher(embeddings).item() == pytest.approx(1 / (10 + 1e-6))


def test_fisher_of_classes_that_coincide_is_bounded():
    embeddings = torch.tensor([[[0.0], [0.0]], [[2.0], [2.0]]])
    assert fisher(embeddings).item() == pytest.approx(1 / (1e-4 + 1e-6))


def output(layers=2, aux=True):
    torch.manual_seed(0)
    return BiCoROutput(
        logits=torch.randn(2, 3, 8, 8),
        aux_logits=torch.randn(2, 3, 8, 8) if aux else None,
        heatmaps=[torch.randn(2, 3, 2, 2) for _ in range(layers)],
        class_embeddings=[torch.randn(2, 3, 16) for _ in range(layers)],
    )


def test_total_is_the_weighted_sum_of_the_named_terms():
    mask = torch.randint(0, 4, (2, 8, 8))
    terms = BiCoRLoss(ignore_index=3)(output(), mask)
    assert list(terms) == ["main", "heatmap", "fisher", "total"]
    expected = terms["main"] + 0.1 * terms["heatmap"] + 0.1 * terms["fisher"]
    torch.testing.assert_close(terms["total"], expected)


def test_evaluation_leaves_the_fisher_ratio_out():
    """Of a batch of one image it is 0 by construction, and is no measurement."""
    mask, loss = torch.randint(0, 4, (2, 8, 8)), BiCoRLoss(ignore_index=3, fisher_weight=[5, 7])
    assert fisher(output().class_embeddings[0][:1]).item() == 0
    trained = loss(output(), mask)
    terms = loss.eval()(output(), mask)
    assert list(terms) == ["main", "heatmap", "total"]
    assert terms["main"] == trained["main"] and terms["heatmap"] == trained["heatmap"]
    torch.testing.assert_close(terms["total"], terms["main"] + 0.1 * terms["heatmap"])
    with pytest.raises(ConfigError, match="fisher_weight lists 1 weights"):
        BiCoRLoss(ignore_index=3, fisher_weight=[5]).eval()(output(), mask)


def test_a_weight_for_each_layer():
    mask = torch.randint(0, 4, (2, 8, 8))
    out = output()
    terms = BiCoRLoss(ignore_index=3, heatmap_weight=0, fisher_weight=[0.1, 1.1])(out, mask)
    first, second = (fisher(layer) for layer in out.class_embeddings)
    torch.testing.assert_close(terms["total"], terms["main"] + 0.1 * first + 1.1 * second)


@pytest.mark.parametrize(
    ("weights", "layers", "fitting"),
    [
        ([0.1, 0.1, 0.1], 2, "[0.1, 0.1]"),
        ([0.1, 1.1], 3, "[0.1, 0.1, 1.1]"),
        ([0.1, 1.1], 1, "[1.1]"),
        ([], 2, "[0.1, 0.1]"),
    ],
)
def test_weights_of_a_wrong_number_are_an_error(weights, layers, fitting):
    mask = torch.randint(0, 4, (2, 8, 8))
    said = f"fisher_weight lists {len(weights)} weights, but the network has {layers} HBIS layers"
    with pytest.raises(ConfigError, match=re.escape(said)) as error:
        BiCoRLoss(ignore_index=3, fisher_weight=weights)(output(layers), mask)
    assert str(error.value).endswith(f"loss.fisher_weight='{fitting}'")


def test_a_network_without_layers_takes_any_weights():
    mask = torch.randint(0, 4, (2, 8, 8))
    terms = BiCoRLoss(ignore_index=3, fisher_weight=[0.1, 1.1])(output(layers=0), mask)
    assert list(terms) == ["main", "total"]
    assert terms["total"] == terms["main"]


def test_embeddings_without_heatmaps_have_weights_of_their_own():
    mask = torch.randint(0, 4, (2, 8, 8))
    out = output()._replace(heatmaps=[])
    terms = BiCoRLoss(ignore_index=3, fisher_weight=[0.1, 1.1])(out, mask)
    first, second = (fisher(layer) for layer in out.class_embeddings)
    torch.testing.assert_close(terms["total"], terms["main"] + 0.1 * first + 1.1 * second)


@pytest.mark.parametrize("name", ["heatmap", "fisher"])
def test_a_term_of_weight_zero_is_not_computed(name):
    mask = torch.randint(0, 4, (2, 8, 8))
    out = output()
    layers = out.heatmaps if name == "heatmap" else out.class_embeddings
    layers[0].fill_(math.nan)
    terms = BiCoRLoss(ignore_index=3, **{f"{name}_weight": [0, 0.5]})(out, mask)
    assert all(term.isfinite() for term in terms.values())
    terms = BiCoRLoss(ignore_index=3, **{f"{name}_weight": 0})(out, mask)
    assert {"main", "heatmap", "fisher", "total"} - terms.keys() == {name}
    assert terms["total"].isfinite()


def test_auxiliary_logits_of_weight_zero_are_not_looked_at():
    mask = torch.randint(0, 4, (2, 8, 8))
    out = output()
    out.aux_logits.fill_(math.nan)
    assert BiCoRLoss(ignore_index=3, aux_weight=0)(out, mask)["total"].isfinite()


def test_evaluation_output_without_auxiliary_logits():
    mask = torch.randint(0, 4, (2, 8, 8))
    with_aux = BiCoRLoss(ignore_index=3, aux_weight=0)(output(), mask)
    without = BiCoRLoss(ignore_index=3)(output()._replace(aux_logits=None), mask)
    torch.testing.assert_close(with_aux["main"], without["main"])
