"""Architectures of segmentation_models_pytorch behind timm backbones."""

import pytest
import timm
import torch

from network.errors import ConfigError
from network.models import SmpNet


@pytest.mark.parametrize(
    ("architecture", "backbone"),
    [
        *((name, "resnet18") for name in ("unet", "linknet", "fpn", "pan", "pspnet", "segformer")),
        *((name, "test_convnext") for name in ("unetplusplus", "manet", "deeplabv3plus")),
        *((name, "test_vit") for name in ("upernet", "deeplabv3", "dpt")),
    ],
)
def test_any_architecture_trains_on_any_size(architecture, backbone):
    net = SmpNet(architecture, backbone, num_classes=5, in_chans=4)
    out = net(torch.randn(2, 4, 45, 70))
    assert out.logits.shape == (2, 5, 45, 70)
    out.logits.mean().backward()
    assert next(net.backbone.parameters()).grad is not None


@pytest.mark.parametrize(
    ("architecture", "backbone"),
    [("fpn", "test_resnet"), ("fpn", "test_convnext"), ("dpt", "test_vit")],
)
def test_pretrained_weights_arrive(tmp_path, architecture, backbone):
    source = timm.create_model(backbone, num_classes=10)
    path = tmp_path / "weights.pth"
    torch.save(source.state_dict(), path)
    net = SmpNet(architecture, backbone, num_classes=2, pretrained=str(path))
    found = {value.double().sum().item() for value in net.backbone.state_dict().values()}
    body = [v for name, v in source.state_dict().items() if not name.startswith(("head", "fc"))]
    arrived = [value.double().sum().item() in found for value in body]
    assert sum(arrived) / len(arrived) > 0.95


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"architecture": "gan"}, "no architecture 'gan'; there are unet,"),
        ({"architecture": "fpn", "decoder_depth": 9}, "fpn cannot be built on test_resnet"),
        ({"architecture": "dpt"}, "dpt cannot be built on test_resnet: .* plain vision"),
    ],
)
def test_what_cannot_be_combined_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        SmpNet(**options, backbone="test_resnet")
