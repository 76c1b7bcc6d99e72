"""The loss of any network: values worked out by hand, ignored pixels, two processes."""

import math

import pytest
import torch
import torch.distributed as dist

from network.errors import ConfigError
from network.losses import SegmentationLoss
from network.losses.plain import KINDS
from network.models import SegmentationOutput
from tests.training.test_processes import in_two_processes, join

IGNORED = 2


def of_row(probabilities, labels, **options):
    """The terms on one row of pixels whose logits are the logarithms of their probabilities."""
    logits = torch.tensor(probabilities, dtype=torch.float64).T[None, :, None].log()
    loss = SegmentationLoss(IGNORED, label_smoothing=0, dice_smooth=0, **options)
    return loss(SegmentationOutput(logits), torch.tensor(labels)[None, None])


PIXELS = [[0.5, 0.5], [0.25, 0.75], [0.9, 0.1]]
LABELS = [0, 1, IGNORED]


def focal_of(logit, is_class):
    p = 1 / (1 + math.exp(-logit if is_class else logit))
    return (1 - p) ** 2 * -math.log(p)


FOCAL = [
    focal_of(math.log(p), label == index)
    for pixel, label in zip(PIXELS[:2], LABELS[:2], strict=True)
    for index, p in enumerate(pixel)
]
BY_HAND = {
    "ce": -(math.log(0.5) + math.log(0.75)) / 2,
    "dice": ((1 - 2 * 0.5 / (0.75 + 1)) + (1 - 2 * 0.75 / (1.25 + 1))) / 2,
    "focal": sum(FOCAL) / 4,
    # Errors of class 0 are 0.5 (its pixel) and 0.25, weighted 1 and 0; of class 1 they are 0.5 and
    # 0.25 (its pixel), weighted 1/2 and 1/2.
    "lovasz": (0.5 + 0.375) / 2,
    # Of class 0: 0.5 right, 0.25 too much, 0.5 missed; of class 1: 0.75, 0.5, 0.25.
    "tversky": (
        (1 - 0.5 / (0.5 + 0.3 * 0.25 + 0.7 * 0.5)) + (1 - 0.75 / (0.75 + 0.3 * 0.5 + 0.7 * 0.25))
    )
    / 2,
}


@pytest.mark.parametrize("kind", KINDS)
def test_values_by_hand_without_the_ignored_pixel(kind):
    terms = of_row(PIXELS, LABELS, kind=kind)
    assert list(terms) == [kind, "total"]
    assert terms[kind].item() == terms["total"].item() == pytest.approx(BY_HAND[kind], rel=1e-6)


def test_without_a_kind_it_is_cross_entropy_and_dice():
    terms = of_row(PIXELS, LABELS)
    assert list(terms) == ["ce", "dice", "total"]
    assert terms["total"].item() == pytest.approx(BY_HAND["ce"] + BY_HAND["dice"])


