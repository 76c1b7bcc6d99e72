"""Loading processes that inherit nothing, as on Windows, macOS and Linux since Python 3.14."""

import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
from contextlib import contextmanager
from multiprocessing import forkserver

import pytest
import torch

from network.experiment import Experiment
from network.files.parallel import forks
from tests.conftest import FOLDER_CONFIG, REPOSITORY, files_of, refused, run_here

OWN = (
    FOLDER_CONFIG
    + """
import os
from network.datasets.dataset import Pair

STRENGTH = 3

class Darker(TrainTransform):
    def __call__(self, read, count, index, seed):
        with open("transformed", "a") as file:
            file.write(f"{os.getpid()}\\n")
        image, mask = super().__call__(read, count, index, seed)
        return Pair(image // STRENGTH, mask)

class Cropped(FolderDataset):
    def read_mask(self, path):
        mask = super().read_mask(path).copy()
        mask[:9] = self.spec.ignore_index
        return mask

class Net(BiCoR):
    pass

dataset = partial(Cropped, root="data/own")
transform = partial(Darker, crop_size=64)
net = partial(Net, backbone="test_convnext", embed_dim=32)
num_workers = 1
"""
)
COMMAND = ("train.py", "-c", "bicor.py", "sample_every=0")


@contextmanager
def started_by(method):
    """New processes start by this method."""
    before = multiprocessing.get_start_method(allow_none=True)
    multiprocessing.set_start_method(method, force=True)
    try:
        yield
    finally:
        forkserver._forkserver._stop()
        multiprocessing.set_start_method(before, force=True)


def train(root):
    result = run_here(root, *COMMAND)
    assert result.status == 0, result.error
    stored = torch.load(root / "model_weights/own/bicor/last.ckpt", weights_only=True)
    pids = {int(line) for line in (root / "transformed").read_text().splitlines()}
    return stored["state_dict"], pids - {os.getpid()}


@pytest.fixture(scope="module")
def forked(folder_template, tmp_path_factory):
    """Weights of a training whose loading process is forked."""
    root = tmp_path_factory.mktemp("forked") / "work"
    shutil.copytree(folder_template, root)
    (root / "bicor.py").write_text(OWN)
    with started_by("fork"):
        assert forks()
        weights, loading = train(root)
    assert len(loading) == 1
    return weights


@pytest.mark.parametrize("method", ["spawn", pytest.param("forkserver", marks=pytest.mark.slow)])
def test_what_a_config_defines_is_trained_with(own, forked, method):
    (own / "bicor.py").write_text(OWN)
    with started_by(method):
        assert not forks()
        weights, loading = train(own)
    assert len(loading) == 1
    assert weights.keys() == forked.keys()
    assert all(torch.equal(weights[name], forked[name]) for name in forked)


READ = f"""
import pickle, sys, torch
sys.path.insert(0, {str(REPOSITORY)!r})
dataset = pickle.load(open("dataset.pickle", "rb"))
item = dataset[0, 5]
torch.save({{"image": item["image"], "mask": item["mask"]}}, "item.pt")
"""


def test_a_config_is_sent_as_it_was_read(own, monkeypatch):
    """In a folder with a dot in its name; meanwhile the file was changed, and another one read."""
    monkeypatch.chdir(own)
    path = own / "strength 1.5/bicor.py"
    path.parent.mkdir()
    path.write_text(OWN)
    (own / "other.py").write_text(FOLDER_CONFIG + 'open("executed", "a").write("x")\n')
    experiment = Experiment.load(path)
    data = experiment.build_data(experiment.build_dataset())
    data.setup("fit")
    expected = data.train[0, 5]
    assert expected["image"].max() <= 255 // 3
    Experiment.load(own / "other.py")
    path.write_text(OWN.replace("STRENGTH = 3", "STRENGTH = 7").replace("[:9]", "[:20]"))
    (own / "dataset.pickle").write_bytes(pickle.dumps(data.train))
    subprocess.run([sys.executable, "-c", READ], cwd=own, check=True)
    found = torch.load(own / "item.pt", weights_only=True)
    assert torch.equal(found["image"], expected["image"])
    assert torch.equal(found["mask"], expected["mask"])
    assert (own / "executed").read_text() == "x"


LAMBDA = """
class Halved(TrainTransform):
    def __init__(self, ignore_index, crop_size=64):
        super().__init__(ignore_index, crop_size)
        self.change = lambda pair: pair

transform = partial(Halved)
num_workers = 1
"""


def test_what_cannot_be_sent_is_said_before_anything_is_written(own):
    with (own / "bicor.py").open("a") as config:
        config.write(LAMBDA)
    with started_by("spawn"):
        refused(own, "num_workers=1", "lambda", "num_workers=0", arguments=COMMAND[1:])
    with started_by("fork"):
        result = run_here(own, *COMMAND)
    assert result.status == 0, result.error


SPLIT = (
    *("--img-dir", "raw/train_images", "--mask-dir", "raw/train_masks"),
    *("--split-size", 64, "--stride", 64, "--processes", 2),
)


def test_tiles_are_split_alike(tmp_path):
    drawn = ("--layout", "vaihingen", "--output", "raw", "--train-tiles", 2, "--test-tiles", 1)
    result = run_here(tmp_path, "tools/make_demo_data.py", *drawn, "--size", 128, 150)
    assert result.status == 0, result.error
    files = {}
    for method in ("fork", "spawn", "forkserver"):
        folders = ("--output-img-dir", f"{method}/i", "--output-mask-dir", f"{method}/m")
        with started_by(method):
            result = run_here(tmp_path, "tools/vaihingen_patch_split.py", *SPLIT, *folders)
        assert result.status == 0, result.error
        files[method] = files_of(tmp_path / method)
    assert len(files["fork"]) > 10
    assert files["fork"] == files["spawn"] == files["forkserver"]
