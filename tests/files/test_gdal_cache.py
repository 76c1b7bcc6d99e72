"""GDAL's memory of decoded blocks."""

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window

from network.files.gdal_cache import gdal_cache


@pytest.mark.parametrize("row", [0, 100 << 20, 1 << 40])
def test_what_was_decoded_is_not_decoded_again(tmp_path, row):
    path = tmp_path / "image.tif"
    values = np.random.default_rng(0).integers(0, 255, (1, 512, 512), np.uint8)
    form = {"height": 512, "width": 512, "count": 1, "dtype": "uint8"}
    with rasterio.open(path, "w", driver="GTiff", tiled=True, compress="deflate", **form) as file:
        file.write(values)
    place = Window(10, 20, 300, 400)
    with gdal_cache(row), rasterio.open(path) as file:
        before = file.read(window=place)
        path.write_bytes(b"\0" * path.stat().st_size)  # the same file, which stays open
        after = file.read(window=place)
    np.testing.assert_array_equal(after, before)
