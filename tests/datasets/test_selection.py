"""Which images a split holds: names, patterns, and lists in files."""

import re

import pytest

from network.datasets.folder import FolderDataset
from network.errors import ConfigError, DataError, MissingDataError
from network.experiment.loading import parse_value
from tests.conftest import refused, succeed_here
from tests.datasets.test_file_patterns import TILES, put

NAMES = {"classes": ["a", "b"], "masks": "index"}


@pytest.fixture
def images(tmp_path):
    """Images 0 to 4 with masks."""
    for number in range(5):
        put(tmp_path, f"images/image_{number}.jpg", f"masks/image_{number}.png")
    return tmp_path


def splits(root, **settings):
    """The last character of the names in each split."""
    folder = FolderDataset(root, **NAMES, **settings)
    return {
        split: "".join(sample.name[-1] for sample in folder.samples(split))
        for split in ("train", "val", "test")
    }


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"val": "val.txt"}, ("0124", "3", "3")),
        ({"val": "val.txt", "test": "lists/test.txt"}, ("012", "3", "4")),
        ({"val": "val.txt", "test": "lists/test.txt", "train": "train.txt"}, ("01", "3", "4")),
        ({"val": ["val.txt", "*_4"]}, ("012", "34", "34")),
        ({"val": "image_[34]", "train": "image_[01]"}, ("01", "34", "34")),
        ({"val": ["image_3", "image_4"]}, ("012", "34", "34")),
        ({"val": "images/*_[34].jpg"}, ("012", "34", "34")),
        ({"val": "image_3.jpg"}, ("0124", "3", "3")),
        ({"test": "image_3", "val": "image_0"}, ("124", "0", "3")),
    ],
)
def test_names_patterns_and_lists(images, settings, expected):
    (images / "val.txt").write_text("\ufeff# held out\n\n  image_3  \r\n")
    (images / "lists").mkdir()
    (images / "lists/test.txt").write_text("images/image_4.jpg")
    (images / "train.txt").write_text("image_0.jpg\nimages/image_1\n")
    (images / "dataset.yaml").write_text("val: val.txt\n")
    assert splits(images, **settings) == dict(zip(("train", "val", "test"), expected, strict=True))


def test_a_pattern_of_names_does_not_look_at_folders(images):
    with pytest.raises(DataError, match=r"of 5 images none is left for 'val' with val=\['im\*s\*'"):
        splits(images, val="im*s*")


def test_names_that_do_not_exist_are_refused_with_the_nearest(images):
    (images / "val.txt").write_text("image_3\nimag_4\nimages/image_9.jpg\nzzz\n")
    words = (
        r"val\.txt names images that are not there: 'imag_4' \(did you mean 'image_4'\?\), "
        r"'images/image_9\.jpg' \(did you mean 'images/image_.\.jpg'\?\), 'zzz'$"
    )
    for split in ("train", "val"):
        with pytest.raises(DataError, match=words):
            FolderDataset(images, **NAMES, val="val.txt").samples(split)
    with pytest.raises(DataError, match=r"test names images .* 'image_5' \(did you mean 'image_"):
        splits(images, val="image_3", test=["image_4", "image_5"])


def test_an_unclear_name_is_refused(tmp_path):
    for tile in (1, 2):
        put(tmp_path, f"Tile {tile}/images/a.jpg", f"Tile {tile}/masks/a.png")
    files = {"image_files": TILES[0], "mask_files": TILES[1]}
    with pytest.raises(DataError, match="val: 'a' may be 1_a, 2_a; write the path"):
        splits(tmp_path, val="a", **files)
    for name in ("1_a", "Tile 1/images/a.jpg", "./Tile 1/images/a", "Tile 1/*"):
        folder = FolderDataset(tmp_path, **NAMES, val=name, **files)
        assert [sample.name for sample in folder.samples("val")] == ["1_a"]
        assert [sample.name for sample in folder.samples("train")] == ["2_a"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"train": "image_[0123]"}, r"train=\['image_\[0123\]'\] and val=.* both hold image_3;"),
        ({"test": "*_3"}, r"val=\['image_3'\] and test=\['\*_3'\] both hold image_3;"),
        ({"train": ["image_0", "image_1"], "test": "*_1"}, r"train=.* and test=.* hold image_1;"),
    ],
)
def test_a_name_in_two_lists_is_refused(images, settings, words):
    for split in ("train", "val", "test"):
        with pytest.raises(DataError, match=words):
            FolderDataset(images, **NAMES, val="image_3", **settings).samples(split)


def test_lists_that_cannot_be(images):
    with pytest.raises(MissingDataError, match=r"no file .*val\.txt, which val='val\.txt' names"):
        splits(images, val="val.txt")
    (images / "val.txt").write_text("# nothing\n\n")
    with pytest.raises(DataError, match=r"val\.txt names no image"):
        splits(images, val="val.txt")
    (images / "val.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"val\.txt cannot be read as text"):
        splits(images, val="val.txt")
    with pytest.raises(ConfigError, match="no held-out files"):
        splits(images, train=["image_0"])


def test_images_in_no_split_are_said(images, capsys):
    splits(images, train=["image_0", "image_1"], val="image_3")
    assert "2 of the 5 images" in (out := capsys.readouterr().out)
    assert "are in no split" in out and "image_2, image_4" in out


def test_what_is_kept_of_a_list_tells_one_from_another(images):
    rules = []
    for content in ("image_3\n", "image_4\n", "# the fourth\nimage_4\n"):
        (images / "val.txt").write_text(content)
        rules.append(FolderDataset(images, **NAMES, val="val.txt").protocol())
    assert rules[0] != rules[1] == rules[2]
    assert rules[0]["val"][0].startswith("val.txt (") and rules[0]["test"] == rules[0]["val"]
    assert FolderDataset(images, **NAMES, val="*_3").protocol() == {"val": ["*_3"], "test": ["*_3"]}


def test_a_list_for_scripts(own):
    (own / "data/own/val.txt").write_text("scene_001_val\n")
    (own / "data/own/train.txt").write_text("scene_000\nscene_002\n")
    lists = ("dataset.val=val.txt", "dataset.train=train.txt")
    assert [parse_value(text.partition("=")[2]) for text in lists] == ["val.txt", "train.txt"]
    out = succeed_here(own, "tools/check_data.py", "-c", "bicor.py", *lists).out
    assert re.search(r"^images +2 +1 +1$", out, re.MULTILINE)
    (own / "data/own/val.txt").write_text("scene_001\n")
    words = ("data/own/val.txt names images that are not there: 'scene_001'", "did you mean")
    for script in ("train.py", "tools/check_data.py"):
        refused(own, *words, script=script, arguments=("-c", "bicor.py", *lists))
