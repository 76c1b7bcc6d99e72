"""Images and masks anywhere below a folder, by patterns."""

import cv2
import numpy as np
import pytest

from network.datasets.dubai import DubaiDataset
from network.datasets.folder import FolderDataset
from network.datasets.pairing import Pairing
from network.errors import ConfigError, DataError, MissingDataError
from network.experiment import Experiment
from tests.conftest import REPOSITORY


def put(root, *files):
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.zeros((4, 4, 3), np.uint8))


def found(root, images, masks, names=None):
    """Image and mask of each sample, below the folder."""
    return {
        sample.name: tuple(path.relative_to(root).as_posix() for path in sample.files)
        for sample in Pairing(images, masks, names).samples(root)
    }


TILES = ("Tile */images/*.jpg", "Tile */masks/*.png")


def test_files_of_the_same_name_in_several_folders(tmp_path):
    for tile in (3, 12):
        put(tmp_path, f"Tile {tile}/images/image_part_002.jpg")
        put(tmp_path, f"Tile {tile}/masks/image_part_002.png")
    assert found(tmp_path, *TILES) == {
        f"{tile}_image_part_002": (
            f"Tile {tile}/images/image_part_002.jpg",
            f"Tile {tile}/masks/image_part_002.png",
        )
        for tile in (12, 3)
    }
    parts = [pattern.replace("*.", "image_part_*.") for pattern in TILES]
    assert [*found(tmp_path, *parts)] == ["12_002", "3_002"]
    assert [*found(tmp_path, *parts, "tile*_part*")] == ["tile12_part002", "tile3_part002"]


@pytest.mark.parametrize(
    ("images", "masks", "files", "name"),
    [
        ("images/*_RGB.tif", "labels/*_label.tif", ("images/a_1_RGB.tif", "labels/a_1_label.tif"),
         "a_1"),
        ("images/*", "masks/*_mask", ("images/a.jpg", "masks/a_mask.png"), "a"),
        ("images/*.*", "masks/*.png", ("images/a.JPG", "masks/a.png"), "a"),
        ("*_sat.jpg", "*_mask.png", ("a_sat.jpg", "a_mask.png"), "a"),
        ("images/**/*", "masks/**/*", ("images/b/c/a.jpg", "masks/b/c/a.png"), "b_c_a"),
        ("images/**/*", "masks/**/*", ("images/a.jpg", "masks/a.png"), "a"),
        ("images/*", "masks/*", ("images/a.b.tif", "masks/a.b.png"), "a.b"),
        ("s?_[12]*/x.png", "m?_[12]*/x.png", ("s5_1th/x.png", "m5_1th/x.png"), "5_1_th"),
        ("s[!ab]*/x.png", "m[!ab]*/x.png", ("sc1/x.png", "mc1/x.png"), "c_1"),
        ("a+(b)/*.png", "m/*.png", ("a+(b)/1.png", "m/1.png"), "1"),
        ("img_*.tif", "gt/*.TIF", ("img_7.TIF", "gt/7.tif"), "7"),
    ],
)  # fmt: skip
def test_what_a_pattern_finds(tmp_path, images, masks, files, name):
    put(tmp_path, *files)
    assert found(tmp_path, images, masks) == {name: files}


def test_what_a_pattern_leaves_out(tmp_path):
    put(tmp_path, "T 1/images/a.jpg", "T 1/masks/a.png", ".T 2/images/a.jpg", "T 1/images/.b.jpg")
    put(tmp_path, "deep/T 3/images/a.jpg", "T 1/images/c.tif", "X/images/d.jpg")
    (tmp_path / "T 4").mkdir()
    assert [*found(tmp_path, "T */images/*.jpg", "T */masks/*.png")] == ["1_a"]


def test_files_beside_the_folder(tmp_path):
    put(tmp_path, "images/a.png", "masks/a.png")
    (tmp_path / "settings").mkdir()
    (sample,) = Pairing("../images/*", "../masks/*").samples(tmp_path / "settings")
    assert sample.name == "a" and sample.image.is_file()
    (sample,) = Pairing(f"{tmp_path}/images/*", f"{tmp_path}/masks/*").samples(tmp_path)
    assert sample.name == "a" and sample.image.is_file()


