import shutil

import numpy as np
import pytest

from network.files.images import read_rgb
from tests.conftest import succeed_here
from tests.scenes.files import write_tif

CKPT = "model_weights/own/bicor/best.ckpt"


@pytest.fixture(scope="package")
def work(trained, tmp_path_factory):
    """A training with a scene."""
    root = tmp_path_factory.mktemp("export") / "work"
    shutil.copytree(trained[0], root)
    image = read_rgb(next((root / "data/own/images").glob("scene_001_val.*")))
    scene = np.tile(image, (2, 2, 1))[:150, :170].transpose(2, 0, 1)
    scene[:, :40, :30] = 0
    write_tif(root / "scene.tif", scene, nodata=0)
    return root


@pytest.fixture(scope="package")
def exported(work):
    """The training, its network as network.onnx (any size) and as tile.onnx (64)."""
    root = work
    result = succeed_here(
        root, "tools/export.py", "--ckpt", CKPT, "-o", "network.onnx", "--format", "onnx"
    )
    assert "differ by at most" in result.out
    succeed_here(
        *(root, "tools/export.py", "-c", "bicor.py", "-o", "tile.onnx", "--format", "onnx"),
        *("--size", 64, "--resolution", 30),
    )
    return root
