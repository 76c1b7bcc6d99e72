"""The fast network and loss agree with the word-by-word ones, forward and backward."""

import pytest
import torch
from torch import nn

from network.losses import BiCoRLoss
from network.models import BiCoR
from tests.models import reference

TOLERANCE = {"rtol": 0, "atol": 1e-9}


def build(num_classes, topk_ratio, num_hbis=2, **options):
    torch.manual_seed(num_classes)
    net = BiCoR(
        "test_convnext",
        num_classes=num_classes,
        embed_dim=32,
        num_hbis=num_hbis,
        topk_ratio=topk_ratio,
        **options,
    ).double()
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.LayerNorm):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.5, 0.5)
        net.class_embeddings.normal_()
    return net


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("size", [(64, 32), (33, 71)])
@pytest.mark.parametrize("topk_ratio", [1.0, 0.02, (0.3, 0.02)])
@pytest.mark.parametrize("num_classes", [2, 6, 7])
def test_forward_and_backward(num_classes, topk_ratio, size, batch):
    net = build(num_classes, topk_ratio, min_pixels=4, mix=0.3, temperature=0.7).train()
    x = torch.randn(batch, 3, *size, dtype=torch.float64)
    assert_agreement(net, x, fisher_weight=[0.1, 1.1])


@pytest.mark.parametrize(
    "options",
    [
        {"f2ce": False},
        {"ce2f": False},
        {"f2ce": False, "ce2f": False},
        {"num_hbis": 0},
        {"num_hbis": 0, "topk_ratio": (0.3, 0.02)},
    ],
    ids=str,
)
def test_ablations(options):
    net = build(6, **{"topk_ratio": 0.3, "min_pixels": 4, **options}).train()
    out = assert_agreement(net, torch.randn(2, 3, 33, 64, dtype=torch.float64))
    layers = options.get("num_hbis", 2)
    assert len(out.heatmaps) == layers
    assert len(out.class_embeddings) == (layers if options.get("f2ce", True) else 0)


def assert_agreement(net, x, fisher_weight=(0.1, 0.1)):
    """Output, loss and gradients of the network are the reference's; returns the output."""
    num_classes = net.num_classes
    mask = torch.randint(0, num_classes + 1, (len(x), *x.shape[-2:]))
    weights = {"heatmap_weight": [0.1, 0.3], "fisher_weight": fisher_weight}
    loss = BiCoRLoss(ignore_index=num_classes, **weights)

    out = net(x)
    total = loss(out, mask)["total"]
    fast = torch.autograd.grad(total, list(net.parameters()))

    expected = reference.forward(net, x)
    expected_total = reference.total_loss(
        expected,
        mask,
        num_classes,
        *(
            values[: len(layers)]
            for values, layers in zip(weights.values(), expected[2:], strict=True)
        ),
    )
    slow = torch.autograd.grad(expected_total, list(net.parameters()))

    torch.testing.assert_close(tuple(out), expected, **TOLERANCE)
    torch.testing.assert_close(total, expected_total, **TOLERANCE)
    for (name, _), a, b in zip(net.named_parameters(), fast, slow, strict=True):
        torch.testing.assert_close(a, b, **TOLERANCE, msg=lambda text, name=name: f"{name}: {text}")
    assert all(g.abs().max() > 0 for g in fast)
    return out


def test_evaluation_mode_gives_the_same_logits_without_auxiliary_ones():
    net = build(6, 1.0).eval()
    x = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    out = net(x)
    assert out.aux_logits is None
    torch.testing.assert_close(out.logits, reference.forward(net, x)[0], **TOLERANCE)
