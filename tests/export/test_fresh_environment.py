"""A model folder in an environment that holds what requirements.txt names, and nothing else."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from network.export.model_folder import write_folder
from network.inference.predictor import Predictor
from tests.export.made import NETWORKS, segmenter_of

ROOT = Path(__file__).parents[2]
PROGRAM = """
import importlib.util
import numpy as np
import torch
from network.inference.predictor import Predictor
from network.models import load

for name in ("onnx", "onnxscript", "onnxruntime", "stac_model", "pytest"):
    assert importlib.util.find_spec(name) is None, name
image = torch.from_numpy(np.load("image.npy"))
np.save("found.npy", Predictor(load("net"))(image).numpy())
"""


@pytest.mark.slow
def test_a_folder_predicts_the_same_with_the_requirements_alone(tmp_path):
    segmenter = segmenter_of(tmp_path / "a.ckpt", NETWORKS["BiCoR convnext"])
    write_folder(segmenter, tmp_path / "net")
    away = tmp_path / "away"
    shutil.copytree(ROOT / "network", away / "network")
    shutil.move(tmp_path / "net", away / "net")
    image = torch.randn(1, 3, 70, 83, generator=torch.Generator().manual_seed(1))
    np.save(away / "image.npy", image.numpy())

    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv/bin/python"
    wanted = ("-r", ROOT / "requirements.txt", "-c", ROOT / "constraints.txt")
    subprocess.run([python, "-m", "pip", "install", "-q", *wanted], check=True)
    subprocess.run([python, "-c", PROGRAM], check=True, cwd=away)
    expected = Predictor(segmenter.net)(image).numpy()
    assert np.abs(np.load(away / "found.npy") - expected).max() < 1e-6
