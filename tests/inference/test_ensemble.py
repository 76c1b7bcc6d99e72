"""Several networks as one: the mean of their probabilities, said wherever a result is."""

import json
import shutil

import numpy as np
import pytest
import rasterio
import torch

from network.experiment import Experiment
from network.files.hashing import file_hash
from network.inference.ensemble import Ensemble
from network.inference.segmenter import Segmenter
from network.inference.trained_ensemble import TrainedEnsemble
from tests.conftest import files_of, refused, succeed_here
from tests.export.made import MANY, NETWORKS, write_checkpoint

CKPT = "model_weights/own/bicor/best.ckpt"
IMAGE = "data/own/images/scene_001_val.jpg"


@pytest.fixture(scope="module")
def work(trained, tmp_path_factory):
    """Own images; the trained network (a.ckpt), it with other weights (b) and a UNetFormer (c)."""
    root = tmp_path_factory.mktemp("ensemble") / "work"
    shutil.copytree(trained[0], root)
    shutil.copy(root / CKPT, root / "a.ckpt")
    content = torch.load(root / CKPT, weights_only=True)
    torch.manual_seed(1)
    for value in content["state_dict"].values():
        if value.is_floating_point():
            value.add_(0.2 * torch.randn(value.shape))
    content["settings"]["seed"] = "7"
    content["protocol"]["train"] = ["more", *content["protocol"]["train"][1:]]
    torch.save(content, root / "b.ckpt")
    spec = Segmenter.of_checkpoint(root / CKPT, "cpu").spec
    write_checkpoint(root / "c.ckpt", NETWORKS["UNetFormer"], spec)
    return root


def read(path):
    with rasterio.open(path) as file:
        return file.read()


def probabilities(network, image, tta="lr"):
    return network.predictor(tta)(image)


def test_the_mean_of_three(work, capsys):
    paths = [work / f"{name}.ckpt" for name in "abc"]
    image = torch.randn(1, 3, 70, 96)
    one, two, three = (probabilities(Segmenter.of_checkpoint(path, "cpu"), image) for path in paths)
    assert (one - two).abs().max() > 0.01 and (one - three).abs().max() > 0.01
    found = Ensemble.of_checkpoints(paths, "cpu")
    torch.testing.assert_close(
        probabilities(found, image), (one + two + three) / 3, atol=1e-6, rtol=0
    )
    assert "ensemble of BiCoR(" in (said := capsys.readouterr().out) and "and UNetFormer(" in said
    turned = Ensemble.of_checkpoints(paths[::-1], "cpu")
    torch.testing.assert_close(
        probabilities(turned, image), (one + two + three) / 3, atol=1e-6, rtol=0
    )
    found.members[1].net.stride = 24
    assert found.stride == found.predictor("none").stride == 96


def test_a_map_is_by_all_of_them_and_says_so(work, tmp_path):
    three = ("--ckpt", "a.ckpt", "b.ckpt", "c.ckpt")
    options = (IMAGE, "--window", "64", "--probabilities", "-o")
    succeed_here(work, "predict.py", *three, *options, tmp_path / "alone")
    with_config = ("-c", "bicor.py", "net.mix=0.5")
    said = succeed_here(work, "predict.py", *with_config, *three, *options, tmp_path / "by")
    assert "note: c.ckpt holds UNetFormer(" in said.out
    assert "own record (config: BiCoR), which has nothing to do with net.mix=0.5" in said.out
    assert len(files_of(tmp_path / "by")) == 3
    assert files_of(tmp_path / "by") == files_of(tmp_path / "alone")
    settings = json.loads((tmp_path / "by/predictions.json").read_text())["settings"]
    assert "checkpoint" not in settings
    assert [each["checkpoint"] for each in settings["ensemble"]] == [
        file_hash(work / name) for name in three[1:]
    ]
    assert settings["ensemble"][2]["net"].startswith("UNetFormer(")
    found = []
    for name in three[1:]:
        succeed_here(work, "predict.py", "--ckpt", name, *options, tmp_path / name)
        found.append(tmp_path / name / "probabilities/scene_001_val.tif")
    *values, mean = map(read, [*found, tmp_path / "by/probabilities/scene_001_val.tif"])
    np.testing.assert_allclose(mean, sum(values) / 3, atol=1e-6)


