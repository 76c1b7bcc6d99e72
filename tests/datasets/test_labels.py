"""Masks of indices: which stored values are classes, which are ignored, which are refused."""

import math
import warnings

import cv2
import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning

from network.datasets.catalog import DatasetSpec
from network.datasets.colors import UNKNOWN
from network.datasets.folder import FolderDataset
from network.datasets.isprs import PotsdamDataset
from network.datasets.labels import decode_colored
from network.datasets.loveda import LoveDARaw
from network.errors import ConfigError, DataError
from network.experiment.loading import parse_value
from network.files.images import write_image
from tests.conftest import refused, succeed_here
from tests.files.forms import with_tag

NAMES = ("road", "house", "tree")
IGNORE = 3
U = UNKNOWN


def folder(root, **settings):
    return FolderDataset(root, **{"classes": NAMES, "masks": "index", "val": "*_val", **settings})


def write_tif(path, values, **options):
    values = np.atleast_3d(values).transpose(2, 0, 1)
    count, height, width = values.shape
    profile = {"driver": "GTiff", "count": count, "height": height, "width": width}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", dtype=values.dtype, **profile, **options) as target:
            target.write(values)
    return path


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "int64", "float32", "float64"]
)
def test_whole_numbers_are_classes_whatever_their_type(tmp_path, dtype):
    path = write_tif(tmp_path / "mask.tif", np.array([[0, 1, 2, 3, 100]], dtype))
    mask, _ = folder(tmp_path, ignore_values=[100]).decode_mask(path)
    assert mask.tolist() == [[0, 1, 2, U, IGNORE]]


def test_what_is_no_whole_number_or_out_of_range_is_no_class(tmp_path):
    values = [0, 0.5, 1.25, 1.999, 2, 2.5, -0.5, -1, 256, 257, 65536, math.nan, math.inf, -math.inf]
    expected = [0, U, U, U, 2, U, U, U, U, U, U, U, U, U]
    own = folder(tmp_path)
    for dtype in (np.float32, np.float64):
        assert own.encode_indices(np.array([values], dtype)).tolist() == [expected]
    for dtype, wrapped in (
        ("uint16", 256),
        ("int32", 65537),
        ("int16", -256),
        ("uint64", 2**64 - 1),
    ):
        assert own.encode_indices(np.array([[wrapped, 1]], dtype)).tolist() == [[U, 1]]


def test_a_resampled_float_mask_is_refused_and_its_values_are_named(tmp_path):
    values = np.zeros((10, 10), np.float32)
    values[0, :9] = 1.25
    path = write_tif(tmp_path / "mask.tif", values)
    with pytest.raises(DataError, match=r"mask\.tif: 9\.0% .* 1\.25 \(9\.0%\)"):
        folder(tmp_path).read_mask(path)
    values[0, 1:] = 0
    mask = folder(tmp_path).read_mask(write_tif(path, values))
    assert mask[0, 0] == IGNORE and (mask == 0).sum() == 99


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("uint8", 255),
        ("int16", -1),
        ("uint16", 65535),
        ("int32", -9999),
        ("int32", 10**6),
        ("float32", math.nan),
        ("float64", -9999.0),
        ("float32", 2.5),
    ],
)
def test_any_number_can_be_ignored(tmp_path, dtype, value):
    path = write_tif(tmp_path / "mask.tif", np.array([[value, 0], [1, 2]]).astype(dtype))
    own = folder(tmp_path, ignore_values=[254, value, -7])
    assert own.read_mask(path).tolist() == [[IGNORE, 0], [1, 2]]
    with pytest.raises(DataError, match="values that the dataset does not list"):
        folder(tmp_path, ignore_values=[254, -7]).read_mask(path)


def test_values_to_ignore_come_from_the_file_the_config_or_the_command_line(tmp_path):
    settings = "classes: [road, house, tree]\nmasks: index\nignore_values: [.nan, -1, 65535]\n"
    (tmp_path / "dataset.yaml").write_text(settings)
    values = np.array([[-1, 65535, 0, np.nan]])
    assert FolderDataset(tmp_path).encode_indices(values).tolist() == [[3, 3, 0, 3]]
    given = FolderDataset(tmp_path, ignore_values=parse_value("[nan]"))
    assert given.encode_indices(values).tolist() == [[U, U, 0, IGNORE]]
    given = FolderDataset(tmp_path, ignore_values=parse_value("-1"))
    assert given.encode_indices(values).tolist() == [[IGNORE, U, 0, U]]


@pytest.mark.parametrize(
    ("dtype", "nodata", "stored"),
    [
        ("int16", -1, -1),
        ("uint16", 65535, 65535),
        ("uint8", 255, 255),
        ("float32", math.nan, math.nan),
        ("float32", -3.4028234663852886e38, np.finfo(np.float32).min),
    ],
)
def test_what_the_file_declares_as_no_data_is_ignored(tmp_path, dtype, nodata, stored):
    values = np.array([[stored, 0], [1, 2]]).astype(dtype)
    path = write_tif(tmp_path / "mask.tif", values, nodata=nodata)
    assert folder(tmp_path).read_mask(path).tolist() == [[IGNORE, 0], [1, 2]]