def test_several_kinds_are_summed():
    terms = of_row(PIXELS, LABELS, kind=["lovasz", "focal"])
    assert list(terms) == ["lovasz", "focal", "total"]
    assert terms["total"].item() == pytest.approx(BY_HAND["lovasz"] + BY_HAND["focal"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_label_that_is_ignored_everywhere_costs_nothing_and_asks_for_nothing(kind):
    logits = torch.randn(1, 2, 4, 4, requires_grad=True)
    loss = SegmentationLoss(IGNORED, kind=kind)
    total = loss(SegmentationOutput(logits, logits), torch.full((1, 4, 4), IGNORED))["total"]
    total.backward()
    assert total.item() == 0
    assert not logits.grad.any()


@pytest.mark.parametrize("kind", KINDS)
def test_logits_of_ignored_pixels_change_nothing(kind):
    torch.manual_seed(0)
    logits, mask = torch.randn(2, 3, 6, 6), torch.randint(0, 4, (2, 6, 6))
    other = torch.where((mask == 3)[:, None], torch.randn_like(logits) * 9, logits)
    first, second = (
        SegmentationLoss(3, kind=kind)(SegmentationOutput(each), mask)["total"]
        for each in (logits, other)
    )
    torch.testing.assert_close(first, second)


def test_auxiliary_logits_enter_by_their_cross_entropy():
    torch.manual_seed(0)
    logits, aux = torch.randn(2, 1, 2, 3, 3)
    mask = torch.ones(1, 3, 3, dtype=torch.long)
    terms = SegmentationLoss(IGNORED, kind="lovasz")(SegmentationOutput(logits, aux), mask)
    of_aux = SegmentationLoss(IGNORED, kind="ce")(SegmentationOutput(aux), mask)["ce"]
    assert list(terms) == ["lovasz", "aux", "total"]
    torch.testing.assert_close(terms["aux"], of_aux)
    torch.testing.assert_close(terms["total"], terms["lovasz"] + 0.4 * of_aux)
    without = SegmentationLoss(IGNORED, kind="lovasz", aux_weight=0)
    assert list(without(SegmentationOutput(logits, aux), mask)) == ["lovasz", "total"]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("lovas", "no 'lovas'; one or several of ce, dice, focal, lovasz, tversky"),
        (["ce", "l1", "l2"], "no 'l1', 'l2'"),
        ([], r"kind=\[\]; one or several of"),
        (["ce", "ce"], r"kind=\['ce', 'ce'\]"),
    ],
)
def test_other_kinds_are_refused(kind, message):
    with pytest.raises(ConfigError, match=message):
        SegmentationLoss(IGNORED, kind=kind)


@pytest.mark.parametrize("kind", KINDS)
def test_logits_of_mixed_precision_are_compared_in_float32(kind):
    torch.manual_seed(0)
    logits, mask = torch.randn(1, 3, 8, 8).bfloat16(), torch.randint(0, 3, (1, 8, 8))
    loss = SegmentationLoss(3, kind=kind)
    with torch.autocast("cpu", torch.bfloat16):
        found = loss(SegmentationOutput(logits), mask)["total"]
    expected = loss(SegmentationOutput(logits.float()), mask)["total"]
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected)


def batch():
    """Two images; what counts is spread unevenly, and one class is in one of them only."""
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 3, 8, 8, generator=generator, dtype=torch.float64)
    mask = torch.randint(0, 2, (2, 8, 8), generator=generator)
    mask[0, :5] = 3
    mask[1, :2] = 2
    return logits, mask


def terms_and_gradient(logits, mask):
    logits = logits.clone().requires_grad_()
    terms = SegmentationLoss(3, kind=KINDS).train()(SegmentationOutput(logits, 2 * logits), mask)
    exact = terms["ce"] + terms["dice"] + terms["focal"] + terms["aux"]
    exact.backward()
    return {name: term.item() for name, term in terms.items()}, logits.grad


def in_a_process(rank, folder):
    join(rank, folder)
    terms, gradient = terms_and_gradient(*(part[rank : rank + 1] for part in batch()))
    torch.save((terms, gradient), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_have_the_terms_of_their_common_batch_but_for_two(tmp_path):
    terms, gradient = terms_and_gradient(*batch())
    for rank, (found, of_rank) in enumerate(in_two_processes(in_a_process, tmp_path)):
        alone, _ = terms_and_gradient(*(part[rank : rank + 1] for part in batch()))
        for name in ("ce", "dice", "focal", "aux"):
            assert found[name] == pytest.approx(terms[name], rel=1e-6)
            assert abs(alone[name] - terms[name]) > 1e-4
        # The gradients of both processes are averaged afterwards.
        torch.testing.assert_close(of_rank / 2, gradient[rank : rank + 1], rtol=0, atol=1e-7)
        for name in ("lovasz", "tversky"):
            assert found[name] == pytest.approx(alone[name], rel=1e-9)
