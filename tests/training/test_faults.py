"""What can happen to a training on its way: it says so, and what was trained is kept."""

import os
import shutil
import subprocess
import sys

import pytest
import torch

from tests.conftest import REPOSITORY, run_script, succeed
from tests.training.test_resume import values

# In the training step ``at``, counted over the whole run, something happens.
EVENTS = """
import os, shutil, signal
from pathlib import Path
from torch.utils.data import get_worker_info
from network.losses import BiCoRLoss

class Eventful(BiCoRLoss):
    def __init__(self, ignore_index, at=0, event="nan"):
        super().__init__(ignore_index)
        self.at, self.event, self.steps = at, event, 0

    def forward(self, out, mask):
        terms = super().forward(out, mask)
        self.steps += out.aux_logits is not None
        if self.steps == self.at:
            if self.event == "nan":
                terms["total"] = terms["total"] * float("nan")
            if self.event == "nan gradient":
                terms["total"] = terms["total"] + (out.logits.sum() * 0).sqrt()
            if self.event == "garbage":
                for image in Path("data/own/images").iterdir():
                    image.write_text("no image any more")
            if self.event == "no log":
                shutil.rmtree("lightning_logs")
            if self.event == "no run":
                shutil.rmtree("model_weights")
        return terms

class Mortal(TrainTransform):
    def __call__(self, *arguments):
        if get_worker_info() is not None and Path("die").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(*arguments)

loss = partial(Eventful)
"""
COMMAND = ("train.py", "-c", "bicor.py", "repeat=6", "max_epoch=2", "sample_every=0")
LAST = "model_weights/own/bicor/last.ckpt"
STEPS = 12


@pytest.fixture
def eventful(own):
    with (own / "bicor.py").open("a") as config:
        config.write(EVENTS)
    return own


def stopped(root, *words, arguments=COMMAND):
    """A training that ends with one message and the advice to resume."""
    result = run_script(root, *arguments)
    assert result.status == 1, result.error
    assert "Traceback" not in result.error + result.out
    message = result.error[result.error.rindex("error: ") :]
    for word in words:
        assert word in message, message
    assert f"what was trained is kept in {LAST}" in result.error
    names = sorted(path.name for path in (root / LAST).parent.iterdir())
    assert names == ["best.ckpt", "last.ckpt", "run.json"]
    return message


@pytest.mark.parametrize("minutes", [0, 1e-9])
def test_a_loss_that_is_not_finite(eventful, minutes):
    arguments = (*COMMAND, f"checkpoint_every_minutes={minutes}")
    message = stopped(eventful, "not finite in epoch 2, step 5", "total nan", "clip_norm",
                      arguments=(*arguments, f"loss.at={STEPS + 5}"))  # fmt: skip
    names = message.partition("images of the batch: ")[2].partition(".")[0].split(", ")
    assert len(names) == 2
    assert all((eventful / f"data/own/images/{name}.jpg").is_file() for name in names)
    kept = torch.load(eventful / LAST, weights_only=True)
    assert kept["global_step"] == (STEPS + 4 if minutes else STEPS)
    assert all(tensor.isfinite().all() for tensor in kept["state_dict"].values())
    succeed(eventful, *arguments, "--resume", "auto")


def test_weights_that_are_not_finite_are_not_stored(eventful):
    arguments = (*COMMAND, "loss.event='nan gradient'", f"loss.at={2 * STEPS}")
    stopped(eventful, "after epoch 2, step 24, the network holds values that are not finite",
            "a lower lr", arguments=arguments)  # fmt: skip
    assert torch.load(eventful / LAST, weights_only=True)["global_step"] == STEPS


def test_a_loading_process_that_dies(eventful):
    arguments = (*COMMAND, "num_workers=2")
    succeed(eventful, *arguments, "max_epoch=1")
    (eventful / "die").touch()
    with (eventful / "bicor.py").open("a") as config:
        config.write("transform = partial(Mortal, crop_size=64)\nnum_workers = 2\n")
    stopped(eventful, "loading process died", "num_workers", "/dev/shm",
            arguments=(*COMMAND, "--resume", "auto"))  # fmt: skip