def test_a_declared_value_that_no_pixel_can_have_changes_nothing(tmp_path):
    path = write_tif(tmp_path / "mask.tif", np.array([[0, 1]], np.uint8), nodata=255)
    content = path.read_bytes()
    for text in (b"-99\0", b"nan\0", b"1.5\0", b"1e9\0"):
        path.write_bytes(content.replace(b"255\0", text))
        assert folder(tmp_path).read_mask(path).tolist() == [[0, 1]]


@pytest.mark.parametrize("values", [[[0, 1], [1, 2]], [[1, 1], [1, 2]]], ids=["there", "nowhere"])
def test_a_class_that_is_declared_as_no_data_is_refused(tmp_path, values):
    path = write_tif(tmp_path / "mask.tif", np.array(values, np.uint8), nodata=0)
    words = r"mask\.tif declares 0 to be no data .* class 'road' .*--unset-nodata.*first_label=1"
    with pytest.raises(DataError, match=words):
        folder(tmp_path).read_mask(path)
    counted = folder(tmp_path, first_label=1).read_mask(path)
    assert counted.tolist() == [[IGNORE if v == 0 else v - 1 for v in row] for row in values]


def test_a_color_that_is_declared_as_no_data(tmp_path):
    palette = ((255, 255, 255), (255, 0, 0))
    colors = np.array([[[0, 0, 0], [255, 0, 0], [255, 255, 255], [0, 0, 0]]], np.uint8)
    spec = DatasetSpec("two", ("white", "red"), palette)
    path = write_tif(tmp_path / "mask.tif", colors, nodata=0)
    assert decode_colored(path, spec)[0].tolist() == [[2, 1, 0, 2]]
    path = write_tif(tmp_path / "mask.tif", colors, nodata=255)
    with pytest.raises(DataError, match=r"declares 255 to be no data .* class 'white'"):
        decode_colored(path, spec)
    path = write_tif(tmp_path / "mask.tif", colors)
    assert decode_colored(path, spec)[0].tolist() == [[U, 1, 0, U]]


def test_masks_that_count_from_one(tmp_path):
    path = tmp_path / "mask.png"
    write_image(path, np.array([[0, 1, 2, 3]], np.uint8))
    own = folder(tmp_path, first_label=1, ignore_values=[0])
    assert own.read_mask(path).tolist() == [[IGNORE, 0, 1, 2]]
    assert own.encode_indices(np.array([[4, 0, 1]], np.int32)).tolist() == [[U, IGNORE, 0]]
    assert folder(tmp_path, first_label=1).decode_mask(path)[0].tolist() == [[U, 0, 1, 2]]
    assert folder(tmp_path, first_label=-1).decode_mask(path)[0].tolist() == [[1, 2, U, U]]


def test_published_labels_of_loveda_count_from_one():
    raw = np.array([[0, 1, 7, 8]], np.uint8)
    assert LoveDARaw().encode_indices(raw).tolist() == [[7, 0, 6, U]]


@pytest.mark.parametrize(
    "write",
    [
        lambda path, mask: Image.fromarray(mask).save(path.with_suffix(".png")),
        lambda path, mask: Image.fromarray(np.dstack([mask] * 3)).save(path.with_suffix(".bmp")),
        lambda path, mask: Image.fromarray(np.dstack([mask, 200 + mask])).save(
            path.with_suffix(".png")
        ),
        lambda path, mask: Image.fromarray(np.dstack([mask] * 3 + [200 + mask])).save(
            path.with_suffix(".png")
        ),
        lambda path, mask: Image.fromarray(mask == 1).save(path.with_suffix(".png")),
        lambda path, mask: Image.fromarray(mask == 1).save(
            path.with_suffix(".tif"), compression="group4"
        ),
        lambda path, mask: write_tif(path.with_suffix(".tif"), mask, compress="lerc_zstd"),
        lambda path, mask: write_tif(path.with_suffix(".tif"), mask, nbits=1),
    ],
    ids=["gray", "RGB", "gray, alpha", "RGBA", "1 bit", "fax", "LERC", "TIFF, 1 bit"],
)
def test_indices_in_many_forms(tmp_path, write):
    mask = np.array([[0, 1] * 8] * 9, np.uint8)
    write(tmp_path / "mask", mask)
    (path,) = tmp_path.iterdir()
    np.testing.assert_array_equal(folder(tmp_path).read_mask(path), mask)


def test_inverted_gray_is_no_mask_of_indices(tmp_path):
    path = tmp_path / "mask.tif"
    with_tag(lambda path: write_tif(path, np.zeros((4, 4), np.uint8)), 262, 0)(path)
    with pytest.raises(DataError, match=r"mask\.tif is stored as inverted gray .* plain gray"):
        folder(tmp_path).read_mask(path)


