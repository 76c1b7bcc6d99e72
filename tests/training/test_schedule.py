"""What happens when: the learning rate of every step, validations, and which epoch is the best."""

import csv

import pytest
import torch

from network.training.read_log import read_log
from tests.conftest import succeed_here

LOG = "lightning_logs/own/bicor/version_0/metrics.csv"
RUN = "model_weights/own/bicor"
QUICK = ("repeat=2", "sample_every=0")

# In validation, the loss of every epoch is as listed.
SCRIPTED = """
from network.losses import BiCoRLoss

class Scripted(BiCoRLoss):
    def __init__(self, ignore_index, values=()):
        super().__init__(ignore_index)
        self.values, self.images = values, 0

    def forward(self, out, mask):
        terms = super().forward(out, mask)
        if not self.training:
            terms["total"] = torch.tensor(self.values[self.images // 2])
            self.images += 1
        return terms

loss = partial(Scripted, values=[3.0, 1.0, 2.0])
"""


@pytest.fixture
def scripted(own):
    with (own / "bicor.py").open("a") as config:
        config.write("import torch\n" + SCRIPTED)
    return own


def train(root, *arguments):
    return succeed_here(root, "train.py", "-c", "bicor.py", *QUICK, *arguments)


def log_of(root):
    with (root / LOG).open(newline="") as file:
        return list(csv.DictReader(file))


def stored(root, name):
    return torch.load(root / RUN / name, weights_only=True)


@pytest.mark.parametrize("backbone_lr", [None, 1e-3])
def test_the_learning_rate_of_every_step(own, monkeypatch, backbone_lr):
    rates = []
    step = torch.optim.AdamW.step

    def recorded(optimizer, closure=None):
        rates.append([group["lr"] for group in optimizer.param_groups])
        return step(optimizer, closure)

    monkeypatch.setattr(torch.optim.AdamW, "step", recorded)
    settings = ("lr=1e-2", "lr_min=1e-4", "warmup_epoch=1", f"backbone_lr={backbone_lr}")
    train(own, "max_epoch=2", "repeat=6", "accumulate=5", *settings)
    # 12 batches are 3 steps an epoch, the last one of 2 batches. Three steps rise evenly to a
    # fourth, from where half a cosine falls: (1 + cos(pi / 3)) / 2 = 0.75.
    rising = [0.0025, 0.005, 0.0075]
    falling = [0.01, 1e-4 + 0.75 * 0.0099, 1e-4 + 0.25 * 0.0099]
    expected = [[rate, rate / 10] if backbone_lr else [rate] for rate in rising + falling]
    assert rates == [pytest.approx(each, rel=1e-9) for each in expected]
    logged = {"lr": [0.01, 1e-4]} | ({"lr_backbone": [0.001, 1e-5]} if backbone_lr else {})
    found = {name: [float(row[name]) for row in log_of(own)]
             for name in log_of(own)[0] if name.startswith("lr")}  # fmt: skip
    assert found == {name: pytest.approx(values) for name, values in logged.items()}


def test_the_best_by_a_loss_is_the_epoch_with_the_least(scripted):
    settings = ("monitor=val_total", "lr=1e-3", "lr_min=1e-3")
    train(scripted, "max_epoch=2", *settings)
    second = stored(scripted, "last.ckpt")["state_dict"]
    train(scripted, "max_epoch=3", "name=longer", *settings)
    folder = (scripted / RUN).with_name("longer")
    best = torch.load(folder / "best.ckpt", weights_only=True)
    assert best["epoch"] == 1
    assert best["callbacks"]["Checkpoints"]["best"] == 1
    assert all(torch.equal(best["state_dict"][name], value) for name, value in second.items())
    last = torch.load(folder / "last.ckpt", weights_only=True)
    assert last["epoch"] == 2
    assert last["callbacks"]["Checkpoints"]["best"] == 1


def test_a_resumed_run_keeps_the_least(scripted):
    settings = ("monitor=val_total", "lr=1e-3", "lr_min=1e-3")
    train(scripted, "max_epoch=2", *settings)
    train(scripted, "max_epoch=3", *settings, "loss.values=[2.0]", "--resume", "auto")
    assert stored(scripted, "best.ckpt")["epoch"] == 1
    train(scripted, "max_epoch=4", *settings, "loss.values=[0.5]", "--resume", "auto")
    best = stored(scripted, "best.ckpt")
    assert (best["epoch"], best["callbacks"]["Checkpoints"]["best"]) == (3, 0.5)


def test_epochs_between_validations_have_no_scores_and_are_never_the_best(scripted):
    settings = ("monitor=val_total", "val_every=2", "sample_every=1", "sample_images=1")
    result = train(scripted, "max_epoch=5", *settings, "loss.values=[2.0, 1.0]")
    rows = log_of(scripted)
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "3", "4"]
    assert [row["val_total"] for row in rows] == ["", "2.0", "", "1.0", ""]
    assert all(row["train_total"] and row["lr"] for row in rows)
    assert read_log(scripted / LOG).values["val_total"] == [(2, 2.0), (4, 1.0)]
    assert stored(scripted, "best.ckpt")["epoch"] == 3
    assert stored(scripted, "last.ckpt")["epoch"] == 4
    assert ["epoch 2 of 5" in result.out, "epoch 3 of 5" in result.out] == [True, False]
    drawn = sorted(path.name for path in (scripted / RUN / "samples").iterdir())
    assert drawn == [f"epoch_{n:03d}.png" for n in (1, 2, 3, 4, 5)]
