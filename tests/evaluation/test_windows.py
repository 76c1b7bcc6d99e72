"""Large images are tested in windows, as scenes are predicted, and all others whole."""

import json
import re
import shutil

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from network.inference.predictor import Predictor
from network.scenes.large_images import predict_classes
from tests.conftest import refused, succeed_here

CONFIG = ("-c", "bicor.py")
NAMES = ["scene_001_val", "scene_005_val"]


@pytest.fixture
def work(trained, tmp_path):
    root = tmp_path / "work"
    shutil.copytree(trained[0], root)
    return root


def mask_of(path):
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def scored(root, output, *settings):
    """What a test said, its results and its masks."""
    result = succeed_here(root, "test.py", *CONFIG, "-o", output, *settings)
    results = json.loads((root / output / "results.json").read_text())
    return result.out, results, [mask_of(root / output / f"masks/{name}.png") for name in NAMES]


def test_masks_of_large_images_are_those_of_the_prediction_in_windows(work):
    said, results, masks = scored(work, "out", "test_window=64", "-t", "lr")
    assert "2 of 2 images have a side above test_window=64 pixels" in said
    assert results["windows"] == {"window": 64, "overlap": 0.25, "images": 2}
    assert results["settings"]["test_window"] == "64"
    images = [work / f"data/own/images/{name}.jpg" for name in NAMES]
    options = ("--window", 64, "-t", "lr", "-o", "maps")
    succeed_here(work, "predict.py", *CONFIG, *images, *options)
    for name, mask in zip(NAMES, masks, strict=True):
        np.testing.assert_array_equal(mask, mask_of(work / f"maps/{name}.png"))

    said, results, whole = scored(work, "whole", "test_window=112", "-t", "lr")
    assert "test_window" not in said
    assert results["windows"] is None
    assert any((a != b).any() for a, b in zip(masks, whole, strict=True))


def test_the_report_says_so_and_spares_the_network_large_images(work):
    scored(work, "out", "test_window=100")
    small = cv2.imread(str(work / f"data/own/images/{NAMES[0]}.jpg"))[:, :96]
    result = succeed_here(work, "tools/report.py", "out", *CONFIG)
    shown = contents_of(work)
    assert dict(shown["protocol"])["Windows"] == (
        "2 images with a side above 100 pixels in windows of 100 that overlap by 0.25"
    )
    assert [entry["heatmaps"] for entry in shown["viewer"]] == [[], []]
    assert all(entry["prediction"] for entry in shown["viewer"])
    assert "heatmap" not in result.out

    mask = cv2.imread(str(work / f"data/own/masks/{NAMES[0]}.png"))[:, :96]
    cv2.imwrite(str(work / f"data/own/images/{NAMES[0]}.jpg"), small)
    cv2.imwrite(str(work / f"data/own/masks/{NAMES[0]}.png"), mask)
    said, results, _ = scored(work, "out", "test_window=100")
    assert "1 of 2 images have a side above" in said
    assert results["windows"]["images"] == 1
    result = succeed_here(work, "tools/report.py", "out", *CONFIG)
    assert [len(entry["heatmaps"]) for entry in contents_of(work)["viewer"]] == [2, 0]
    assert "heatmaps of one pass, without test-time augmentation, of images up to test_window=100" \
        in result.out  # fmt: skip


def contents_of(root):
    text = (root / "out/report.html").read_text(encoding="utf-8")
    return json.loads(re.search(r'id="contents">(.*?)</script>', text, re.DOTALL)[1])


def test_windows_that_are_too_small_are_refused(work):
    arguments = (*CONFIG, "-o", "out", "test_window=16")
    refused(work, "test_window=16: at least 32 pixels", script="test.py", arguments=arguments)


class Brightest(nn.Module):
    """A function of each pixel's color; it notes the images that it sees."""

    stride = min_size = 8

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x):
        self.seen.append(x.clone())
        return x


@pytest.mark.parametrize("size", [(32, 32), (20, 32), (33, 40), (70, 100), (5, 90)])
def test_windows_cover_an_image_once_and_are_mirrored_over_its_edges(size):
    torch.manual_seed(0)
    net, image = Brightest(), torch.randn(2, 3, *size)
    found = predict_classes(image, Predictor(net), num_classes=3, window=32)
    assert found.dtype == torch.int64
    assert torch.equal(found, image.argmax(dim=1))
    if max(size) <= 32:
        assert len(net.seen) == 1
        assert torch.equal(net.seen[0][..., : size[0], : size[1]], image)
        return
    assert {tuple(seen.shape[-2:]) for seen in net.seen} == {(max(8, min(32, size[0])), 32)}
    *_, last = net.seen[: len(net.seen) // 2]
    top, left = (max(0, -(-(side - 32) // 8) * 8) for side in size)
    part = image[:1, :, top:, left:].numpy()
    over = [(0, max(0, start + 32 - side)) for start, side in zip((top, left), size, strict=True)]
    if size[0] < 32:
        over[0] = (0, 0)
    expected = np.pad(part, [(0, 0), (0, 0), *over], mode="symmetric")
    np.testing.assert_array_equal(last[..., : expected.shape[-2], :].numpy(), expected)
