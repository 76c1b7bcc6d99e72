import shutil

import numpy as np
import pytest

from network.files.images import read_rgb
from tests.scenes.files import write_tif


@pytest.fixture(scope="module")
def root(trained, tmp_path_factory):
    root = tmp_path_factory.mktemp("scenes") / "work"
    shutil.copytree(trained[0], root)
    image = read_rgb(next((root / "data/own/images").glob("scene_001_val.*")))
    scene = np.tile(image, (2, 2, 1))[:150, :170].transpose(2, 0, 1)
    scene[:, :40, :30] = 0
    write_tif(root / "scene.tif", scene, nodata=0)
    return root
