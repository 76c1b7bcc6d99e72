"""Depthwise convolutions under autocast on a CPU."""

import copy
import shutil

import pytest
import timm
import torch
from torch import nn

from network.models.depthwise import with_exact_depthwise


class Block(nn.Module):
    """A depthwise convolution between two that are not; notes what they give."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 1)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.grouped = nn.Conv2d(8, 8, 3, padding=1, groups=2)

    def forward(self, x):
        first = self.first(x)
        depthwise = self.depthwise(first)
        return first, depthwise, self.grouped(depthwise)


@pytest.fixture
def block():
    torch.manual_seed(0)
    return with_exact_depthwise(Block())


def types_of(outputs):
    return [each.dtype for each in outputs]


def test_of_three_convolutions_the_depthwise_one_leaves_autocast(block):
    image = torch.randn(1, 3, 8, 8)
    rough, exact = torch.bfloat16, torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        first, depthwise, grouped = block(image)
    assert types_of((first, depthwise, grouped)) == [rough, exact, rough]
    expected = nn.functional.conv2d(
        first.float(), block.depthwise.weight, block.depthwise.bias, padding=1, groups=8
    )
    assert torch.equal(depthwise, expected)
    grouped.float().sum().backward()
    assert block.depthwise.weight.grad.dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_without_autocast_nothing_changes(block, dtype):
    plain = Block()
    plain.load_state_dict(block.state_dict())
    image = torch.randn(1, 3, 8, 8, dtype=dtype)
    outputs, expected = block.to(dtype)(image), plain.to(dtype)(image)
    assert types_of(outputs) == [dtype] * 3
    assert all(map(torch.equal, outputs, expected))


def test_a_copy_computes_with_its_own_weights(block):
    copied = copy.deepcopy(block)
    with torch.no_grad():
        copied.depthwise.weight.zero_()
        copied.depthwise.bias.fill_(3)
    image = torch.randn(1, 3, 8, 8)
    assert (copied(image)[1] == 3).all()
    assert not (block(image)[1] == 3).any()


def test_recomputed_activations_are_those_of_the_first_time():
    net = with_exact_depthwise(timm.create_model("test_efficientnet", num_classes=2)).train()
    net.set_grad_checkpointing()
    image = torch.randn(2, 3, 64, 64)
    with torch.autocast("cpu", torch.bfloat16):
        total = net(image).float().sum()
    total.backward()  # torch compares shapes and types of what is computed again
    assert all(p.grad is not None for p in net.parameters())


@pytest.mark.skipif(not shutil.which("c++"), reason="torch.compile needs a C++ compiler")
def test_compiled_it_is_one_graph(block):
    torch._dynamo.reset()
    compiled = torch.compile(block, fullgraph=True)
    image = torch.randn(1, 3, 8, 8)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        outputs, expected = compiled(image), block(image)
    assert types_of(outputs) == types_of(expected)
    for output, other in zip(outputs, expected, strict=True):
        torch.testing.assert_close(output.float(), other.float(), rtol=0.02, atol=0.02)
    torch._dynamo.reset()
