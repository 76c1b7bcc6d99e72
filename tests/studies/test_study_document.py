"""docs/studies.md: its study is one, and its SLURM array does every run once."""

import os
import shlex
import subprocess
from pathlib import Path

from network.studies import Study
from network.studies.task import tasks_of
from tests.conftest import FOLDER_CONFIG, REPOSITORY, run_here
from tests.documents import blocks

DOCUMENT = REPOSITORY / "docs/studies.md"


def test_the_study_is_one(own, monkeypatch):
    monkeypatch.chdir(own)
    block, folds = blocks(DOCUMENT, "python")
    path = Path(block.text.splitlines()[0].removeprefix("# "))
    path.parent.mkdir(parents=True)
    path.write_text(block.text)
    path.parents[1].joinpath("bicor.py").write_text(FOLDER_CONFIG)
    study = Study.load(path)
    assert len(tasks_of(study, Path("out"))) == 9
    with path.open("a") as file:
        file.write(folds.text)
    assert list(Study.load(path).folds) == ["tiles 1 and 4", "tiles 2 and 5", "tiles 3 and 6"]
    default = Study(runs=study.runs)
    assert "These defaults: 0, 1 and 2; none; test.".lower() in DOCUMENT.read_text()
    assert (default.seeds, default.tta, default.split) == ((0, 1, 2), "none", "test")


def executable(path, text):
    path.write_text(text)
    path.chmod(0o755)


def test_the_slurm_array_does_every_run_once(fresh):
    """srun runs its words, and python writes down that it was called with them."""
    (block,) = blocks(DOCUMENT, "sh")
    (fresh / "methods.sh").write_text(block.text)
    bin_ = fresh / ".venv/bin"
    bin_.mkdir(parents=True)
    executable(bin_ / "srun", '#!/bin/sh\nexec "$@"\n')
    executable(bin_ / "python", '#!/bin/sh\nfor word; do echo "$word"; done > call.$$\n')
    (bin_ / "activate").write_text(f"PATH={shlex.quote(str(bin_))}:$PATH\n")

    listed = run_here(fresh, "study.py", "small.py", "-o", "my out", "--commands")
    (fresh / "commands.txt").write_text(listed.out)
    for number in (1, 2):
        environment = os.environ | {"SLURM_ARRAY_TASK_ID": str(number)}
        subprocess.run(["bash", "methods.sh"], cwd=fresh, env=environment, check=True)
    calls = [path.read_text().splitlines() for path in fresh.glob("call.*")]
    expected = [
        ["small.py", "-o", "my out", "--only", name, "--seed", "3"]
        for name in ("BiCoR-Seg", "plain ResNet")
    ]
    assert sorted(call[1:] for call in calls) == expected
