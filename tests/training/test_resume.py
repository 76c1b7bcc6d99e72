"""A run that is killed and resumed is the run that was never stopped."""

import json
import os
import shutil
import signal
import time

import pytest
import torch

from network.errors import OutputError
from network.inference.checkpoint_files import WholeFiles
from tests.conftest import files_of, refused, run_here, succeed
from tests.forked import Forked

QUICK = ("repeat=6", "sample_every=0", "checkpoint_every_minutes=1e-9")
# Each image gets noise in training, so that random states count too.
NOISY = """
import torch

class Noisy(BiCoR):
    def forward(self, x):
        return super().forward(x + 0.1 * torch.randn_like(x) if self.training else x)

net = partial(Noisy, backbone="test_convnext", embed_dim=32)
"""
LOG = "lightning_logs/own/bicor/version_0/metrics.csv"


def values(path):
    """Everything in a checkpoint by its place, but for how often it was to be written."""

    def walk(item, place):
        if isinstance(item, dict | list | tuple):
            pairs = item.items() if isinstance(item, dict) else enumerate(item)
            for key, inner in pairs:
                yield from walk(inner, (*place, key))
        else:
            yield place, item

    content = torch.load(path, weights_only=True)
    del content["settings"]["checkpoint_every_minutes"]
    return dict(walk(content, ()))


def differences(a, b):
    def same(x, y):
        return torch.equal(x, y) if torch.is_tensor(x) else x == y or (x != x and y != y)

    return [key for key in a.keys() | b.keys()
            if key not in a or key not in b or not same(a[key], b[key])]  # fmt: skip


def start(root, *arguments):
    return Forked(root, "train.py", "-c", "bicor.py", *arguments)


def kill_after(process, path, writes, pause):
    """SIGKILL to the process and its workers once a file was written so many times."""
    before, seen = None, 0
    while seen < writes:
        assert process.poll() is None, process.communicate()
        if path.exists():
            now = path.stat().st_mtime_ns, path.stat().st_ino
            seen, before = seen + (now != before), now
        time.sleep(0.005)
    time.sleep(pause)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


TUNED = ("backbone_lr=2e-5", "freeze_backbone=1", "decay_norms_and_biases=False", "ema_decay=0.9",
         "class_weights=auto", "transform.balance=0.5")  # fmt: skip


@pytest.mark.parametrize(("workers", "settings"), [(0, ()), (2, TUNED)])
def test_killed_at_random_moments_nothing_changes(own, tmp_path, workers, settings, kill_moments):
    with (own / "bicor.py").open("a") as config:
        config.write(NOISY)
    whole = tmp_path / "whole"
    shutil.copytree(own, whole)
    arguments = (*QUICK, "repeat=10", "max_epoch=4", f"num_workers={workers}", *settings)
    succeed(whole, "train.py", "-c", "bicor.py", *arguments[:2], *arguments[3:])

    last = own / "model_weights/own/bicor/last.ckpt"
    for _ in range(5):
        process = start(own, *arguments, "--resume", "auto")
        kill_after(process, last, kill_moments.randint(2, 9), kill_moments.uniform(0, 0.3))
    result = succeed(own, "train.py", "-c", "bicor.py", *arguments, "--resume", "auto")
    assert "going on from step" in result.out

    for name in ("best.ckpt", "last.ckpt"):
        found = values(last.with_name(name))
        expected = values(whole / "model_weights/own/bicor" / name)
        assert differences(found, expected) == []
    assert any("lookahead_slow_buff" in key for key in found)
    assert (own / LOG).read_text() == (whole / LOG).read_text()
    assert len((own / LOG).read_text().splitlines()) == 1 + 4
    assert [path.name for path in (own / LOG).parents[1].iterdir()] == ["version_0"]
    assert sorted(p.name for p in last.parent.iterdir()) == ["best.ckpt", "last.ckpt", "run.json"]
    record = json.loads((last.parent / "run.json").read_text())
    assert [r["from"] for r in record["resumed"]] == ["model_weights/own/bicor/last.ckpt"] * 5
    steps = [r["step"] for r in record["resumed"]]
    assert steps == sorted(steps) and steps[0] > 0


def train(root, *arguments):
    result = run_here(root, "train.py", "-c", "bicor.py", *QUICK[:2], *arguments)
    assert result.status == 0, result.error
    return result


def test_accumulated_gradients_are_not_lost(own, tmp_path):
    whole = tmp_path / "whole"
    shutil.copytree(own, whole)
    arguments = (*QUICK, "max_epoch=2", "accumulate=3", "num_workers=0")
    succeed(whole, "train.py", "-c", "bicor.py", *arguments)
    last = own / "model_weights/own/bicor/last.ckpt"
    kill_after(start(own, *arguments), last, 2, 0)
    assert torch.load(last, weights_only=True)["global_step"] < 8
    succeed(own, "train.py", "-c", "bicor.py", *arguments, "--resume", "auto")
    assert differences(values(last), values(whole / "model_weights/own/bicor/last.ckpt")) == []


