"""``predict.py --model`` gives the maps of ``predict.py --ckpt``, on a machine without torch."""

import json
import subprocess
import sys

import numpy as np
import onnx
import pytest
import rasterio

from tests.conftest import REPOSITORY, refused, succeed_here
from tests.export.conftest import CKPT

WINDOWS = (
    "scene.tif",
    "--window",
    "64",
    "--probabilities",
    "--rgb",
    "--polygons",
    "--polygons-format",
    "geojson",
)
# Packages of requirements-onnx.txt by the names they are imported by, and what these need.
ALLOWED = {
    *("onnxruntime", "numpy", "rasterio", "cv2", "PIL", "scipy", "tqdm"),
    *("affine", "attr", "attrs", "certifi", "click", "cligj", "pyparsing", "flatbuffers", "google"),
}
WITHOUT_TORCH = f"""
import importlib.metadata, runpy, sys

installed = importlib.metadata.packages_distributions().keys() - {ALLOWED!r}

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in installed and not name.startswith("_"):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
sys.path.insert(0, {str(REPOSITORY)!r})
sys.argv = ["predict.py", *sys.argv[1:]]
runpy.run_path({str(REPOSITORY / "predict.py")!r}, run_name="__main__")
assert "torch" not in sys.modules
"""


@pytest.fixture(scope="module")
def maps(exported):
    """Folders with the maps by torch, and by onnxruntime where torch is not to be had."""
    succeed_here(
        *(exported, "predict.py", "--ckpt", CKPT, *WINDOWS, "-o", "torch"),
        *("accelerator=cpu", "precision=32-true"),
    )
    process = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, "--model", "network.onnx", *WINDOWS, "-o", "onnx"],
        cwd=exported,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return exported / "torch", exported / "onnx"


def read(path):
    with rasterio.open(path) as source:
        return source.read(), source.crs, source.transform, source.nodata, source.tags(1)


def test_maps_are_the_same(maps):
    torch, onnx = maps
    (classes, *place), (found, *found_place) = (read(each / "scene.tif") for each in maps)
    assert place == found_place
    assert (found[0, :40, :30] == 255).all() and (found[0, 60:] != 255).all()
    ours, theirs = (read(each / "probabilities/scene.tif")[0] for each in (torch, onnx))
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-6)
    second, first = np.sort(ours, axis=0)[-2:]
    tied = first - second < 2e-6  # in which either class is as good
    assert tied.mean() < 0.1
    assert (found != classes).mean() <= 1e-4
    np.testing.assert_array_equal(found[0][~tied], classes[0][~tied])
    assert json.loads((onnx / "polygons/scene.geojson").read_text())["features"]
    assert (onnx / "rgb/scene.tif").is_file()


def test_what_predicted_is_recorded(maps):
    torch, onnx = (json.loads((each / "predictions.json").read_text())["settings"] for each in maps)
    assert onnx["runtime"] == "onnxruntime"
    assert onnx["checkpoint"] == torch["checkpoint"]
    assert onnx["net"] == torch["net"]


def test_flips_and_tiles_of_one_size(exported):
    common = ("scene.tif", "-t", "lr", "--window", "64", "--overlap", "0.5")
    succeed_here(exported, "predict.py", "--model", "tile.onnx", *common, "-o", "flipped")
    succeed_here(
        *(exported, "predict.py", "--ckpt", CKPT, *common, "-o", "flipped_torch"),
        *("accelerator=cpu", "precision=32-true"),
    )
    ours, theirs = (read(exported / name / "scene.tif")[0] for name in ("flipped_torch", "flipped"))
    assert (ours != theirs).mean() <= 1e-4


def test_several_processes_give_the_same_map(exported, maps):
    arguments = ("--model", "network.onnx", *WINDOWS, "--processes", "2", "-o", "shared")
    succeed_here(exported, "predict.py", *arguments)
    _, onnx = maps
    for name in ("scene.tif", "rgb/scene.tif"):
        np.testing.assert_array_equal(read(exported / "shared" / name)[0], read(onnx / name)[0])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--model", "network.onnx", "-t", "d4"), ("d4", "-t lr", "--ckpt")),
        (("--model", "tile.onnx", "--window", "96"), ("64x64", "--window 64")),
        (("--model", "scene.tif"), ("scene.tif", "ONNX")),
        (("--model", "foreign.onnx"), ("foreign.onnx", "tools/export.py")),
        (("--model", "gone.onnx"), ("no file gone.onnx",)),
        (("--model", "network.onnx", "-c", "bicor.py"), ("--model", "-c")),
        (("--model", "network.onnx", "--ckpt", CKPT), ("--model", "--ckpt")),
    ],
)
def test_what_cannot_be_predicted_is_refused(exported, arguments, words):
    if "foreign.onnx" in arguments and not (exported / "foreign.onnx").exists():
        model = onnx.load(exported / "tile.onnx")
        del model.metadata_props[:]
        onnx.save(model, exported / "foreign.onnx")
    command = ("scene.tif", "-o", "new", *arguments)
    refused(exported, *words, script="predict.py", arguments=command)
