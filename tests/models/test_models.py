import pytest
import timm
import torch

from network.errors import ConfigError, WeightsError
from network.losses import BiCoRLoss
from network.models import BiCoR


@pytest.mark.parametrize(
    "backbone",
    [
        "test_convnext",
        "resnet18",
        "efficientnet_b0",
        "mobilenetv3_small_100",
        "swin_tiny_patch4_window7_224",
        "vit_tiny_patch16_224",
        "halonet_h1",
    ],
)
def test_any_pyramid_trains_on_any_size_and_number_of_bands(backbone):
    net = BiCoR(backbone, num_classes=5, embed_dim=32, in_chans=4)
    out = net(torch.randn(2, 4, 70, 45))
    assert out.logits.shape == out.aux_logits.shape == (2, 5, 70, 45)
    assert [h.shape for h in out.heatmaps] == [(2, 5, 18, 12)] * 2
    assert [e.shape for e in out.class_embeddings] == [(2, 5, 32)] * 2
    BiCoRLoss(ignore_index=5)(out, torch.randint(0, 6, (2, 70, 45)))["total"].backward()
    idle = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert not [name for name in idle if not name.startswith("encoder.backbone")]


def test_each_image_of_a_batch_of_two_counts_for_itself():
    torch.manual_seed(0)
    net = BiCoR("test_convnext", num_classes=3, embed_dim=32).double().eval()
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    both = net(x).logits
    alone = torch.cat([net(x[:1]).logits, net(x[1:]).logits])
    torch.testing.assert_close(both, alone)
    mask = torch.randint(0, 3, (2, 64, 64))
    loss = BiCoRLoss(ignore_index=3)
    gradient = torch.autograd.grad(loss(net(x.requires_grad_()), mask)["total"], x)[0]
    assert (gradient.abs().sum(dim=(1, 2, 3)) > 0).all()


def test_pooling_keeps_the_highest_positions():
    net = BiCoR("test_convnext", num_classes=2, embed_dim=32, topk_ratio=0.25, min_pixels=2)
    heatmap = torch.arange(16.0).view(1, 1, 16) - 8
    weights = net.hbis[0].f2ce.pooling_weights(heatmap)[0, 0]
    assert weights.nonzero().flatten().tolist() == [12, 13, 14, 15]
    kept = torch.sigmoid(torch.tensor([4.0, 5.0, 6.0, 7.0]))
    torch.testing.assert_close(weights[12:], kept / (kept.sum() + 1e-6))


@pytest.mark.parametrize(
    ("ratio", "least", "expected"), [(0.02, 64, 64), (1.0, 64, 256), (0.5, 999, 256)]
)
def test_number_of_pooled_positions_is_clamped(ratio, least, expected):
    net = BiCoR("test_convnext", num_classes=2, embed_dim=32, topk_ratio=ratio, min_pixels=least)
    weights = net.hbis[0].f2ce.pooling_weights(torch.randn(1, 2, 256))
    assert (weights > 0).sum(-1).tolist() == [[expected, expected]]


def test_bfloat16_autocast_keeps_heatmaps_in_float32_and_stays_near():
    torch.manual_seed(0)
    net = BiCoR("test_convnext", num_classes=6, embed_dim=64).eval()
    x = torch.randn(1, 3, 64, 64)
    exact = net(x)
    with torch.autocast("cpu", torch.bfloat16):
        rough = net(x)
    assert all(h.dtype == torch.float32 for h in rough.heatmaps)
    torch.testing.assert_close(rough.logits.float(), exact.logits, rtol=0, atol=0.05)


def test_pretrained_weights_from_a_local_file(tmp_path):
    source = timm.create_model("test_convnext", num_classes=10)
    path = tmp_path / "weights.pth"
    torch.save(source.state_dict(), path)
    net = BiCoR("test_convnext", num_classes=2, embed_dim=32, pretrained=str(path))
    loaded = net.encoder.backbone.net.state_dict()
    weights = source.state_dict()
    torch.testing.assert_close(loaded["stem_0.weight"], weights["stem.0.weight"])
    torch.testing.assert_close(
        loaded["stages_3.blocks.0.mlp.fc1.weight"], weights["stages.3.blocks.0.mlp.fc1.weight"]
    )


def test_a_file_without_the_weights_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"no weights at all")
    with pytest.raises(WeightsError, match=r"weights\.pth does not hold the weights"):
        BiCoR("test_convnext", pretrained=str(path))
    with pytest.raises(WeightsError, match="no file"):
        BiCoR("test_convnext", pretrained=str(tmp_path / "none.pth"))


@pytest.mark.parametrize("other", ["test_convnext", "resnet34"])
def test_a_file_with_the_weights_of_another_network_is_refused(tmp_path, other):
    path = tmp_path / "weights.pth"
    torch.save(timm.create_model(other).state_dict(), path)
    with pytest.raises(WeightsError, match="does not hold the weights of 'resnet18'"):
        BiCoR("resnet18", embed_dim=32, pretrained=str(path))


def test_unreachable_hub_names_the_two_other_ways(monkeypatch):
    def unreachable(*args, **kwargs):
        raise OSError("no route to the hub")

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", unreachable)
    monkeypatch.setattr("timm.models._builder.load_state_dict_from_url", unreachable)
    with pytest.raises(
        WeightsError, match=r"no route.*net\.pretrained=PATH.*net\.pretrained=False"
    ):
        BiCoR("resnet18", pretrained=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backbone": "resnet_18"}, "no backbone 'resnet_18'.*resnet"),
        ({"backbone_options": {"wheels": 4}}, "cannot build a feature pyramid.*wheels"),
        ({"topk_ratio": [0.1]}, "one for each of the 2 HBIS layers"),
        ({"topk_ratio": 0}, "above 0, at most 1"),
        ({"embed_dim": 40}, "a multiple of 16"),
        ({"num_classes": 1}, "at least 2"),
    ],
)
def test_impossible_networks_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        BiCoR(**{"backbone": "test_convnext", **options})


def test_images_below_32_pixels_are_refused():
    net = BiCoR("test_convnext", num_classes=2, embed_dim=32)
    with pytest.raises(ValueError, match="31x40 pixels: BiCoR needs at least 32x32"):
        net(torch.randn(1, 3, 31, 40))


def test_input_scale_resizes_before_and_after():
    torch.manual_seed(0)
    net = BiCoR("test_convnext", num_classes=3, embed_dim=32).eval()
    x = torch.randn(1, 3, 96, 128)
    small = torch.nn.functional.interpolate(x, (48, 64), mode="bilinear", antialias=True)
    expected = torch.nn.functional.interpolate(net(small).logits, (96, 128), mode="bilinear")
    net.input_scale = 0.5
    out = net(x)
    torch.testing.assert_close(out.logits, expected)
    assert out.heatmaps[0].shape == (1, 3, 12, 16)
    assert net.train()(x[..., :33, :37]).aux_logits.shape == (1, 3, 33, 37)


@pytest.mark.parametrize("std", [0.02, 1.0])
def test_class_embeddings_begin_with_the_deviation_that_is_asked_for(std):
    torch.manual_seed(0)
    net = BiCoR("test_convnext", num_classes=100, embed_dim=256, embed_std=std)
    assert net.class_embeddings.std().item() == pytest.approx(std, rel=0.02)
    assert net.class_embeddings.mean().item() == pytest.approx(0, abs=0.02 * std)
