import shutil

import cv2
import numpy as np
import pytest
import torch

from network.datasets.catalog import LOVEDA
from network.experiment import Experiment
from network.inference.checkpoint_files import as_stored
from tests.conftest import REPOSITORY, run_here
from tests.layouts import LAYOUTS, write_layouts


def write_tiles(root):
    """Tiles as the patch splitters and the mask converter take them."""
    white = np.full((80, 90, 3), 255, np.uint8)
    for name in ("tiles/{}/top_mosaic_09cm_area1", "potsdam/{}/top_potsdam_2_10_{}"):
        for kind in ("images", "masks"):
            path = root / (name.format(kind, "RGB" if kind == "images" else "label") + ".tif")
            path.parent.mkdir(parents=True)
            cv2.imwrite(str(path), white)
    (root / "raw").mkdir()
    cv2.imwrite(str(root / "raw/0.png"), np.arange(64, dtype=np.uint8).reshape(8, 8) % 8)


@pytest.fixture(scope="module")
def prepared(trained, tmp_path_factory):
    root = tmp_path_factory.mktemp("prepared") / "work"
    shutil.copytree(trained[0], root)
    assert run_here(root, "test.py", "-c", "bicor.py", "-o", "out").status == 0
    write_layouts(root)
    write_tiles(root)
    drawn = ("--layout", "orthophoto", "--output", "flight", "--size", 96, 128, "--bits", 8)
    assert run_here(root, "tools/make_demo_data.py", *drawn).status == 0
    for name in LAYOUTS:
        lines = [f"exec(open({str(REPOSITORY / f'config/{name}/bicor.py')!r}).read())"]
        lines += ['net = partial(BiCoR, backbone="test_convnext", embed_dim=32)']
        lines += ["num_workers = 0"]
        if name != "loveda":
            lines += ["dataset = partial(dataset, patch_size=64)"]
        (root / f"{name}.py").write_text("\n".join(lines) + "\n")
    study = 'from network.studies import run\nruns = {"one": run("bicor.py")}\n'
    (root / "study.py").write_text(study)
    experiment = Experiment.load(root / "loveda.py")
    net = experiment.build_net(LOVEDA)
    torch.save({"state_dict": as_stored(net.state_dict())}, root / "loveda.ckpt")
    return root
