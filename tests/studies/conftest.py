import fcntl
import json
import os
import shutil
from pathlib import Path

import pytest

from network.studies.children import Children
from tests.conftest import files_of, run_here
from tests.forked import Forked

STUDY = """
from network.studies import run

runs = {
    "BiCoR-Seg": run("bicor.py", "max_epoch=2"),
    "plain ResNet": run("bicor.py", "max_epoch=2", "net.backbone=test_resnet"),
}
seeds = (3,)
reference = "BiCoR-Seg"
"""
FOLDERS = {"BiCoR-Seg": "BiCoR-Seg", "plain ResNet": "plain_ResNet"}


@pytest.fixture(scope="session")
def finished_template(folder_template, tmp_path_factory):
    """A study that was done without a break, once for all processes that test, and what it said."""
    together = "PYTEST_XDIST_WORKER" in os.environ
    base = tmp_path_factory.getbasetemp()
    root, said = (base.parent if together else base) / "study/work", "said.txt"
    root.parent.mkdir(exist_ok=True)
    with (root.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root.parent / said).exists():
            shutil.copytree(folder_template, root)
            (root / "small.py").write_text(STUDY)
            process = start(root, "small.py", "-o", "out")
            out, _ = process.communicate(timeout=400)
            assert process.returncode == 0, out
            (root.parent / said).write_text(out)
    return root, (root.parent / said).read_text()


@pytest.fixture
def finished(finished_template, tmp_path):
    """A copy of a study that was done without a break."""
    root = tmp_path / "work"
    shutil.copytree(finished_template[0], root)
    return root


@pytest.fixture
def fresh(own):
    """The same study with nothing done."""
    (own / "small.py").write_text(STUDY)
    return own


class Played(Children):
    """Leaves what a training or a test leaves, and remembers how it was asked to."""

    calls = []
    together = None

    def run(self, script, arguments, log, environment, kept_open):
        os.fstat(kept_open)
        self.calls.append((script, arguments, environment))
        if self.together and script == "train.py":
            self.together.wait()
        name = next(a.removeprefix("name=") for a in arguments if a.startswith("name="))
        if script == "train.py":
            for file in ("best.ckpt", "last.ckpt"):
                (Path("model_weights/own") / name / file).write_text(name)
            return
        folder = Path(arguments[arguments.index("-o") + 1])
        folder.mkdir(parents=True)
        (folder / "results.json").write_text(json.dumps({"scores": [{"mIoU": 0.5}]}))


@pytest.fixture
def played(monkeypatch):
    """Trainings and tests that take no time, of which there is no table."""
    for name in ("compare_methods", "write_comparison"):
        monkeypatch.setattr(f"network.studies.carrying_out.{name}", lambda *_: None)
    monkeypatch.setattr("network.studies.carrying_out.study_costs", lambda *_: None)
    monkeypatch.setattr("network.studies.carrying_out.plain_table", lambda _: "")
    monkeypatch.setattr("network.studies.conducting.Children", Played)
    monkeypatch.setattr(Played, "calls", [])
    return Played


def start(root, *arguments):
    return Forked(root, "study.py", *arguments, merged=True)


def study(root, *arguments):
    """Run study.py within this process; its trainings and tests have processes of their own."""
    return run_here(root, "study.py", "small.py", "-o", "out", *arguments)


def plan(root, *arguments):
    """What there is to do, as lines."""
    result = study(root, "--plan", *arguments)
    assert result.status == 0, result.error
    return result.out.splitlines()


def results(root):
    """Everything that the tests of a study wrote, apart from its date."""
    found = {}
    for path, content in files_of(root / "out").items():
        if path.name in ("results.json", "images.csv") or path.parent.name == "masks":
            lines = content.splitlines(keepends=True)
            found[path] = b"".join(line for line in lines if not line.startswith(b'  "date"'))
    return found


def weights(root, name, seed=3):
    return root / f"model_weights/own/small.{FOLDERS[name]}.seed_{seed}"


def forget(root, name):
    """Remove all that is left of a run."""
    shutil.rmtree(weights(root, name))
    for path in (root / "out" / FOLDERS[name]).iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def replace(path, old, new):
    text = Path(path).read_text()
    assert old in text
    Path(path).write_text(text.replace(old, new))
