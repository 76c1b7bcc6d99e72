"""Which runs go on where and when; training and test are played, not done."""

import os
import threading

import pytest

from network.studies import lock
from network.studies.children import Children, Failed
from tests.studies.conftest import FOLDERS, Played, study, weights


@pytest.mark.parametrize("options", [("--jobs", 2), ("--devices", 0, 3)])
def test_runs_go_on_side_by_side(fresh, played, monkeypatch, options):
    # A training waits for the other one to begin.
    monkeypatch.setattr(played, "together", threading.Barrier(2, timeout=60))
    assert study(fresh, *options).status == 0
    assert sorted(script for script, *_ in played.calls) == ["test.py"] * 2 + ["train.py"] * 2


def test_each_device_is_given_by_its_number(fresh, played):
    assert study(fresh, "--devices", 3).status == 0
    for _, arguments, environment in played.calls:
        assert environment == {"CUDA_VISIBLE_DEVICES": "3"}
        assert arguments[-1] == "accelerator=gpu"  # so that none falls back to the CPU


def test_jobs_share_the_cores_unless_the_user_says_how(fresh, played, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert study(fresh, "--jobs", 3, "--only", "BiCoR-Seg").status == 0
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert study(fresh, "--jobs", 3).status == 0
    assert [environment for *_, environment in played.calls] == [
        *[{}] * 2,
        *[{"OMP_NUM_THREADS": "2"}] * 2,
    ]


def test_the_first_seed_of_all_runs_comes_first(fresh, played):
    with (fresh / "small.py").open("a") as file:
        file.write("seeds = (7, 2)\n")
    assert study(fresh).status == 0
    trained = [arguments for script, arguments, _ in played.calls if script == "train.py"]
    assert [arguments[-2:] for arguments in trained] == [
        [f"name=small.{FOLDERS[name]}.seed_{seed}", f"seed={seed}"]
        for seed in (7, 2)
        for name in FOLDERS
    ]


def test_a_run_that_another_host_has_is_left_to_it(fresh, played):
    held = weights(fresh, "BiCoR-Seg").with_name("small.BiCoR-Seg.seed_3.lock")
    held.parent.mkdir(parents=True)
    held.write_text('{"host": "node17", "pid": 7, "since": "yesterday"}')
    result = study(fresh)
    assert result.status == 0, result.error
    path = "model_weights/own/small.BiCoR-Seg.seed_3.lock"
    assert (
        "BiCoR-Seg, seed 3 is left to another worker: process 7 of node17 has it since yesterday; "
        f"if no such process runs on node17 any more, delete {path} and start again"
    ) in result.out
    assert "table of 1 of 2 runs" in result.out
    alone = study(fresh, "--only", "BiCoR-Seg")
    assert alone.status == 1
    assert "another worker is at all that was asked for" in alone.error
    assert len(played.calls) == 2 and held.is_file()


def test_data_that_change_while_a_run_is_trained_are_noticed(fresh, played, monkeypatch):
    def spoiling(self, script, arguments, *others):
        Played.run(self, script, arguments, *others)
        image = fresh / "data/own/images/scene_000.jpg"
        image.write_bytes((fresh / "data/own/images/scene_002.jpg").read_bytes())

    spoiled = type("Spoiling", (Played,), {"run": spoiling})
    monkeypatch.setattr("network.studies.conducting.Children", spoiled)
    result = study(fresh, "--only", "BiCoR-Seg")
    assert result.status == 1
    assert "trained, but in the meantime 1 of train changed: scene_000: start again" in result.error
    assert [script for script, *_ in played.calls] == ["train.py"]


def test_devices_and_a_config_with_several_are_refused(fresh, played):
    text = (fresh / "small.py").read_text()
    (fresh / "small.py").write_text(text.replace('"max_epoch=2"', '"max_epoch=2", "devices=2"'))
    result = study(fresh, "--devices", 0)
    assert result.status == 1
    assert "--devices gives each run one card, but 'BiCoR-Seg' sets devices=2" in result.error
    assert not (fresh / "out/study.json").exists() and not played.calls


def test_the_reason_of_a_process_that_ends_is_its_own(tmp_path):
    log = tmp_path / "log"
    descriptor = os.open(tmp_path, os.O_RDONLY)
    log.write_text("error: of an earlier start\n")
    with pytest.raises(Failed, match=r"^no config file none\.py$"):
        Children().run("train.py", ["-c", "none.py"], log, {}, descriptor)
    with pytest.raises(Failed, match=r"^status 2: .*No such file"):
        Children().run("no_such_script.py", [], log, {}, descriptor)
    os.close(descriptor)


class TestLock:
    def test_one_at_a_time(self, tmp_path):
        path = tmp_path / "a" / "run.lock"
        with lock.Lock.take(path) as held:
            assert not held.taken_over
            with pytest.raises(lock.Held, match=f"process {os.getpid()} of .* has it since"):
                lock.Lock.take(path)
        assert not path.exists()
        with lock.Lock.take(path) as held:
            assert not held.taken_over

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes without a parent here")
    def test_it_lasts_as_long_as_the_last_process_of_a_dead_worker(self, tmp_path):
        path, reading_writing = tmp_path / "run.lock", os.pipe()
        worker = os.fork()
        if not worker:  # the worker starts a training, and is killed
            held = lock.Lock.take(path)
            if os.fork():
                os._exit(0)
            os.dup(held.descriptor)
            os.close(reading_writing[1])
            os.read(reading_writing[0], 1)  # until the test says so
            os._exit(0)
        os.waitpid(worker, 0)
        with pytest.raises(lock.Held, match="has it since"):
            lock.Lock.take(path)
        os.close(reading_writing[1])
        for _ in range(1000):
            try:
                with lock.Lock.take(path) as held:
                    assert held.taken_over
                break
            except lock.Held:
                threading.Event().wait(0.01)
        assert not path.exists()

    def test_another_host_is_never_overruled(self, tmp_path):
        path = tmp_path / "run.lock"
        for text in ('{"host": "elsewhere", "pid": 1, "since": "then"}', "", "[]"):
            path.write_text(text)
            with pytest.raises(lock.Held, match=f"delete {path} and start again"):
                lock.Lock.take(path)
            assert path.read_text() == text
