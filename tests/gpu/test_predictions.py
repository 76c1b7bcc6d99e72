"""Predictions on a GPU are those of a CPU."""

import numpy as np
import pytest
import rasterio
import torch

from benchmarks.gpu import count_windows, without_tf32, write_run
from network.datasets.catalog import VAIHINGEN
from network.inference.predictor import Predictor
from network.losses import BiCoRLoss
from network.models import BiCoR
from tests.conftest import succeed_here

pytestmark = pytest.mark.gpu


def network():
    torch.manual_seed(0)
    return BiCoR("test_convnext", num_classes=6, embed_dim=32, topk_ratio=[1.0, 0.1])


@pytest.mark.parametrize("tta", ["none", "lr", "d4"])
def test_probabilities(tta):
    image = torch.randn(2, 3, 90, 70, generator=torch.Generator().manual_seed(1))
    augmentation = VAIHINGEN.augmentation(tta)
    with without_tf32():
        on_gpu = Predictor(network(), augmentation, "cuda")(image.cuda()).cpu()
    on_cpu = Predictor(network(), augmentation)(image)
    torch.testing.assert_close(on_gpu, on_cpu, rtol=0, atol=1e-3)


def test_loss_and_gradients():
    image = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    mask = torch.randint(0, 7, (2, 64, 64), generator=torch.Generator().manual_seed(2))
    totals, gradients = [], []
    with without_tf32():
        for device in ("cpu", "cuda"):
            net = network().to(device)
            terms = BiCoRLoss(ignore_index=6)(net(image.to(device)), mask.to(device))
            terms["total"].backward()
            totals.append(terms["total"].item())
            gradients.append(torch.cat([p.grad.cpu().flatten() for p in net.parameters()]))
    assert totals[1] == pytest.approx(totals[0], rel=1e-3)
    assert (gradients[1] - gradients[0]).norm() <= 0.01 * gradients[0].norm()


def read(path):
    with rasterio.open(path) as file:
        return file.read()


def test_masks_of_a_test(trained):
    root, _ = trained
    masks = {}
    for where in ("cpu", "gpu"):
        settings = (f"accelerator={where}", "precision=32-true")
        succeed_here(root, "test.py", "-c", "bicor.py", "-o", f"out_{where}", *settings)
        paths = sorted((root / f"out_{where}/masks").iterdir())
        masks[where] = np.concatenate([read(path).ravel() for path in paths])
    assert (masks["cpu"] == masks["gpu"]).mean() > 0.98


def test_scenes(trained):
    root, _ = trained
    found = {}
    for where in ("cpu", "gpu"):
        arguments = ("-c", "bicor.py", "data/own/images/scene_000.jpg", "-o", f"maps_{where}")
        arguments += ("--window", 64, "--probabilities", f"accelerator={where}")
        succeed_here(root, "predict.py", *arguments, "precision=32-true")
        (path,) = (root / f"maps_{where}/probabilities").iterdir()
        found[where] = read(path)
    assert found["cpu"].shape == found["gpu"].shape
    np.testing.assert_allclose(found["gpu"], found["cpu"], atol=0.02)


def test_the_host_waits_at_most_for_the_classes_of_a_window(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path, "test_convnext")
    places = count_windows(256)
    assert 1 <= sum(places.values()) <= 1.5, places
