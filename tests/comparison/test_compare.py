"""tools/compare.py on folders that tests wrote, and how it finds the seeds of a method."""

import json
import shutil

import cv2
import numpy as np
import pytest

from network.comparison.grouping import group_folders
from network.datasets.isprs import VaihingenDataset
from network.errors import ConfigError
from network.evaluation.confusions import read_confusions
from network.evaluation.image_scores import Variant
from tests.comparison.folders import counts, write_test
from tests.conftest import refused, succeed_here
from tests.layouts import LAYOUTS, write_layouts

MATRICES = counts((80, 80), (60, 60))
COMPARE = "tools/compare.py"


@pytest.fixture(scope="module")
def tested(trained, tmp_path_factory):
    """A training, tested with and without augmentation."""
    root = tmp_path_factory.mktemp("compared") / "work"
    shutil.copytree(trained[0], root)
    succeed_here(root, "test.py", "-c", "bicor.py", "-o", "plain")
    succeed_here(root, "test.py", "-c", "bicor.py", "-o", "flips", "-t", "lr", "--compare-tta")
    return root


@pytest.fixture
def work(tested, tmp_path):
    shutil.copytree(tested, tmp_path / "work")
    return tmp_path / "work"


def test_a_test_keeps_what_it_counted_in_every_image(tested):
    results = json.loads((tested / "flips/results.json").read_text())
    colors = {tuple(color): index for index, color in enumerate(results["palette"].values())}
    for score in results["scores"]:
        variant = Variant(*(score[key] for key in Variant._fields))
        names, tiles, matrices = read_confusions(tested / "flips/confusions.npz", variant)
        assert names == tiles == ["scene_001_val", "scene_005_val"]
        assert matrices.sum(axis=0).tolist() == score["confusion"]
    # the saved masks are those of the first augmentation
    variant = Variant("full", "lr")
    for name, _, matrix in zip(
        *read_confusions(tested / "flips/confusions.npz", variant), strict=True
    ):
        (path,) = (tested / "data/own/masks").glob(f"{name}.*")
        rgb = cv2.imread(str(path))[..., ::-1].reshape(-1, 3)
        truth = np.array([colors.get(tuple(pixel), -1) for pixel in rgb.tolist()])
        mask = cv2.imread(str(tested / f"flips/masks/{name}.png"), cv2.IMREAD_UNCHANGED)
        pairs = zip(truth[truth >= 0], mask.reshape(-1)[truth >= 0], strict=True)
        wanted = np.zeros_like(matrix)
        np.add.at(wanted, tuple(np.array(list(pairs)).T), 1)
        np.testing.assert_array_equal(matrix, wanted)


def test_a_test_of_patches_keeps_their_tiles(tmp_path):
    write_layouts(tmp_path)
    layout = LAYOUTS["vaihingen"]
    quick = ("max_epoch=1", "train_batch_size=1", "repeat=1", "transform.crop_size=64")
    succeed_here(tmp_path, "train.py", *layout.arguments, *quick)
    succeed_here(tmp_path, layout.script, *layout.arguments, "-o", "out")
    found = read_confusions(tmp_path / "out/confusions.npz", Variant("eroded", "none"))
    dataset = VaihingenDataset(tmp_path / "data/vaihingen", patch_size=64)
    (sample,) = dataset.samples("test")
    assert found.names == [sample.name] and found.tiles == [dataset.tile(sample)]
    said = succeed_here(tmp_path, COMPARE, "out").out
    assert "bicor" in said


