"""UNetFormer and D2LS agree with their word-by-word twins, forward and backward."""

import pytest
import torch
from torch import nn

from network.models import D2LS, UNetFormer
from tests.models import reference_d2ls, reference_unetformer

TOLERANCE = {"rtol": 0, "atol": 1e-9}


def randomised(net):
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.LayerNorm | nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.5, 0.5)
    return net.double().train()


def compare(net, x, found, expected):
    """Outputs, and gradients of a random projection of them."""
    torch.testing.assert_close(found, expected, **TOLERANCE)
    factors = [torch.randn_like(each) for each in found]

    def gradients(outputs):
        total = sum((f * each).sum() for f, each in zip(factors, outputs, strict=True))
        return torch.autograd.grad(total, list(net.parameters()), retain_graph=True)

    for (name, _), a, b in zip(
        net.named_parameters(), gradients(found), gradients(expected), strict=True
    ):
        scale = max(1.0, b.abs().max().item())
        torch.testing.assert_close(a / scale, b / scale, **TOLERANCE, msg=name)


@pytest.mark.parametrize("size", [(64, 96), (70, 33)])
def test_unetformer(size):
    torch.manual_seed(0)
    net = randomised(UNetFormer("test_convnext", num_classes=3, dim=16, heads=2, dropout=0))
    with torch.no_grad():
        for fusion in net.fusions:
            fusion.weights.copy_(torch.tensor([0.7, 1.6]))
        for module in net.modules():
            if hasattr(module, "place"):
                module.bias.normal_()
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    found = net(x)
    expected = reference_unetformer.forward(net, x)
    compare(net, x, (found.logits, found.aux_logits), expected)


def test_unetformer_has_the_published_number_of_parameters():
    net = UNetFormer("resnet18", num_classes=6)
    assert round(sum(p.numel() for p in net.parameters()) / 1e6, 1) == 11.7


def test_d2ls():
    torch.manual_seed(0)
    net = randomised(D2LS("test_convnext", num_classes=3, embed_dim=32, num_layers=2))
    x = torch.randn(2, 3, 64, 32, dtype=torch.float64)
    out = net(x)
    expected = reference_d2ls.forward(net, x)
    compare(net, x, (out.logits, out.aux_logits, *out.class_embeddings), expected)


@pytest.mark.parametrize("network", [UNetFormer, D2LS])
def test_any_size_and_evaluation_mode(network):
    net = network("test_convnext", num_classes=4, in_chans=5)
    assert net(torch.randn(2, 5, 33, 70)).aux_logits.shape == (2, 4, 33, 70)
    out = net.eval()(torch.randn(1, 5, 33, 70))
    assert out.logits.shape == (1, 4, 33, 70)
    assert out.aux_logits is None
