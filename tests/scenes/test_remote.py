"""Images on a server or in an archive."""

import json
import subprocess
import sys
import zipfile

import cv2
import numpy as np
import pytest
import rasterio

from tests.conftest import refused
from tests.scenes.files import UTM, predict, write_tif


@pytest.fixture(scope="module")
def served(root):
    """Address of the folder, whose server knows no ranges."""
    folder = root / "served"
    rng = np.random.default_rng(0)
    write_tif(folder / "far.tif", rng.integers(1, 255, (3, 70, 90), dtype=np.uint8), nodata=0)
    cv2.imwrite(str(folder / "photo.jpg"), np.zeros((40, 40, 3), np.uint8))
    # A process of its own: GDAL waits for it without letting other threads of Python work.
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        port = server.stdout.readline().split()[5]  # Serving HTTP on 127.0.0.1 port PORT
        yield f"http://127.0.0.1:{port}"
        server.terminate()


def test_what_lies_elsewhere_is_mapped_as_the_file_is(root, served):
    with zipfile.ZipFile(root / "far.zip", "w") as archive:
        archive.write(root / "served/far.tif", "far.tif")
    predict(root, "served/far.tif", "-o", "near")
    with rasterio.open(root / "near/far.tif") as near:
        expected = near.read(1)
    names = (f"{served}/far.tif", f"/vsicurl/{served}/far.tif", "/vsizip/far.zip/far.tif")
    for number, name in enumerate(names):
        predict(root, name, "-o", f"far_{number}")
        with rasterio.open(root / f"far_{number}/far.tif") as far:
            np.testing.assert_array_equal(far.read(1), expected)
            assert far.crs == UTM
    assert "finished before" in predict(root, names[0], "-o", "far_0").out
    record = json.loads((root / "far_0/predictions.json").read_text())
    assert [*record["finished"]] == [str(root / "far_0/sources/far.vrt")]
    arguments = ("-c", "bicor.py", "/vsizip/far.zip/far.tif", "-o", "far_0")
    refused(root, "far_0/sources/far.vrt is of another", script="predict.py", arguments=arguments)


def test_what_cannot_be_read_from_there_is_refused(root, served):
    for name, word in (
        ("nowhere.tif", "cannot open"),
        ("photo.jpg", "is no GeoTIFF of gray, RGB"),
    ):
        arguments = ("-c", "bicor.py", f"{served}/{name}", "-o", "none")
        refused(root, served, word, script="predict.py", arguments=arguments)
