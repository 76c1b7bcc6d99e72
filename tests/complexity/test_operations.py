"""Operations as counted by hand, in inference and in training; what is not counted is said."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from network.complexity.operations import Operations, count_operations, without_gradients
from network.models import SmpNet
from network.models.output import segment
from tests.complexity.by_hand import NETWORKS, Layers

SIZE = 96


def built(name, **options):
    torch.manual_seed(0)
    network, others = NETWORKS[name]
    return network(backbone="test_convnext", num_classes=5, **options), others


def counted(net, x):
    with without_gradients(net):
        return count_operations(lambda: net(x)).flops


@pytest.mark.parametrize("name", NETWORKS)
def test_inference_is_as_counted_by_hand(name):
    net, others = built(name)
    net.eval()
    x = torch.randn(1, 3, SIZE, SIZE)
    with Layers().watch(net) as layers, torch.no_grad():
        net(x)
    by_hand = 2 * (layers.forward + others(net, SIZE, 1)[0])
    assert counted(net, x) == pytest.approx(by_hand, rel=0.001)
    assert all(parameter.requires_grad for parameter in net.parameters())


@pytest.mark.parametrize("name", NETWORKS)
def test_a_training_step_is_as_counted_by_hand(name):
    net, others = built(name)
    net.train()
    x = torch.randn(2, 3, SIZE, SIZE)

    def step():
        out = segment(net, x)
        found = [out.logits, out.aux_logits, *out.heatmaps, *out.class_embeddings]
        sum(each.square().sum() for each in found if each is not None).backward()

    with Layers().watch(net) as layers:
        step()
    by_hand = 2 * (layers.forward + layers.backward + sum(others(net, SIZE, 2)))
    found = count_operations(step)
    assert found.flops == pytest.approx(by_hand, rel=0.002)
    assert found.uncounted == ()


def operations(call):
    found = count_operations(call)
    assert found.uncounted == ()
    return found.flops


@pytest.mark.parametrize("masked", [False, True])
def test_attention_is_two_products_forward_and_four_backward(masked):
    q = torch.randn(2, 3, 5, 8, requires_grad=True)
    k, v = (torch.randn(2, 3, 7, 8, requires_grad=True) for _ in range(2))
    mask = torch.randn(5, 7) if masked else None
    product = 2 * 2 * 3 * 5 * 7 * 8

    def attend():
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)

    assert operations(attend) == 2 * product
    assert operations(lambda: attend().sum().backward()) == 6 * product
    with torch.no_grad():
        assert operations(attend) == 2 * product


def test_gradients_of_a_convolution_in_groups_cost_as_much_as_itself():
    layer = nn.Conv2d(8, 12, 3, padding=1, groups=4)
    x = torch.randn(2, 8, 10, 6, requires_grad=True)
    forward = 2 * 2 * (10 * 6) * 12 * (8 // 4) * 9
    assert operations(lambda: layer(x)) == forward
    assert operations(lambda: layer(x).sum().backward()) == 3 * forward
    assert operations(lambda: layer(x.detach()).sum().backward()) == 2 * forward


def test_gradients_of_a_transposed_convolution_cost_as_much_as_itself():
    layer = nn.ConvTranspose2d(6, 4, 2, stride=2)
    x = torch.randn(1, 6, 5, 7, requires_grad=True)
    forward = 2 * (5 * 7) * 6 * 4 * 4
    assert operations(lambda: layer(x)) == forward
    assert operations(lambda: layer(x).sum().backward()) == 3 * forward


def test_products_with_vectors_and_products_added_in_place_count():
    a, b, v = torch.randn(3, 4), torch.randn(4, 5), torch.randn(4)
    batch = torch.randn(2, 3, 4), torch.randn(2, 4, 5)
    assert operations(lambda: a @ v) == 2 * 3 * 4
    assert operations(lambda: v @ v) == 2 * 4
    assert operations(lambda: torch.zeros(3, 5).addmm_(a, b)) == 2 * 3 * 4 * 5
    assert operations(lambda: torch.zeros(2, 3, 5).baddbmm_(*batch)) == 2 * 2 * 3 * 4 * 5
    assert operations(lambda: torch.zeros(3, 5).addbmm(*batch)) == 2 * 2 * 3 * 4 * 5
    assert operations(lambda: torch.zeros(3).addmv(a, v)) == 2 * 3 * 4


def test_a_layer_of_a_transformer_counts_without_gradients_too():
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True).eval()
    x = torch.randn(2, 6, 16)
    linear = 2 * 2 * 6 * (16 * 48 + 16 * 16 + 2 * 16 * 32)
    with without_gradients(layer):
        assert operations(lambda: layer(x)) == linear + 2 * (2 * 2 * 6 * 6 * 16)
    assert torch.backends.mha.get_fastpath_enabled()


def test_what_checkpointing_computes_again_counts_again():
    x = torch.randn(2, 3, 64, 64)

    def step(checkpointing):
        torch.manual_seed(0)
        net = SmpNet("fpn", "resnet18", num_classes=3, checkpointing=checkpointing)
        return count_operations(lambda: segment(net.train(), x).logits.sum().backward()), net

    (once, net), (again, _) = step(False), step(True)
    with Layers().watch(net.backbone) as layers:
        net(x)
    assert once.flops < again.flops <= once.flops + 2 * layers.forward


class Mixer(nn.Module):
    def forward(self, x):
        return torch.fft.rfft2(x).abs()


@torch.library.custom_op("tests_complexity::scale", mutates_args=())
def scale(x: torch.Tensor) -> torch.Tensor:
    return 2 * x


class Scaler(nn.Module):
    def forward(self, x):
        return scale(x)


def test_operators_without_a_formula_are_named_with_their_part():
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(Mixer(), Scaler()), nn.ReLU())
    found = count_operations(lambda: net(torch.randn(1, 3, 8, 8)))
    assert found.flops == 2 * 64 * 3 * 4
    assert found.uncounted == (
        "fft_r2c in Sequential.1.0",
        "tests_complexity.scale in Sequential.1.1",
    )


def test_norms_pooling_and_interpolation_count_nothing_and_are_no_gap():
    parts = [nn.BatchNorm2d(3), nn.GroupNorm(1, 3), nn.GELU(), nn.MaxPool2d(2), nn.Softmax(1)]
    parts += [nn.LayerNorm(4), nn.Upsample(scale_factor=2, mode="bilinear"), nn.PixelShuffle(1)]
    net = nn.Sequential(*parts)
    x = torch.randn(2, 3, 8, 8, requires_grad=True)

    def step():
        F.normalize(net(x), dim=1).topk(2, dim=1)[0].sum().backward()

    assert count_operations(step) == Operations(0)