def test_tests_by_hand_become_a_table(work):
    for seed in (1, 2):
        shutil.copytree(work / "plain", work / f"seed{seed}")
        path = work / f"seed{seed}/results.json"
        results = json.loads(path.read_text())
        results["checkpoint"]["sha256"] = str(seed)
        results["settings"] |= {"seed": str(seed), "name": f"'bicor_{seed}'"}
        path.write_text(json.dumps(results | {"seed": seed}))
    names = ("seed1", "seed2", "flipped=flips", "--reference", "bicor", "-o", "out")
    said = succeed_here(work, COMPARE, *names).out
    assert "table.md, .tex, .csv and .json, and study.html in out" in said
    methods = json.loads((work / "out/table.json").read_text())["methods"]
    assert [(m["name"], [t["seed"] for t in m["tests"]]) for m in methods] == [
        ("bicor", [1, 2]),
        ("flipped", [42]),
    ]
    oa = json.loads((work / "plain/results.json").read_text())["scores"][0]["OA"]
    assert f"{100 * oa:.2f} \u00b1 0.00" in said
    assert methods[1]["scores"]["OA"]["difference"] == 0  # its scores without augmentation


def test_what_does_not_compare_is_refused_by_name(work):
    def told(*arguments):
        return (*arguments, "-o", "out")

    flips = told("a=flips", "b=plain")
    refused(work, "plain has no scores with masks full, tta lr", script=COMPARE, arguments=flips)
    refused(work, "no method 'x'", script=COMPARE, arguments=told("plain", "--reference", "x"))
    refused(work, "are one folder", script=COMPARE, arguments=told("a=plain", "b=./plain"))
    refused(work, "no data/results.json", script=COMPARE, arguments=told("data"))
    refused(work, "=plain: NAME=DIR", script=COMPARE, arguments=told("=plain"))
    succeed_here(work, COMPARE, "a=flips", "b=plain", "-t", "none", "-o", "out")
    (work / "mine").mkdir()
    (work / "mine/table.csv").write_text("of the user")
    refused(work, "mine/table.csv", script=COMPARE, arguments=("plain", "-o", "mine"))


def settings(seed, **changes):
    return {"net": "BiCoR()", "name": "'bicor'", "seed": str(seed)} | changes


def grouped(tmp_path, **tests):
    folders = [
        write_test(tmp_path / name, MATRICES, seed, settings=settings(seed, **changes))
        for name, (seed, changes) in tests.items()
    ]
    return {
        name: [folder.name for folder in found]
        for name, found in group_folders(list(map(str, folders))).items()
    }


def test_runs_that_differ_in_seed_and_name_are_one_method(tmp_path):
    found = grouped(
        tmp_path,
        a=(0, {"name": "'bicor_s0'"}),
        unet=(0, {"net": "SmpNet()", "name": "'unet'"}),
        b=(1, {"name": "'bicor_s1'"}),
    )
    assert found == {"bicor_s": ["a", "b"], "unet": ["unet"]}


def test_how_images_were_loaded_makes_no_other_method(tmp_path):
    found = grouped(
        tmp_path,
        a=(0, {"name": "'net_s0'", "num_workers": "2", "dataset": "Own(root='a')"}),
        b=(1, {"name": "'net_s1'", "num_workers": "8", "dataset": "Own(root='a', cache='disk')"}),
        c=(0, {"name": "'other'", "num_workers": "2", "dataset": "Own(root='c')"}),
    )
    assert found == {"net_s": ["a", "b"], "other": ["c"]}


def test_runs_that_were_trained_differently_are_two_methods(tmp_path):
    for seed, lr in enumerate(("0.1", "0.2")):
        trained = settings(seed, name=f"'lr {lr}'") | {"lr": lr}
        write_test(
            tmp_path / lr, MATRICES, seed, settings=settings(seed, lr="0.3"), training=trained
        )
    found = group_folders([str(tmp_path / lr) for lr in ("0.1", "0.2")])
    assert list(found) == ["lr 0.1", "lr 0.2"]


def test_methods_of_one_name_are_to_be_named(tmp_path):
    with pytest.raises(ConfigError, match=r"would be called bicor: .*\(they differ in net\)"):
        grouped(tmp_path, a=(0, {}), b=(0, {"net": "BiCoR(f2ce=False)"}))
    words = [f"with={tmp_path / 'a'}", f"without={tmp_path / 'b'}"]
    assert list(group_folders(words)) == ["with", "without"]


def test_a_folder_with_an_equals_sign_is_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_test(tmp_path / "lr=1", MATRICES)
    assert list(group_folders(["lr=1"])) == ["lr=1"]
