"""A study that is stopped, or done by several workers, is the study that was done at a stretch."""

import json
import os
import shlex
import signal
import time
from pathlib import Path

import pytest

from tests.conftest import run_here
from tests.studies.conftest import forget, plan, replace, results, start, study, weights

TESTED = {"BiCoR-Seg": ["out/BiCoR-Seg/seed_3"], "plain ResNet": ["out/plain_ResNet/seed_3"]}


def table_of(root):
    return json.loads((root / "out/table.json").read_text())


def folders_of(root):
    """Folders of the tests in the table, by method."""
    methods = table_of(root)["methods"]
    return {
        each["name"]: [folder for test in each["tests"] for folder in test["folders"]]
        for each in methods
    }


def kill_when(process, condition, pause):
    """SIGKILL to a worker and all that it started."""
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    time.sleep(pause)
    assert process.poll() is None, process.communicate()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_a_study_runs_to_its_end_and_is_done(finished_template):
    root, out = finished_template
    assert "2 runs: 2 to be trained" in out
    assert "BiCoR-Seg, seed 3: training, log in out/BiCoR-Seg/seed_3.log" in out
    assert "2/4 epochs" in out and "4/4 epochs" in out
    score = json.loads((root / "out/BiCoR-Seg/seed_3/results.json").read_text())["scores"][0]
    assert f"BiCoR-Seg, seed 3: tested, mIoU {100 * score['mIoU']:.1f}" in out
    assert table_of(root)["reference"] == "BiCoR-Seg" and folders_of(root) == TESTED
    log = (root / "out/BiCoR-Seg/seed_3.log").read_text()
    assert "python train.py -c bicor.py --resume auto max_epoch=2 name=small.BiCoR-Seg" in log
    assert "python test.py -c bicor.py -o out/BiCoR-Seg/seed_3 -t none --split test" in log
    assert plan(root) == ["2 runs: 2 done"]
    assert not list(root.rglob("*.lock"))
    settings = json.loads((weights(root, "plain ResNet") / "run.json").read_text())["settings"]
    assert (settings["seed"], settings["max_epoch"]) == ("3", "2")


def test_killed_at_three_moments_the_results_are_the_same(fresh, finished_template, kill_moments):
    first, second = weights(fresh, "BiCoR-Seg"), weights(fresh, "plain ResNet")
    log = fresh / "out/BiCoR-Seg/seed_3.log"
    for moment in (
        (first / "last.ckpt").is_file,
        lambda: log.is_file() and "python test.py" in log.read_text(),
        (second / "best.ckpt").is_file,
    ):
        process = start(fresh, "small.py", "-o", "out")
        kill_when(process, moment, kill_moments.uniform(0, 0.1))
    process = start(fresh, "small.py", "-o", "out")
    out, _ = process.communicate()
    assert process.returncode == 0, out
    assert "plain ResNet, seed 3: goes on where a worker stopped that is no more" in out
    found, expected = results(fresh), results(finished_template[0])
    assert len(found) == 8
    assert {path for path in found | expected if found.get(path) != expected.get(path)} == set()
    for suffix in ("csv", "tex", "md"):
        table = (finished_template[0] / f"out/table.{suffix}").read_text()
        assert "plain ResNet" in table and (fresh / f"out/table.{suffix}").read_text() == table
    # Nothing was trained twice: each run has one log of its trainings, and no earlier self.
    for folder in (first, second):
        assert [path.name for path in folder.parent.glob(f"{folder.name}*")] == [folder.name]


def test_two_workers_share_the_runs(fresh, finished_template):
    workers = [start(fresh, "small.py", "-o", "out") for _ in range(2)]
    outs = [worker.communicate()[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], outs
    for name in ("BiCoR-Seg", "plain ResNet"):
        assert sum(out.count(f"{name}, seed 3: training, log") for out in outs) == 1
        assert sum(out.count(f"{name}, seed 3: tested") for out in outs) == 1
    assert results(fresh) == results(finished_template[0])


def test_commands_do_one_run_each(finished):
    expected = results(finished)
    forget(finished, "plain ResNet")
    listed = run_here(finished, "study.py", "small.py", "-o", "out", "--commands")
    lines = listed.out.splitlines()
    assert len(lines) == 2
    for line in lines:
        python, script, *arguments = shlex.split(line)
        assert (python, Path(script).name) == ("python", "study.py")
        result = run_here(finished, "study.py", *arguments)
        assert result.status == 0, result.error
        assert "1 run: 1 " in result.out
    assert results(finished) == expected
    assert table_of(finished)["reference"] == "BiCoR-Seg" and folders_of(finished) == TESTED


def test_a_run_that_fails_is_named_and_does_not_end_the_study(finished):
    replace(
        finished / "small.py",
        "runs = {",
        'runs = {"broken": run("bicor.py", "train_batch_size=99"),',
    )
    result = study(finished)
    assert result.status == 1
    last = result.error[result.error.rindex("error: ") :]
    assert "1 of 3 runs failed; the same command tries again" in last
    assert "broken, seed 3: train_batch_size=99, but an epoch has only 4 training images" in last
    assert "(log: out/broken/seed_3.log)" in last
    assert "Traceback" not in result.error
    assert table_of(finished)["reference"] == "BiCoR-Seg" and folders_of(finished) == TESTED


def test_a_terminated_study_lets_its_training_end(fresh):
    process = start(fresh, "small.py", "-o", "out", "--only", "BiCoR-Seg")
    log = fresh / "out/BiCoR-Seg/seed_3.log"
    while not (log.is_file() and "Epoch 0" in log.read_text()):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate()
    assert process.returncode == 143, out
    assert "terminated" in log.read_text()
    assert not list(fresh.rglob("*.lock"))
    with pytest.raises(ProcessLookupError):  # nothing of its group is left
        os.killpg(process.pid, 0)