def test_unpaired_and_doubly_paired_files_are_refused_by_name(tmp_path):
    put(tmp_path, "Tile 1/images/a.jpg", "Tile 1/masks/a.png")
    put(tmp_path, "Tile 2/images/a.jpg", "Tile 3/masks/a.png")
    words = (
        r"1 images in .*Tile \*/images/\*.jpg without a mask .*: Tile 2/images/a\.jpg; "
        r"1 masks in .* without an image .*: Tile 3/masks/a\.png"
    )
    with pytest.raises(DataError, match=words):
        found(tmp_path, *TILES)
    faults = []
    samples = Pairing(*TILES).samples(tmp_path, faults.append)
    assert [sample.name for sample in samples] == ["1_a"] and len(faults) == 1
    put(tmp_path, "Tile 2/masks/a.png", "Tile 3/images/a.jpg", "Tile 3/images/a.jpeg")
    with pytest.raises(DataError, match=r"Tile 3/images/a\.jpeg, Tile 3/images/a\.jpg"):
        found(tmp_path, "Tile */images/*", "Tile */masks/*")


def test_samples_of_one_name_are_refused(tmp_path):
    put(tmp_path, "1_2/images/3.jpg", "1_2/masks/3.png", "1/images/2_3.jpg", "1/masks/2_3.png")
    with pytest.raises(DataError, match=r"1/images/2_3\.jpg and .*1_2/images/3\.jpg .* '1_2_3'"):
        found(tmp_path, "*/images/*.jpg", "*/masks/*.png")
    assert [*found(tmp_path, "*/images/*.jpg", "*/masks/*.png", "*-*")] == ["1-2_3", "1_2-3"]


@pytest.mark.parametrize("name", ["image", "image.2"])
def test_a_name_that_is_no_file_is_refused(tmp_path, name):
    put(tmp_path, f"images/{name}.jpg", f"masks/{name}.png")
    with pytest.raises(DataError, match="would be called"):
        found(tmp_path, "images/image*.jpg", "masks/image*.png")
    assert [*found(tmp_path, "images/image*.jpg", "masks/image*.png", "image*")] == [name]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"image_files": "images/a.png"}, "image_files='images/a.png' names one file"),
        ({"image_files": "T */images/*"}, "2 wildcards, mask_files='masks/\\*' has 1"),
        ({"sample_names": "x"}, "sample_names='x': .* for each of the 1 wildcards"),
        ({"sample_names": "x/*"}, "sample_names='x/\\*'"),
        ({"image_files": 3}, "image_files=3: a text"),
        ({"mask_files": ""}, "mask_files='': a text"),
    ],
)
def test_patterns_that_cannot_be(tmp_path, settings, words):
    with pytest.raises(ConfigError, match=words):
        FolderDataset(tmp_path, classes=["a", "b"], masks="index", **settings)


def test_no_file_of_a_pattern(tmp_path):
    put(tmp_path, "images/a.png", "masks/a.png")
    for images, words in (("T */*.png", r"T \*/\*\.png"), ("images/*.jpg", r"images/\*\.jpg"),
                          ("Images/*", "no folder .*Images")):  # fmt: skip
        masks = "masks/*" if images.count("*") == 1 else "mask*/*"
        with pytest.raises(MissingDataError, match=words):
            Pairing(images, masks).samples(tmp_path)


def test_dubai_in_both_layouts(tmp_path):
    for part in ("001", "007"):
        put(tmp_path, f"new/Tile 1/images/image_part_{part}.jpg")
        put(tmp_path, f"new/Tile 1/masks/image_part_{part}.png")
        put(tmp_path, f"old/images/tile1_part{part}.jpg", f"old/masks/tile1_part{part}.png")
    for root in ("new", "old"):
        dubai = DubaiDataset(tmp_path / root)
        assert [sample.name for sample in dubai.samples("train")] == ["tile1_part001"]
        assert [sample.name for sample in dubai.samples("val")] == ["tile1_part007"]
        turned = DubaiDataset(tmp_path / root, val=["tile1_part001"], test=["tile1_part007"])
        assert [sample.name for sample in turned.samples("val")] == ["tile1_part001"]
        assert [sample.name for sample in turned.samples("test")] == ["tile1_part007"]
        settings = ["dataset.val=['tile1_part001']", "dataset.test=tile1_part007"]
        settings += [f"dataset.root={tmp_path / root}"]
        config = Experiment.load(REPOSITORY / "config/dubai/bicor.py", settings)
        assert config.build_dataset().samples("val") == turned.samples("val")
    put(tmp_path, "new/images/tile1_part001.jpg")
    with pytest.raises(ConfigError, match="new holds images/ and the publisher's tiles"):
        DubaiDataset(tmp_path / "new")
