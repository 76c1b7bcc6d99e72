"""Labels that are a raster: taken as they are, or brought to the image's grid."""

import numpy as np
import pytest
import rasterio
import yaml
from rasterio.warp import Resampling, calculate_default_transform, reproject

from tests.conftest import refused
from tests.preparation.orthophotos import (
    DEGREES,
    PLACE,
    SCRIPT,
    UTM,
    noise,
    reassembled,
    split,
    write_image,
)

SPLIT = ("--images", "ortho.tif", "--labels", "labels.tif", "--output", "mine", "--split-size", 64)


@pytest.fixture
def root(tmp_path):
    write_image(tmp_path / "ortho.tif", noise(3, 128, 192))
    return tmp_path


def test_a_raster_on_the_grid_of_the_image_is_taken_as_it_is(root):
    values = np.random.default_rng(1).choice(np.int16([-1, 3, 700]), (1, 128, 192))
    write_image(root / "labels.tif", values, nodata=-1)
    text = split(root, *SPLIT)
    assert "note" not in text
    _, masks, _ = reassembled(root / "mine", 128, 192)
    expected = np.select([values[0] == 3, values[0] == 700], [0, 1], 255)
    np.testing.assert_array_equal(masks, expected)
    settings = yaml.safe_load((root / "mine/dataset.yaml").read_text())
    assert settings["classes"] == ["3", "700"]
    split(root, *SPLIT, "--classes", "700=roof", "3=grass")
    settings = yaml.safe_load((root / "mine/dataset.yaml").read_text())
    assert settings["classes"] == ["roof", "grass"]
    split(root, *SPLIT, "--background", "else")
    _, masks, _ = reassembled(root / "mine", 128, 192)
    np.testing.assert_array_equal(masks, np.select([values[0] == 3, values[0] == 700], [0, 1], 2))


def test_a_raster_on_another_grid_gives_the_nearest_label(root):
    """Cells of 3 pixels that begin 6 pixels to the right: each center lies in one of them."""
    values = np.random.default_rng(1).integers(0, 2, (1, 40, 50), np.uint8)
    place = PLACE * type(PLACE).translation(6, 0) * type(PLACE).scale(3)
    write_image(root / "labels.tif", values, transform=place)
    text = split(root, *SPLIT)
    assert "labels.tif is not on the grid of ortho.tif (50x40 pixels of 1.5)" in text
    assert "by the nearest pixel" in text
    _, masks, _ = reassembled(root / "mine", 128, 192)
    expected = np.full((128, 192), 255, np.uint8)
    expected[:120, 6:156] = values[0].repeat(3, axis=0).repeat(3, axis=1)
    np.testing.assert_array_equal(masks, expected)


def test_a_raster_in_another_crs_is_warped(root):
    truth = np.zeros((128, 192), np.uint8)
    truth[20:100, 30:170] = 1
    bounds = rasterio.transform.array_bounds(128, 192, PLACE)
    place, width, height = calculate_default_transform(UTM, DEGREES, 192, 128, *bounds)
    values = np.full((1, height, width), 9, np.uint8)
    reproject(truth, values[0], src_transform=PLACE, src_crs=UTM, dst_transform=place,
              dst_crs=DEGREES, resampling=Resampling.nearest, dst_nodata=9)  # fmt: skip
    write_image(root / "labels.tif", values, DEGREES, place, nodata=9)
    assert f"from {DEGREES} by the nearest pixel" in split(root, *SPLIT)
    _, masks, _ = reassembled(root / "mine", 128, 192)
    inner = np.s_[2:-2, 2:-2]
    differs = masks[inner] != truth[inner]
    near = np.zeros_like(truth, bool)
    near[17:103, 27:173], near[23:97, 33:167] = True, False
    assert not differs[~near[inner]].any()
    assert differs.mean() < 0.05


def test_without_a_place_labels_are_of_the_size_of_the_image(tmp_path):
    values = noise(3, 128, 192)
    write_image(tmp_path / "ortho.tif", values, None, None)
    labels = np.random.default_rng(1).integers(0, 2, (1, 128, 192), np.uint8)
    write_image(tmp_path / "labels.tif", labels, None, None)
    split(tmp_path, *SPLIT)
    for path in (tmp_path / "mine/images").iterdir():
        row, col = map(int, path.stem.removesuffix("_val").split("_")[1:])
        place = np.s_[:, row * 64 : row * 64 + 64, col * 64 : col * 64 + 64]
        with rasterio.open(path) as patch:
            np.testing.assert_array_equal(patch.read(), values[place])
            assert patch.crs is None
        with rasterio.open(tmp_path / f"mine/masks/{path.stem}.png") as mask:
            np.testing.assert_array_equal(mask.read(), labels[place])
    write_image(tmp_path / "labels.tif", labels[:, :100], None, None)
    words = ("ortho.tif is 192x128 pixels but labels.tif 192x100", "no place on the ground")
    refused(tmp_path, *words, script=SCRIPT, arguments=SPLIT)


def test_rasters_that_are_no_labels(root):
    for values, words in (
        (noise(3, 128, 192, "uint8"), ("labels.tif has 3 bands, but labels have one",)),
        (np.full((1, 128, 192), 0.5, np.float32), ("holds 0.5, which is no whole number",)),
        (noise(1, 128, 192), ("more than 4096 values",)),
        (np.full((1, 128, 192), 7, np.uint8), ("labels.tif holds 1 class (7)", "--background")),
        (noise(1, 128, 192) % 300, ("holds 300 classes", "from 2 to 250")),
    ):
        write_image(root / "labels.tif", values)
        refused(root, *words, script=SCRIPT, arguments=SPLIT)
    write_image(root / "labels.tif", noise(1, 128, 192, "uint8"), compress="jpeg")
    refused(root, "labels.tif is compressed with loss", script=SCRIPT, arguments=SPLIT)
    write_image(root / "labels.tif", np.eye(128, 192, dtype=np.uint8)[None])
    refused(root, "--class-field is for polygons", script=SCRIPT,
            arguments=(*SPLIT, "--class-field", "kind"))  # fmt: skip