def test_sixteen_bit_colors_are_refused(tmp_path):
    path = write_tif(tmp_path / "mask.tif", np.full((4, 4, 3), 257, np.uint16))
    with pytest.raises(DataError, match=r"more than 8 bits a band"):
        decode_colored(path, DatasetSpec("two", ("a", "b"), ((1, 1, 1), (2, 2, 2))))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ignore_values": [2]}, r"ignore_values \[2\] are indices of classes.* 0 to 2"),
        ({"ignore_values": 1.0}, r"ignore_values \[1.0\] are indices of classes"),
        ({"ignore_values": [3], "first_label": 1}, r"\[3\] are .* stored as 1 to 3"),
        ({"ignore_values": [True]}, r"ignore_values=\[True\]: a list of numbers"),
        ({"ignore_values": "255"}, "ignore_values='255': a list of numbers"),
        ({"first_label": 1.5}, "first_label=1.5: a whole number"),
        ({"first_label": True}, "first_label=True: a whole number"),
        ({"classes": ["road", "house", "road"]}, "several classes are called 'road'"),
        ({"classes": {1: (1, 1, 1), "1": (2, 2, 2)}}, "several classes are called '1'"),
    ],
)
def test_settings_of_indices_that_contradict_each_other(tmp_path, settings, message):
    with pytest.raises(ConfigError, match=message):
        folder(tmp_path, **settings)


@pytest.mark.parametrize("setting", [{"ignore_values": [255]}, {"first_label": 1}])
def test_settings_of_indices_are_refused_for_colors(tmp_path, setting):
    colors = {"road": (1, 1, 1), "house": (2, 2, 2)}
    with pytest.raises(ConfigError, match="is of masks of class indices, and these are in colors"):
        folder(tmp_path, classes=colors, masks="color", **setting)


def test_a_name_that_stands_twice_in_the_yaml(tmp_path):
    (tmp_path / "dataset.yaml").write_text(
        "classes:\n  road: [1, 1, 1]\n  house: [2, 2, 2]\n  road: [3, 3, 3]\n"
    )
    with pytest.raises(ConfigError, match=r"dataset\.yaml .*line 4: 'road' stands there a second"):
        FolderDataset(tmp_path)


def test_class_names_of_any_dataset_must_differ():
    with pytest.raises(ConfigError, match="several classes are called 'a'"):
        DatasetSpec("two", ("a", "b", "a"), ((1, 1, 1), (2, 2, 2), (3, 3, 3)))


def indexed(root, shift=0, rare=None):
    """The drawn masks as indices, shifted; ``rare``: pixels that the last class keeps."""
    drawn = FolderDataset(root / "data/own")
    last = drawn.spec.num_classes - 1
    for path in (root / "data/own/masks").iterdir():
        mask = drawn.read_mask(path)
        mask[mask > last] = 1
        if rare is not None:
            mask[mask == last] = 1
            mask.ravel()[:rare] = last
        cv2.imwrite(str(path), mask + shift)
    names = ", ".join(drawn.spec.classes)
    settings = root / "data/own/dataset.yaml"
    settings.write_text(f"classes: [{names}]\nmasks: index\nval: '*_val'\n")
    return last


def test_masks_that_evidently_count_from_one_are_never_trained_shifted(own):
    last = indexed(own, shift=1, rare=50)  # of 96x112 pixels less than 1%
    words = ("seem to count from 1", f"{last + 1} occurs", "0 nowhere", "Set first_label=1")
    refused(own, *words)
    refused(own, *words, script="tools/check_data.py")
    assert (
        "no faults"
        in succeed_here(own, "tools/check_data.py", "-c", "bicor.py", "dataset.first_label=1").out
    )
    ignored = f"dataset.ignore_values=[{last + 1}]"
    succeed_here(own, "tools/check_data.py", "-c", "bicor.py", ignored)


def test_masks_that_evidently_count_from_zero(own):
    last = indexed(own, rare=0)
    for path in (own / "data/own/masks").iterdir():
        mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        mask[mask == 0] = 1
        mask[0, :50] = 0
        cv2.imwrite(str(path), mask)
    words = ("seem to count from 0", "0 occurs", f"{last + 1} nowhere", "Set first_label=0")
    refused(own, *words, arguments=("-c", "bicor.py", "dataset.first_label=1"))


def test_a_few_values_that_are_not_listed_are_said(own):
    indexed(own)
    path = own / "data/own/masks/scene_002.png"
    mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    mask[0, :20] = 77
    cv2.imwrite(str(path), mask)
    result = succeed_here(own, "train.py", "-c", "bicor.py", "sample_every=0")
    assert "1 of 6 masks" in result.out and "scene_002.png" in result.out
    assert "does not list; they are ignored" in result.out


def test_masks_of_indices_of_published_datasets_ignore_one_value_more():
    raw = np.array([[0, 5, 6, 7]], np.uint8)
    assert PotsdamDataset().encode_indices(raw).tolist() == [[0, 5, 6, U]]
