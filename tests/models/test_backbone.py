"""What a backbone gives, whatever network is inside."""

import pytest
import timm
import torch

from network.errors import ConfigError
from network.models import BiCoR, SmpNet, UNetFormer
from network.models.backbone import Backbone
from tests.models.families import OTHERS, QUICK

BEIT = {"img_size": 96, "depth": 4, "embed_dim": 24}


@pytest.mark.parametrize(
    ("name", "options", "multiple", "strides"),
    [
        ("test_convnext", {}, 32, [4, 8, 16, 32]),
        ("test_resnet", {}, 32, [4, 8, 16, 32]),
        ("test_vit", {}, 16, [4, 8, 16, 32]),
        ("test_vit", {"patch_size": 14}, 28, [3.5, 7, 14, 28]),
        (
            "beit_base_patch16_224",
            {"img_size": 96, "depth": 4, "embed_dim": 24},
            96,
            [4, 8, 16, 32],
        ),
    ],
)
def test_levels_lie_where_their_strides_say(name, options, multiple, strides):
    backbone = Backbone(name, options=options)
    assert (backbone.multiple, backbone.strides) == (multiple, strides)
    height, width = 2 * multiple, 3 * multiple
    maps = backbone(torch.randn(2, 3, height, width))
    sizes = [(round(height / stride + 0.49), round(width / stride + 0.49)) for stride in strides]
    assert [m.shape for m in maps] == [
        (2, channels, *size) for channels, size in zip(backbone.channels, sizes, strict=True)
    ]


def test_a_network_of_one_size_sees_tiles_side_by_side():
    torch.manual_seed(0)
    backbone = Backbone("test_vit", options={"dynamic_img_size": False, "img_size": 64}).eval()
    assert backbone.tile == backbone.multiple == 64
    x = torch.randn(1, 3, 128, 192)
    whole = backbone(x)
    part = backbone(x[..., 64:, 128:])
    for stride, level, inside in zip(backbone.strides, whole, part, strict=True):
        top, left = int(64 / stride), int(128 / stride)
        torch.testing.assert_close(level[..., top:, left:], inside)


def test_four_blocks_a_quarter_of_the_network_apart():
    assert Backbone("vit_tiny_patch16_224").net.out_indices == [2, 5, 8, 11]


def test_activations_are_computed_again(monkeypatch):
    torch.manual_seed(0)
    kept = Backbone("test_convnext")
    again = Backbone("test_convnext", checkpointing=True)
    again.load_state_dict(kept.state_dict())
    x = torch.randn(1, 3, 64, 64)
    for backbone in (kept, again):
        sum(level.square().sum() for level in backbone(x)).backward()
    for a, b in zip(kept.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)
    stage = again.net.stages_1
    calls = []
    stage.blocks[0].register_forward_hook(lambda *_: calls.append(1))
    sum(level.square().sum() for level in again(x)).backward()
    assert len(calls) == 2


@pytest.mark.parametrize(
    "build",
    [
        lambda **given: UNetFormer("test_resnet", dim=32, dropout=0.0, **given),
        lambda **given: SmpNet("fpn", "test_resnet", decoder_dropout=0.0, **given),
        lambda **given: SmpNet("fpn", "test_convnext", decoder_dropout=0.0, **given),
    ],
    ids=["UNetFormer", "SmpNet", "SmpNet on levels"],
)
def test_baselines_compute_activations_again(build):
    kept, again = build(), build(checkpointing=True)
    again.load_state_dict(kept.state_dict())
    blocks = [n for n, _ in again.named_modules() if n.endswith(("layer2.0", "stages_1.blocks.0"))]
    calls = []
    again.get_submodule(blocks[0]).register_forward_pre_hook(lambda *_: calls.append(1))
    x = torch.randn(2, 3, 64, 64)
    for net in (kept, again):
        net(x).logits.square().sum().backward()
    assert len(calls) == 2
    for (name, a), b in zip(kept.named_parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, msg=name)


def test_a_backbone_that_cannot_compute_activations_again_is_refused():
    with pytest.raises(ConfigError, match="activations of 'hrnet_w18_small' again"):
        Backbone("hrnet_w18_small", checkpointing=True)


def test_a_network_that_takes_no_size_is_refused(monkeypatch):
    monkeypatch.setattr(Backbone, "_maps", lambda self, x: 1 / 0)
    with pytest.raises(ConfigError, match=r"takes neither .*division by zero.*img_size"):
        Backbone("test_convnext")


@pytest.mark.parametrize(
    "name", [*QUICK, *(pytest.param(name, marks=pytest.mark.families) for name in OTHERS)]
)
def test_every_family_of_timm(name):
    if not timm.is_model(name):
        pytest.skip(f"timm {timm.__version__} has no {name}")
    torch.manual_seed(0)
    net = BiCoR(name, num_classes=3, embed_dim=16)
    for size in ((96, 96), (97, 131), (64, 160)):
        out = net(torch.randn(2, 3, *size))
        assert out.logits.shape == (2, 3, *size) and out.logits.isfinite().all()
    out.logits.square().mean().backward()
    gradients = [p.grad for p in net.encoder.parameters() if p.grad is not None]
    assert len(gradients) > 2 and all(gradient.isfinite().all() for gradient in gradients)