@pytest.mark.parametrize("workers", [0, 2])
def test_images_that_become_unreadable(eventful, workers):
    arguments = (*COMMAND, f"num_workers={workers}", "loss.event=garbage", f"loss.at={STEPS + 1}")
    stopped(eventful, "cannot read data/own/images/scene_00", "replace it", arguments=arguments)
    assert torch.load(eventful / LAST, weights_only=True)["global_step"] == STEPS


def test_a_log_that_disappears_comes_back(eventful):
    succeed(eventful, *COMMAND, "loss.event='no log'", f"loss.at={STEPS + 1}")
    (log,) = (eventful / "lightning_logs/own/bicor").glob("version_*/metrics.csv")
    assert len(log.read_text().splitlines()) == 1 + 2


def test_checkpoints_that_disappear_are_written_again(eventful):
    succeed(eventful, *COMMAND, "loss.event='no run'", f"loss.at={STEPS + 1}")
    assert torch.load(eventful / LAST, weights_only=True)["global_step"] == 2 * STEPS


def small_disk(command):
    """Run with files of at most half a checkpoint."""
    return ["bash", "-c", 'ulimit -f 400; exec "$@"', "bash", *command]


def test_a_checkpoint_larger_than_the_quota(own):
    succeed(own, *COMMAND, "max_epoch=1")
    before = (own / LAST).read_bytes()
    assert len(before) > 2 * 400 * 1024
    command = [sys.executable, str(REPOSITORY / COMMAND[0]), *COMMAND[1:], "--resume", "auto"]
    result = subprocess.run(
        small_disk(command), cwd=own, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1, result.stderr
    assert "Traceback" not in result.stderr
    assert "cannot write model_weights/own/bicor/" in result.stderr
    assert "the one before it is kept" in result.stderr
    assert f"what was trained is kept in {LAST}" in result.stderr
    assert (own / LAST).read_bytes() == before
    succeed(own, *COMMAND, "--resume", "auto")


def test_a_full_disk(own, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("this machine lets no small disk be mounted")
    try:
        shutil.copytree(own, disk / "work")
        root = disk / "work"
        succeed(root, *COMMAND, "max_epoch=1")
        before = values(root / LAST)
        with (root / "ballast").open("wb") as file:
            free = shutil.disk_usage(root).free
            file.write(bytes(free - (root / LAST).stat().st_size // 2))
        stopped(
            root, "No space left on device", "is kept", arguments=(*COMMAND, "--resume", "auto")
        )
        assert values(root / LAST).keys() == before.keys()
        (root / "ballast").unlink()
        succeed(root, *COMMAND, "--resume", "auto")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_loading_processes_that_are_spawned(own):
    """As on Windows and macOS, where nothing of this process is inherited."""
    (own / "spawned.py").write_text(
        f"""
import multiprocessing, runpy, sys

if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    script = sys.argv[1]
    sys.argv = sys.argv[1:]
    sys.path.insert(0, {str(REPOSITORY)!r})
    runpy.run_path(script, run_name="__main__")
"""
    )
    forked = own.parent / "forked"
    shutil.copytree(own, forked)
    environment = {"PYTHONPATH": str(REPOSITORY)}
    command = ("-c", "bicor.py", "num_workers=1")

    def run(script, *arguments):
        result = subprocess.run(
            [sys.executable, "spawned.py", str(REPOSITORY / script), *arguments],
            cwd=own,
            capture_output=True,
            text=True,
            env=os.environ | environment,
            check=False,
        )
        assert result.returncode == 0, result.stderr

    run("train.py", *command)
    run("test.py", *command, "-o", "out")
    succeed(forked, "train.py", *command)
    found, expected = (values(root / LAST) for root in (own, forked))
    weights = [key for key in expected if key[0] == "state_dict"]
    assert weights and all(torch.equal(found[key], expected[key]) for key in weights)
    assert (own / "out/results.json").is_file()