def test_auto_begins_where_there_is_nothing_yet(own):
    result = train(own, "--resume", "auto")
    assert "no checkpoint in model_weights/own/bicor yet: training from the beginning" in result.out


def test_a_moved_run_keeps_its_best_score_and_its_log(own, tmp_path):
    train(own, "max_epoch=2")
    log = (own / LOG).read_text()
    moved = own.rename(tmp_path / "elsewhere")
    shutil.rmtree(moved / "lightning_logs")
    best = values(moved / "model_weights/own/bicor/last.ckpt")["callbacks", "Checkpoints", "best"]
    train(moved, "max_epoch=3", "--resume", "auto")
    later = values(moved / "model_weights/own/bicor/last.ckpt")["callbacks", "Checkpoints", "best"]
    assert later >= best > 0
    assert (moved / LOG).read_text().startswith(log)
    assert len((moved / LOG).read_text().splitlines()) == 1 + 3


def test_a_best_checkpoint_without_a_last_one_is_kept(own):
    train(own)
    folder = own / "model_weights/own/bicor"
    (folder / "last.ckpt").unlink()
    best = (folder / "best.ckpt").read_bytes()
    train(own, "--resume", "auto")
    (kept,) = folder.parent.glob("bicor-*")
    assert (kept / "best.ckpt").read_bytes() == best


def test_another_run_begins_from_a_checkpoint_with_a_best_of_its_own(own):
    train(own)
    source = own / "model_weights/own/bicor/last.ckpt"
    stored = torch.load(source, weights_only=True)
    stored["callbacks"]["Checkpoints"]["best"] = 2.0
    torch.save(stored, source)
    train(own, "max_epoch=2", "--resume", source)
    assert torch.load(source, weights_only=True)["callbacks"]["Checkpoints"]["best"] == 2.0
    train(own, "max_epoch=3", "name=other", "--resume", source)
    other = own / "model_weights/own/other"
    best = values(other / "best.ckpt")["callbacks", "Checkpoints", "best"]
    assert 0 < best < 1
    log = own / "lightning_logs/own/other/version_0/metrics.csv"
    assert len(log.read_text().splitlines()) == 1 + 3
    record = json.loads((other / "run.json").read_text())
    assert record["resumed"][0]["from"] == str(source)


def test_settings_of_the_command_hold_in_a_resumed_run(own):
    train(own, "max_epoch=1")
    arguments = (
        "max_epoch=2",
        "lr=3e-4",
        "lr_min=3e-4",
        "weight_decay=0.5",
        "lookahead_alpha=0.25",
    )
    result = train(own, *arguments, "--resume", "auto")
    assert "lr was 0.0001, is 0.0003 from here on" in result.out
    stored = torch.load(own / "model_weights/own/bicor/last.ckpt", weights_only=True)
    (group,) = stored["optimizer_states"][0]["param_groups"]
    assert (group["lr"], group["weight_decay"]) == (pytest.approx(3e-4), 0.5)
    assert (group["lookahead_k"], group["lookahead_alpha"]) == (5, 0.25)
    record = json.loads((own / "model_weights/own/bicor/run.json").read_text())
    assert record["settings"]["lr"] == "0.0001"
    assert record["resumed"][0]["changed"]["lr"] == ["0.0001", "0.0003"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ("train_batch_size=1", "images per step 2, now 1"),
        ("accumulate=2", "accumulate 1, now 2"),
        ("repeat=5", "images per epoch 24, now 20"),
        ("lookahead_k=0", "Lookahead 1, now 0"),
    ],
)
def test_what_would_change_the_result_is_refused(own, changed, words):
    train(own, "max_epoch=1")
    arguments = ("-c", "bicor.py", *QUICK[:2], "max_epoch=2", changed, "--resume", "auto")
    refused(own, words, arguments=arguments)


class Unwritable:
    def __reduce__(self):
        raise OSError(28, "No space left on device")


def test_a_checkpoint_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "last.ckpt"
    WholeFiles().save_checkpoint({"state_dict": {}}, path)
    before = files_of(tmp_path)
    content = {"state_dict": {"a": torch.zeros(10)}, "fault": Unwritable()}
    with pytest.raises(OutputError, match=r"last.ckpt: No space left on device.*is kept"):
        WholeFiles().save_checkpoint(content, path)
    assert files_of(tmp_path) == before


def test_what_a_killed_writer_left_is_removed(own):
    folder = own / "model_weights/own/bicor"
    folder.mkdir(parents=True)
    (folder / ".last.x7f3.ckpt").write_bytes(b"half a checkpoint")
    train(own, "--resume", "auto")
    assert sorted(p.name for p in folder.iterdir()) == ["best.ckpt", "last.ckpt", "run.json"]
