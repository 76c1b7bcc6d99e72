"""Pixels without data: ignored in labels, filled with the mean, and in no map."""

import numpy as np
import pytest
import rasterio

from network.datasets.bands import Bands
from network.datasets.class_pixels import class_pixels
from network.datasets.datamodule import SegmentationDataModule
from network.datasets.dataset import SegmentationDataset
from network.datasets.folder import FolderDataset
from network.datasets.survey import survey
from network.errors import DataError
from network.files.band_images import BandSelection, read_image, read_validity
from network.files.images import read_indices, write_image
from network.scenes.rasters import Raster
from tests.bands.drawn import SIDE, scene, write_own, write_tif
from tests.conftest import succeed_here

HOLE = np.s_[4:12, 50:60]
MISSING = np.zeros((SIDE, SIDE), bool)
MISSING[HOLE] = True


def tagged(dtype, value, bands=(0, 1, 2)):
    def write(path):
        values, _ = scene(dtype, 3, 0)
        for band in bands:
            values[band][HOLE] = value
        write_tif(path, values, nodata=None if np.isnan(value) else value)

    return write


def masked(beside):
    def write(path):
        values, _ = scene("uint16", 3, 0)
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=not beside):
            write_tif(path, values)
            with rasterio.open(path, "r+") as file:
                file.write_mask(~MISSING)
        assert path.with_name(f"{path.name}.msk").exists() == beside

    return write


def with_alpha(path):
    values, _ = scene("uint8", 4, 0)
    values[3] = np.where(MISSING, 0, 255)
    write_tif(path, values, photometric="rgb", alpha="yes")


FORMS = {
    "all bands of 8 bits": (tagged("uint8", 0), {}),
    "one band of 16 bits": (tagged("uint16", 65535, [1]), {}),
    "one band of signed ones": (tagged("int16", -9999, [2]), {}),
    "NaN in one band": (tagged("float32", np.nan, [0]), {}),
    "a value of floats": (tagged("float32", -9999.0), {}),
    "a mask within": (masked(False), {}),
    "a mask beside": (masked(True), {}),
    "alpha": (with_alpha, {"alpha": "mask"}),
}


def layout_of(root, write, settings):
    for name in ("a", "b_val"):
        (root / "images").mkdir(parents=True, exist_ok=True)
        write(root / f"images/{name}.tif")
        write_image(root / f"masks/{name}.png", np.full((SIDE, SIDE), 1, np.uint8))
    with rasterio.open(root / "images/a.tif") as file:
        deep = file.dtypes[0] != "uint8"
    facts = {"scale": [-1000, 7000], "mean": [0.5, 0.25, 0.75], "std": [0.1] * 3} if deep else {}
    return FolderDataset(root, classes=["x", "y"], masks="index", val="*_val", **facts | settings)


@pytest.mark.parametrize("form", FORMS)
def test_it_is_ignored_filled_and_left_out_at_every_stage(form, tmp_path):
    layout = layout_of(tmp_path, *FORMS[form])
    spec = layout.spec
    pair = SegmentationDataset(layout, "train").read(0)
    np.testing.assert_array_equal(pair.mask, np.where(MISSING, 2, 1))
    means = np.array(spec.fill)
    found = pair.image[HOLE].reshape(-1, 3).astype(float)
    np.testing.assert_allclose(found, np.tile(means, (len(found), 1)), atol=0.5)
    data = SegmentationDataModule(layout, num_workers=0)
    (batch,) = data.whole_images(SegmentationDataset(layout, "test"))
    np.testing.assert_array_equal(batch["valid"][0].numpy(), ~MISSING)
    normalised = data.on_after_batch_transfer(batch)["image"][0].numpy()
    assert np.abs(normalised[:, MISSING]).max() < 0.02
    with Raster(tmp_path / "images/a.tif", spec) as raster:
        part = raster.read(0, 0, SIDE, SIDE)
    np.testing.assert_array_equal(part.valid, ~MISSING)
    np.testing.assert_array_equal(part.image, pair.image)
    labeled = int((~MISSING).sum())
    assert class_pixels(layout, layout.samples("train")) == [0, labeled]
    (table,) = survey(layout).tables
    rows = dict(line.split(maxsplit=1) for line in table.splitlines()[2:])
    assert rows["ignored"].split() == ["1.95%"] * 3
    np.testing.assert_array_equal(
        read_validity(tmp_path / "images/a.tif", spec.selection), ~MISSING
    )


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (tagged("uint8", 0, [1]), "0 in one band of 8 bits is a color"),
        (tagged("uint8", 0, []), "no pixel has the value"),
    ],
)
def test_what_is_data(write, reason, tmp_path):
    write(tmp_path / "a.tif")
    assert read_image(tmp_path / "a.tif").valid is None, reason


