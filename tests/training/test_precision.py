"""``compile``, ``precision`` and ``cache`` through train.py."""

import csv
import json
import shutil

import pytest
import torch

from network.datasets.dataset import SegmentationDataset
from network.datasets.folder import FolderDataset
from network.models.backbone import Encoder
from tests.conftest import refused, succeed_here

LOG = "lightning_logs/own/bicor/version_0/metrics.csv"
RUN = "model_weights/own/bicor"
# Without one a network is tried first, to see which loss it needs.
NAMED_LOSS = "from network.losses import BiCoRLoss\nloss = partial(BiCoRLoss)\n"
COMMAND = ("train.py", "-c", "bicor.py", "repeat=3", "max_epoch=2", "sample_every=0")


def log_of(root):
    with (root / LOG).open(newline="") as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


# Small enough to be compiled in seconds; that BiCoR compiles is shown in test_speed_settings.py.
SMALL = """
from torch import nn
from network.models import BiCoROutput

class Small(nn.Module):
    min_size = stride = 4

    def __init__(self, num_classes):
        super().__init__()
        self.classify = nn.Conv2d(3, num_classes, 1)

    def forward(self, x):
        return BiCoROutput(self.classify(x).tanh(), None, [], [])

net = partial(Small)
"""


@pytest.mark.skipif(not shutil.which("c++"), reason="torch.compile needs a C++ compiler")
@pytest.mark.parametrize("settings", [(), ("ema_decay=0.9",)])
def test_a_compiled_training_is_the_same_one(own, tmp_path, settings):
    with (own / "bicor.py").open("a") as config:
        config.write(SMALL)
    plain = tmp_path / "plain"
    shutil.copytree(own, plain)
    succeed_here(plain, *COMMAND, *settings)
    torch._dynamo.reset()
    graphs = torch._dynamo.utils.counters["stats"]
    before = graphs["unique_graphs"]
    succeed_here(own, *COMMAND, *settings, "compile=True")
    assert graphs["unique_graphs"] - before >= 2  # of training and of validation
    torch._dynamo.reset()
    for row, expected in zip(log_of(own), log_of(plain), strict=True):
        assert row == pytest.approx(expected, abs=1e-3, nan_ok=True)
    names = [
        list(torch.load(root / RUN / "best.ckpt", weights_only=True)["state_dict"])
        for root in (own, plain)
    ]
    assert names[0] == names[1]


def types_of(monkeypatch, kind):
    """Types of what a kind of module gives, by whether it is in training mode."""
    found = set()
    forward = kind.forward

    def recorded(self, *arguments):
        out = forward(self, *arguments)
        found.add((self.training, out.dtype))
        return out

    monkeypatch.setattr(kind, "forward", recorded)
    return found


@pytest.mark.parametrize(
    ("precision", "dtype"), [("32-true", torch.float32), ("bf16-mixed", torch.bfloat16)]
)
def test_the_network_computes_in_what_the_record_says(own, monkeypatch, precision, dtype):
    with (own / "bicor.py").open("a") as config:
        config.write(NAMED_LOSS)
    encoded = types_of(monkeypatch, Encoder)
    succeed_here(own, *COMMAND, f"precision={precision}", "max_epoch=1", "accelerator=cpu")
    assert encoded == {(True, dtype), (False, dtype)}
    record = json.loads((own / RUN / "run.json").read_text())
    assert record["precision"] == precision
    stored = torch.load(own / RUN / "last.ckpt", weights_only=True)
    kept = [*stored["state_dict"].values()]
    kept += [v for state in stored["optimizer_states"][0]["state"].values() for v in state.values()]
    assert {tensor.dtype for tensor in kept} == {torch.float32}
    assert all(tensor.isfinite().all() for tensor in kept)


def test_float16_is_refused_on_a_cpu(own):
    arguments = ("-c", "bicor.py", "precision=16-mixed", "accelerator=cpu")
    refused(own, "precision=16-mixed", "CUDA only", "bf16-mixed", arguments=arguments)


def test_a_training_with_kept_images_is_the_same_one(own, tmp_path):
    plain = tmp_path / "plain"
    shutil.copytree(own, plain)
    succeed_here(plain, *COMMAND)
    copies = tmp_path / "copies"
    shutil.copytree(own, copies)
    succeed_here(own, *COMMAND, "dataset.cache=True")
    said = succeed_here(copies, *COMMAND, "dataset.cache=disk").out
    assert "masks to data/own/.prepared" in said
    assert (own / LOG).read_text() == (plain / LOG).read_text() == (copies / LOG).read_text()


def test_kept_images_are_not_changed_by_what_is_done_with_them(own):
    layout = FolderDataset(own / "data/own", cache=True)
    whole = SegmentationDataset(layout, "train")
    first = {name: value.clone() for name, value in whole[0].items() if name != "name"}
    for value in whole[0].values():
        if torch.is_tensor(value):
            value.zero_()
    for array in whole.read(0):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0
    assert all(torch.equal(whole[0][name], value) for name, value in first.items())
