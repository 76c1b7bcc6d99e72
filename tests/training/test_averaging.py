"""Averaged weights are what is validated, saved and tested; the others lie beside them."""

import csv
import json

import pytest
import torch

from network.training.module import SegmentationModule
from tests.conftest import refused, succeed_here

LOG = "lightning_logs/own/bicor/version_0/metrics.csv"
RUN = "model_weights/own/bicor"
# Batch norm, for its running statistics.
QUICK = ("train.py", "-c", "bicor.py", "repeat=3", "sample_every=0", "net.backbone=test_resnet",
         "lr=1e-2")  # fmt: skip
TEST = ("test.py", "-c", "bicor.py", "net.backbone=test_resnet")


def stored(root, name="last.ckpt"):
    return torch.load(root / RUN / name, weights_only=True)


def part(checkpoint, prefix):
    weights = checkpoint["state_dict"].items()
    return {n.removeprefix(prefix): v for n, v in weights if n.startswith(prefix)}


def same(a, b):
    return a.keys() == b.keys() and all(a[name].equal(b[name]) for name in a)


def test_the_average_follows_the_steps(own, monkeypatch):
    seen = []
    step = SegmentationModule.optimizer_step

    def recorded(module, *arguments, **named):
        step(module, *arguments, **named)
        seen.append({name: value.clone() for name, value in module.net.state_dict().items()})

    monkeypatch.setattr(SegmentationModule, "optimizer_step", recorded)
    succeed_here(own, *QUICK, "max_epoch=2", "accumulate=2", "ema_decay=0.5")
    assert len(seen) == 6
    expected = {name: value.double() for name, value in seen[0].items()}
    # 1 - t^(-2/3): 0.370 after the second step, 0.519 after the third, from where 0.5 holds.
    for decay, weights in zip([0.3700395, 0.5, 0.5, 0.5, 0.5], seen[1:], strict=True):
        expected = {n: decay * v + (1 - decay) * weights[n] for n, v in expected.items()}
    checkpoint = stored(own)
    averages, raw = part(checkpoint, "net."), part(checkpoint, "raw.")
    assert set(checkpoint["state_dict"]) == {f"{p}{n}" for p in ("net.", "raw.") for n in seen[0]}
    assert checkpoint["ema_decay"] == 0.5
    for name, value in averages.items():
        assert raw[name].equal(seen[-1][name]), name
        if value.is_floating_point():
            torch.testing.assert_close(value, expected[name].float(), rtol=1e-5, atol=1e-6)
        else:
            assert value.equal(seen[-1][name])
    moved = [name for name, value in averages.items() if not value.equal(raw[name])]
    assert any("running_var" in name for name in moved)
    assert any("class_embeddings" in name for name in moved)


def test_it_is_validated_and_tested_and_said(own):
    succeed_here(own, *QUICK, "max_epoch=3", "ema_decay=0.7")
    with (own / LOG).open(newline="") as file:
        scores = [float(row["val_mIoU"]) for row in csv.DictReader(file)]
    said = "holds weights averaged in training (ema_decay=0.7), which are used"
    for name, score in (("best.ckpt", max(scores)), ("last.ckpt", scores[-1])):
        result = succeed_here(own, *TEST, "-o", name, "--ckpt", f"{RUN}/{name}")
        assert f"note: {RUN}/{name} {said}" in result.out
        results = json.loads((own / name / "results.json").read_text())
        assert results["scores"][0]["mIoU"] == pytest.approx(score, abs=1e-6)
        assert [note for note in results["checkpoint"]["notes"] if said in note]
    # The trained weights have other scores, so the agreement above is not for nothing.
    checkpoint = stored(own)
    checkpoint["state_dict"] = {f"net.{n}": v for n, v in part(checkpoint, "raw.").items()}
    torch.save(checkpoint, own / RUN / "raw.ckpt")
    succeed_here(own, *TEST, "-o", "raw", "--ckpt", f"{RUN}/raw.ckpt")
    results = json.loads((own / "raw/results.json").read_text())
    assert results["scores"][0]["mIoU"] != pytest.approx(scores[-1], abs=1e-4)


def test_a_resumed_run_may_begin_or_end_to_average(own, monkeypatch):
    restored = {}
    start = SegmentationModule.on_train_start

    def recorded(module):
        start(module)
        for key, net in (("net", module.net), ("evaluated", module.evaluated_net)):
            restored[key] = {name: value.clone() for name, value in net.state_dict().items()}

    monkeypatch.setattr(SegmentationModule, "on_train_start", recorded)
    succeed_here(own, *QUICK, "max_epoch=1")
    before = part(stored(own), "net.")
    result = succeed_here(own, *QUICK, "max_epoch=2", "ema_decay=0.9", "--resume", "auto")
    assert "ema_decay was None, is 0.9 from here on" in result.out
    assert same(restored["net"], before) and same(restored["evaluated"], before)

    before = stored(own)
    succeed_here(own, *QUICK, "max_epoch=3", "ema_decay=0.8", "--resume", "auto")
    assert same(restored["net"], part(before, "raw."))
    assert same(restored["evaluated"], part(before, "net."))
    assert not same(restored["net"], restored["evaluated"])

    before = stored(own)
    assert before["ema_decay"] == 0.8
    succeed_here(own, *QUICK, "max_epoch=4", "--resume", "auto")
    assert same(restored["net"], part(before, "raw."))
    assert "ema_decay" not in stored(own) and not part(stored(own), "raw.")


@pytest.mark.parametrize("decay", [0, 1, 1.5])
def test_a_decay_that_is_none_is_refused(own, decay):
    refused(own, f"ema_decay={decay}: a number between 0 and 1",
            arguments=("-c", "bicor.py", f"ema_decay={decay}"))  # fmt: skip
