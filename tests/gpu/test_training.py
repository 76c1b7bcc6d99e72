"""Trainings on a GPU, by train.py."""

import json
import shutil

import pytest
import torch

from benchmarks.gpu import count_training_steps, synchronisations, write_run
from network.devices import choose_precision, prepare_device
from network.models.backbone import Encoder
from tests.conftest import refused, run_here, run_script, succeed, succeed_here
from tests.training.test_precision import types_of
from tests.training.test_resume import differences, values

pytestmark = pytest.mark.gpu

RUN = "model_weights/own/bicor"
ON_GPU = ("-c", "bicor.py", "accelerator=gpu", "repeat=6", "sample_every=0")
# Sums in one order, as far as torch can; a training that ends before its step ``at``.
REPRODUCIBLE = """
import os
import torch
from network.errors import TrainingError
from network.losses import BiCoRLoss

os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
torch.use_deterministic_algorithms(True, warn_only=True)

class Ending(BiCoRLoss):
    def __init__(self, ignore_index, at=0):
        super().__init__(ignore_index)
        self.at, self.steps = at, 0

    def forward(self, out, mask):
        self.steps += self.training
        if self.steps == self.at:
            raise TrainingError("ended by the test")
        return super().forward(out, mask)

loss = partial(Ending)
"""


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_a_training_in_each_precision(own, precision):
    succeed_here(own, "train.py", *ON_GPU, f"precision={precision}")
    assert json.loads((own / RUN / "run.json").read_text())["precision"] == precision
    weights = torch.load(own / RUN / "last.ckpt", weights_only=True)["state_dict"]
    assert all(tensor.isfinite().all() for tensor in weights.values())


def test_a_compiled_training(own):
    pytest.importorskip("triton")
    if not any(shutil.which(compiler) for compiler in ("cc", "gcc", "clang")):
        pytest.skip("torch.compile needs a C compiler")
    succeed_here(own, "train.py", *ON_GPU, "compile=True", "precision=32-true")
    weights = torch.load(own / RUN / "last.ckpt", weights_only=True)["state_dict"]
    assert all(tensor.isfinite().all() for tensor in weights.values())
    succeed_here(own, "test.py", "-c", "bicor.py", "-o", "out", "accelerator=cpu")


def test_a_resumed_training_is_the_one_that_was_never_stopped(own, tmp_path):
    with (own / "bicor.py").open("a") as config:
        config.write(REPRODUCIBLE)
    first, second, third = (shutil.copytree(own, tmp_path / str(n)) for n in range(3))
    command = ("train.py", *ON_GPU, "max_epoch=2", "checkpoint_every_minutes=1e-9")
    for root in (first, second):
        succeed(root, *command)
    whole = values(first / RUN / "last.ckpt")
    if differences(whole, values(second / RUN / "last.ckpt")):
        pytest.skip("this card's kernels do not add in one order, even if nothing is resumed")
    stopped = run_script(third, *command, "loss.at=17")
    assert "ended by the test" in stopped.error
    resumed = succeed(third, *command, "--resume", "auto")
    assert "going on from step 16" in resumed.out
    assert differences(whole, values(third / RUN / "last.ckpt")) == []


def test_a_loss_that_is_not_finite_reaches_no_optimizer(own):
    with (own / "bicor.py").open("a") as config:
        ends, nan = 'raise TrainingError("ended by the test")', 'float("nan")'
        config.write(REPRODUCIBLE.replace(ends, f'return {{"total": out.logits.sum() * {nan}}}'))
    command = ("train.py", *ON_GPU, "max_epoch=2", "checkpoint_every_minutes=1e-9", "loss.at=5")
    stopped = run_here(own, *command)
    assert stopped.status == 1
    assert "not finite in epoch 1, step 5 (total nan)" in stopped.error
    kept = torch.load(own / RUN / "last.ckpt", weights_only=True)
    assert kept["global_step"] == 4
    assert all(tensor.isfinite().all() for tensor in kept["state_dict"].values())


def test_synchronisations_are_counted():
    one = torch.ones(1, device="cuda")
    with synchronisations() as places:
        one.item()
        one + 1
    assert sum(places.values()) == 1, places


def test_the_host_does_not_wait_in_a_training_step(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path, "test_convnext")
    places = count_training_steps()
    assert sum(places.values()) <= 1, places


def test_training_and_what_follows_compute_alike(own):
    settings = []
    for script, more in (("train.py", ()), ("test.py", ("-o", "out"))):
        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = script == "test.py"
        torch.backends.cudnn.benchmark = True
        succeed_here(own, script, "-c", "bicor.py", "accelerator=gpu", *more)
        settings.append(
            (
                torch.get_float32_matmul_precision(),
                torch.backends.cudnn.allow_tf32,
                torch.backends.cudnn.benchmark,
            )
        )
    assert settings == [("high", True, False)] * 2


def test_devices_are_those_that_are_named(own):
    cards = torch.cuda.device_count()
    for card in range(cards):
        assert prepare_device("gpu", [card]) == torch.device("cuda", card)
        assert torch.cuda.current_device() == card
    prepare_device("gpu", [0])
    arguments = ("-c", "bicor.py", "accelerator=gpu", f"devices=[{cards}]")
    refused(own, f"CUDA device {cards}", arguments=arguments)


def test_bfloat16_is_chosen_where_the_card_has_it():
    native = torch.cuda.get_device_capability() >= (8, 0)
    for precision in ("auto", "bf16-where-native"):
        chosen = choose_precision(precision, torch.device("cuda", 0))
        assert chosen == ("bf16-mixed" if native else "32-true")


def test_float16_on_a_gpu(own, monkeypatch):
    encoded = types_of(monkeypatch, Encoder)
    succeed_here(own, "train.py", *ON_GPU, "precision=16-mixed")
    assert encoded == {(True, torch.float16), (False, torch.float16)}
    assert json.loads((own / RUN / "run.json").read_text())["precision"] == "16-mixed"
    stored = torch.load(own / RUN / "last.ckpt", weights_only=True)
    assert stored["MixedPrecision"]["scale"] > 0
    assert all(value.isfinite().all() for value in stored["state_dict"].values())
    succeed_here(own, "train.py", *ON_GPU, "precision=16-mixed", "max_epoch=3", "--resume", "auto")