def test_a_test_says_all_of_them_and_so_do_its_readers(work, tmp_path):
    names = ["a.ckpt", "b.ckpt", "c.ckpt"]
    windows = "test_window=64"  # images have 96x112 pixels
    succeed_here(work, "test.py", "-c", "bicor.py", "--ckpt", *names, "-o", "out", windows)
    results = json.loads((work / "out/results.json").read_text())
    first, second, third = results["checkpoint"].pop("ensemble")
    assert results["checkpoint"] == {}
    assert [each["path"] for each in (first, second, third)] == names
    assert [each["sha256"] for each in (first, second, third)] == [
        file_hash(work / name) for name in names
    ]
    assert (second["seed"], second["training"]["seed"]) == (7, "7")
    assert first["epoch"] == 1 and third["epoch"] is None
    assert "built from its own record" in third["notes"][0]
    assert results["settings"]["net"].startswith("ensemble of BiCoR(")
    assert results["settings"]["net"].endswith(third["net"])
    assert "training" not in results
    assert results["splits"]["images_of_training"] is None  # c.ckpt does not say
    succeed_here(work, "predict.py", "--ckpt", *names, IMAGE, "-o", tmp_path, "--window", "64")
    maps = [read(path) for path in (work / "out/masks/scene_001_val.png",
                                          tmp_path / "scene_001_val.png")]  # fmt: skip
    assert np.array_equal(*maps)

    said = succeed_here(work, "tools/report.py", "out", "-c", "bicor.py", "-o", tmp_path / "r.html")
    assert "All 2 images" in said.out and "No heatmaps: they are of one network" in said.out
    assert (
        "ensemble of a.ckpt, epoch 1; b.ckpt, epoch 1; c.ckpt" in (tmp_path / "r.html").read_text()
    )
    moved = ("out", "-c", "bicor.py", "-o", tmp_path / "r.html", "--ckpt")
    refused(work, "--ckpt names 1, and the test was of 3", script="tools/report.py",
            arguments=(*moved, "a.ckpt"))  # fmt: skip
    refused(work, "b.ckpt is not what was tested", script="tools/report.py",
            arguments=(*moved, "b.ckpt", "a.ckpt", "c.ckpt"))  # fmt: skip

    succeed_here(work, "test.py", "-c", "bicor.py", "--ckpt", "a.ckpt", "-o", "one", windows)
    succeed_here(work, "tools/compare.py", "all=out", "one=one", "-o", tmp_path / "table")
    (table,) = (tmp_path / "table").glob("*.json")
    (of_all,), (of_one,) = (method["tests"] for method in json.loads(table.read_text())["methods"])
    hashes = [file_hash(work / name) for name in names]
    assert of_all["checkpoint"] == " ".join(sorted(hashes))
    assert of_all["settings"]["net"] == results["settings"]["net"]
    assert of_one["checkpoint"] == hashes[0]


def test_images_that_any_of_them_was_trained_on_count(work):
    two = Ensemble.of_checkpoints([work / "a.ckpt", work / "b.ckpt"], "cpu")
    names = torch.load(work / "a.ckpt", weights_only=True)["protocol"]["train"]
    assert two.stored["protocol"]["train"] == sorted([*names, "more"])


def test_a_checkpoint_that_says_nothing_is_as_the_config_says(work, tmp_path, monkeypatch, capsys):
    content = torch.load(work / "b.ckpt", weights_only=True)
    del content["identity"]
    torch.save(content, tmp_path / "old.ckpt")
    refused(work, "old.ckpt does not say what network it holds", script="predict.py",
            arguments=("--ckpt", "a.ckpt", tmp_path / "old.ckpt", IMAGE, "-o", "new"))  # fmt: skip
    monkeypatch.chdir(work)
    capsys.readouterr()
    found = TrainedEnsemble.open(Experiment.load("bicor.py"), ["a.ckpt", tmp_path / "old.ckpt"])
    assert "old.ckpt does not say what it was trained with" in capsys.readouterr().out
    image = torch.randn(1, 3, 64, 64)
    both = Ensemble.of_checkpoints(["a.ckpt", "b.ckpt"], "cpu")
    assert torch.equal(probabilities(found, image), probabilities(both, image))


def test_what_is_no_ensemble(work):
    shutil.copy(work / "a.ckpt", work / "copy.ckpt")
    write_checkpoint(work / "many.ckpt", NETWORKS["UNetFormer"], MANY)

    def refuse(*words, script="predict.py", arguments):
        target = ("-o", "new") if script != "tools/export.py" else ("-o", "new.ckpt")
        refused(work, *words, script=script, arguments=(*arguments, *target))

    refuse("a.ckpt named 2 times", arguments=("--ckpt", "a.ckpt", "a.ckpt", IMAGE))
    refuse(
        "a.ckpt and copy.ckpt are the same file", arguments=("--ckpt", "a.ckpt", "copy.ckpt", IMAGE)
    )
    refuse("a.ckpt and many.ckpt are no networks of one ensemble", "classes=[", "scale=[] and [0.0",
           arguments=("--ckpt", "a.ckpt", "many.ckpt", IMAGE))  # fmt: skip
    refuse("no checkpoint none.ckpt", arguments=("--ckpt", "a.ckpt", "none.ckpt", IMAGE))
    with_config = ("-c", "bicor.py", "--ckpt", "a.ckpt")
    refuse("many.ckpt was trained for another dataset than the config's", script="test.py",
           arguments=(*with_config, "many.ckpt"))  # fmt: skip
    refuse("a.ckpt holds another network than the command line asks for: mix=0.5", script="test.py",
           arguments=(*with_config, "c.ckpt", "net.mix=0.4"))  # fmt: skip
    for script in ("tools/heatmaps.py", "tools/embeddings.py"):
        refuse("--ckpt names 2 checkpoints", "is of one network", script=script,
               arguments=(*with_config, "b.ckpt"))  # fmt: skip
    refuse("--format folder is of one network", "--ckpt names 2", "--format ckpt",
           script="tools/export.py",
           arguments=("--format", "folder", "--ckpt", "a.ckpt", "b.ckpt"))  # fmt: skip
    refuse("leave out -c", script="tools/export.py",
           arguments=("--format", "ckpt", *with_config, "b.ckpt"))  # fmt: skip


def test_the_mean_of_weights_is_exported(work, tmp_path):
    arguments = ("--ckpt", "a.ckpt", "b.ckpt", "--format", "ckpt", "-o", tmp_path / "mean.ckpt")
    said = succeed_here(work, "tools/export.py", *arguments)
    assert "note: settings is left out: it differs in a.ckpt and b.ckpt" in said.out
    assert "mean.ckpt: the mean of the weights of 2 checkpoints" in said.out
    one, two, mean = (
        torch.load(path, weights_only=True)["state_dict"]
        for path in (work / "a.ckpt", work / "b.ckpt", tmp_path / "mean.ckpt")
    )
    name = next(name for name, value in mean.items() if value.is_floating_point())
    torch.testing.assert_close(mean[name], (one[name] + two[name]) / 2)
