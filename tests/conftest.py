import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread for each of the parallel tests

import contextlib
import io
import random
import runpy
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.forked import REPOSITORY, Forked

# Started in the background, this process ignores Ctrl-C, and so would the scripts that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

FOLDER_CONFIG = """
from functools import partial
from network.datasets.folder import FolderDataset
from network.datasets.transforms import TrainTransform
from network.models import BiCoR

dataset = partial(FolderDataset, root="data/own")
net = partial(BiCoR, backbone="test_convnext", embed_dim=32)
transform = partial(TrainTransform, crop_size=64)
max_epoch = 1
train_batch_size = 2
num_workers = 0
"""


class Result:
    """What a script left: status, what it said, and its working folder."""

    def __init__(self, status, out, error, folder):
        self.status = status
        self.out = out
        self.error = error
        self.folder = folder


def run_script(folder, script, *arguments, **environment):
    """Run a script of the repository as its user would, in another working folder.

    Where nothing is said of its environment, in a process that has imported already.
    """
    if not environment and sys.platform == "linux":
        process = Forked(folder, script, *arguments)
        out, error = process.communicate()
        return Result(process.returncode, out, error, Path(folder))
    process = subprocess.run(
        [sys.executable, str(REPOSITORY / script), *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=400,
        env=os.environ | environment,
        check=False,
    )
    return Result(process.returncode, process.stdout, process.stderr, Path(folder))


@pytest.fixture
def briefly(monkeypatch):
    """Time and memory are measured as always, but of few calls."""
    from network.complexity.measuring import measure

    monkeypatch.setattr("network.complexity.cost.measure", partial(measure, seconds=0.1))


def run_here(folder, script, *arguments):
    """``run_script`` within this process: quicker, the same main function."""
    out, error = io.StringIO(), io.StringIO()
    before, argv = os.getcwd(), sys.argv
    os.chdir(folder)
    sys.argv = [script, *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
            runpy.run_path(str(REPOSITORY / script), run_name="__main__")
        status = 0
    except SystemExit as stop:
        status = stop.code or 0
    finally:
        os.chdir(before)
        sys.argv = argv
    return Result(status, out.getvalue(), error.getvalue(), folder)


def refused(root, *words, script="train.py", arguments=("-c", "bicor.py"), run=run_here):
    """Run a script that must end with one message holding the words, and leave all files alone."""
    before = files_of(root)
    result = run(root, script, *arguments)
    assert result.status == 1, (result.status, result.error)
    assert "Traceback" not in result.error + result.out
    last = result.error[result.error.rindex("error: ") :]
    for word in words:
        assert word in last, last
    assert files_of(root) == before
    return last


def succeed(folder, script, *arguments, **environment):
    result = run_script(folder, script, *arguments, **environment)
    assert result.status == 0, result.error
    return result


def succeed_here(folder, script, *arguments):
    """``succeed`` within this process."""
    result = run_here(folder, script, *arguments)
    assert result.status == 0, result.error
    return result


def files_of(folder):
    """Every file below a folder with its content."""
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="session")
def folder_template(tmp_path_factory):
    """Own images (data/own) with a config, made once."""
    root = tmp_path_factory.mktemp("folder")
    succeed(
        root,
        "tools/make_demo_data.py",
        *("--layout", "folder", "--images", 6, "--size", 96, 112, "--output", "data/own"),
    )
    (root / "bicor.py").write_text(FOLDER_CONFIG)
    return root


@pytest.fixture
def own(folder_template, tmp_path):
    """A copy of own images that a test may spoil."""
    root = tmp_path / "work"
    shutil.copytree(folder_template, root)
    return root


@pytest.fixture(scope="session")
def trained(folder_template, tmp_path_factory):
    """Own images with a network trained on them for an epoch."""
    root = tmp_path_factory.mktemp("trained") / "work"
    shutil.copytree(folder_template, root)
    result = succeed(root, "train.py", "-c", "bicor.py")
    return root, result


def pytest_addoption(parser):
    parser.addoption(
        "--kill-seed",
        type=int,
        help="draw the moments at which tests kill a training as in the run that printed this seed",
    )


@pytest.fixture
def kill_moments(request):
    """Random numbers for the moments at which a training is killed; a failure prints their seed."""
    seed = request.config.getoption("--kill-seed")
    if seed is None:
        seed = random.SystemRandom().randrange(2**32)
    print(f"the moments of the kills are drawn again by: pytest --kill-seed {seed}")
    return random.Random(seed)


LONGEST = ("scripts/test_publishers.py", "training/", "preparation/", "experiment/", "scripts/")


def pytest_collection_modifyitems(items):
    """The longest files first, so that the parallel processes end together."""

    def place(item):
        path = item.path.relative_to(Path(__file__).parent).as_posix()
        return next((n for n, start in enumerate(LONGEST) if path.startswith(start)), len(LONGEST))

    items.sort(key=place)