def test_alpha_is_left_out_a_mask_or_a_band(tmp_path):
    path = tmp_path / "a.tif"
    with_alpha(path)
    plain = read_image(path)
    assert plain.values.shape == (SIDE, SIDE, 3)
    assert plain.valid is None
    as_mask = read_image(path, BandSelection(alpha="mask"))
    np.testing.assert_array_equal(as_mask.valid, ~MISSING)
    as_band = read_image(path, BandSelection((1, 2, 3, 4), alpha="mask"))
    assert as_band.valid is None
    np.testing.assert_array_equal(as_band.values[..., 3], np.where(MISSING, 0, 255))
    for alpha, expected in (("", ~MISSING), ("mask", ~MISSING), ("band", ~MISSING | True)):
        with Raster(path, Bands(alpha=alpha)) as raster:
            part = raster.read(0, 0, SIDE, SIDE)
        np.testing.assert_array_equal(part.valid, expected)
        changed = (part.image != plain.values).any(axis=2)
        assert changed.any() == (alpha == "mask")


def test_no_data_is_in_no_map_of_test_and_prediction(tmp_path):
    settings = "scale: [-0.2, 1.4]\nmean: [0.4, 0.4]\nstd: [0.2, 0.2]\nbands: [1, 2]"
    folder = write_own(tmp_path, "float32", 2, settings)
    path = folder / "images/c_val.tif"
    values, _ = scene("float32", 2, 2)
    values[0][HOLE] = np.nan
    write_tif(path, values)
    arguments = ("-c", "own.py")
    succeed_here(tmp_path, "train.py", *arguments)
    succeed_here(tmp_path, "test.py", *arguments, "-o", "out", "--rgb")
    succeed_here(tmp_path, "predict.py", *arguments, path, "-o", "maps", "--rgb")
    tested = read_indices(tmp_path / "out/masks/c_val.png")
    np.testing.assert_array_equal(tested == 255, MISSING)
    for kind, name in (("", "masks"), ("rgb", "masks_rgb")):
        with (
            rasterio.open(tmp_path / "maps" / kind / "c_val.tif") as file,
            rasterio.open(tmp_path / "out" / name / "c_val.png") as other,
        ):
            np.testing.assert_array_equal(file.read(other.indexes), other.read())
            if kind == "rgb":
                np.testing.assert_array_equal(file.read(4) == 0, MISSING)
    succeed_here(tmp_path, "tools/report.py", "out", *arguments)


def test_images_without_any_data_have_nothing_to_train_on(tmp_path):
    def empty(path):
        write_tif(path, np.zeros((3, SIDE, SIDE), np.uint8), nodata=0)

    layout = layout_of(tmp_path, empty, {})
    (fault, *_) = survey(layout).faults
    assert "all are ignored or without data" in fault


def test_images_of_different_types_are_refused(tmp_path):
    layout = layout_of(tmp_path, tagged("uint16", 65535, []), {})
    tagged("int16", -9999, [])(tmp_path / "images/b_val.tif")
    faults = [fault for fault in survey(layout).faults if "different types" in fault]
    assert "a.tif is uint16" in faults[0]
    assert "b_val.tif is int16" in faults[0]


def test_values_that_cannot_be_of_the_scale_are_refused(tmp_path):
    path = tmp_path / "a.tif"
    tagged("uint8", 0, [])(path)
    with pytest.raises(DataError, match="holds uint8, and the dataset"):
        read_image(path, BandSelection(scale=(0, 10000)))
