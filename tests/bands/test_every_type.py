"""Images of every type and number of bands, from statistics to maps."""

import json

import numpy as np
import pytest
import rasterio
import torch

from network.files.images import read_indices
from tests.bands.drawn import TYPES, write_own
from tests.conftest import run_here, succeed_here

ARGUMENTS = ("-c", "own.py")


@pytest.mark.parametrize("bands", [1, 3, 4, 8])
@pytest.mark.parametrize("dtype", TYPES)
def test_maps_of_test_and_prediction_are_equal(dtype, bands, tmp_path):
    numbers = list(range(1, bands + 1))
    folder = write_own(tmp_path, dtype, bands, f"bands: {numbers}", tiled=False)
    if dtype != "uint8":
        refused = run_here(tmp_path, "train.py", *ARGUMENTS)
        assert refused.status == 1
        assert "python tools/check_data.py -c CONFIG --statistics" in refused.error
    succeed_here(tmp_path, "tools/check_data.py", *ARGUMENTS, "--statistics")
    succeed_here(tmp_path, "train.py", *ARGUMENTS)
    succeed_here(tmp_path, "test.py", *ARGUMENTS, "-o", "out")
    image = folder / "images/c_val.tif"
    succeed_here(tmp_path, "predict.py", *ARGUMENTS, image, "-o", "maps")
    tested = read_indices(tmp_path / "out/masks/c_val.png")
    with rasterio.open(tmp_path / "maps/c_val.tif") as file:
        np.testing.assert_array_equal(file.read(1), tested)
    assert np.unique(tested).tolist() == [0, 1], "a map of one class would prove nothing"
    checkpoint = torch.load(tmp_path / "model_weights/own/own/best.ckpt", weights_only=True)
    assert checkpoint["identity"]["settings"]["in_chans"] == bands
    assert checkpoint["identity"]["band_numbers"] == numbers
    assert bool(checkpoint["identity"]["scale"]) == (dtype != "uint8")
    assert json.loads((tmp_path / "out/results.json").read_text())["scores"]
