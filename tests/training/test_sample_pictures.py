"""Sample predictions in training, and the loggers."""

import shutil
import sys

import cv2
import numpy as np
import pytest
import torch

from tests.conftest import refused, run_here


@pytest.fixture
def root(folder_template, tmp_path):
    root = tmp_path / "work"
    shutil.copytree(folder_template, root)
    return root


def train(root, *overrides):
    result = run_here(root, "train.py", "-c", "bicor.py", *overrides)
    assert result.status == 0, result.error


def test_samples_come_every_few_epochs_and_at_the_end(root):
    train(root, "max_epoch=3", "sample_every=2")
    folder = root / "model_weights/own/bicor/samples"
    assert sorted(p.name for p in folder.iterdir()) == ["epoch_002.png", "epoch_003.png"]
    picture = cv2.imread(str(folder / "epoch_003.png"))
    assert picture.shape[1] == 1432
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 100


# Its norm is kept in evaluation mode by the network itself.
OWN = """
from torch import nn
from network.models import BiCoROutput

class Own(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.norm = nn.BatchNorm2d(3).eval()
        self.classify = nn.Conv2d(3, num_classes, 1)

    def forward(self, x):
        return BiCoROutput(self.classify(self.norm(x + 1)), None, [], [])

net = partial(Own)
"""


def test_modules_keep_the_mode_that_they_had(root):
    with (root / "bicor.py").open("a") as config:
        config.write(OWN)
    train(root, "max_epoch=2", "sample_every=1", "sample_images=1")
    stored = torch.load(root / "model_weights/own/bicor/last.ckpt", weights_only=True)
    assert stored["state_dict"]["net.norm.running_mean"].tolist() == [0, 0, 0]


def test_no_samples_where_none_are_wanted(root):
    train(root, "sample_every=0")
    assert not (root / "model_weights/own/bicor/samples").exists()


def test_tensorboard_gets_values_and_pictures_beside_the_csv(root):
    event_accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="pip install tensorboard"
    )
    train(root, "logger=tensorboard", "sample_images=1")
    (version,) = (root / "lightning_logs/own/bicor").iterdir()
    assert (version / "metrics.csv").is_file()
    events = event_accumulator.EventAccumulator(str(version)).Reload()
    (picture,) = events.Images("samples")
    shape = cv2.imdecode(np.frombuffer(picture.encoded_image_string, np.uint8), 1).shape
    assert shape == cv2.imread(str(root / "model_weights/own/bicor/samples/epoch_001.png")).shape
    assert "val_mIoU" in events.Tags()["scalars"]


def test_a_logger_that_is_not_there_is_refused(root, monkeypatch):
    refused(root, "logger='wandbb'", "csv, tensorboard, wandb", arguments=_with("logger=wandbb"))
    monkeypatch.setattr("pytorch_lightning.loggers.wandb._WANDB_AVAILABLE", False)
    monkeypatch.setitem(sys.modules, "wandb", None)
    refused(root, "logger=wandb", "pip install wandb", arguments=_with("logger=wandb"))


def _with(override):
    return ("-c", "bicor.py", override)
