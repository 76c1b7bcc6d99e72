"""Classes and their colors: numbers, six digits, a file of the publisher's."""

import json

import numpy as np
import pytest
from PIL import Image

from network.datasets.folder import FolderDataset
from network.errors import ConfigError
from tests.conftest import refused

RGB = {"Building": (60, 16, 152), "Road": (110, 193, 228)}
HEX = {"Building": "#3C1098", "Road": "#6ec1e4"}
PUBLISHED = {
    "classes": [
        {"title": "Building", "shape": "bitmap", "color": "#3C1098", "geometry_config": {}},
        {"title": "Road", "shape": "bitmap", "color": "#6EC1E4", "geometry_config": {}},
    ],
    "tags": [],
}


def stored(root, content):
    text = content if isinstance(content, str) else json.dumps(content)
    (root / "classes.json").write_text(text)
    return FolderDataset(root, classes="classes.json").spec


def test_colors_of_six_digits(tmp_path):
    spec = FolderDataset(tmp_path, classes=HEX, ignore_colors=["#9B9b9B", (0, 0, 0)]).spec
    assert dict(zip(spec.classes, spec.palette, strict=True)) == RGB
    assert spec.ignore_colors == ((155, 155, 155), (0, 0, 0))
    (tmp_path / "dataset.yaml").write_text(
        "classes: {Building: '#3C1098', Road: \"#6EC1E4\"}\nignore_colors: '#9B9B9B'\n"
    )
    spec = FolderDataset(tmp_path).spec
    assert dict(zip(spec.classes, spec.palette, strict=True)) == RGB
    assert spec.ignore_colors == ((155, 155, 155),)


@pytest.mark.parametrize("value", ["3C1098", "#3C109", "#3C1098FF", "#3C10GG", "purple", "#abc"])
def test_what_is_no_color(tmp_path, value):
    with pytest.raises(ConfigError, match=f"color of 'Road': .*'#RRGGBB', got '{value}'"):
        FolderDataset(tmp_path, classes=HEX | {"Road": value})
    with pytest.raises(ConfigError, match=f"color of 'ignore_colors': .* got '{value}'"):
        FolderDataset(tmp_path, classes=HEX, ignore_colors=[value])


def test_a_color_without_quotes_is_a_comment_in_yaml(tmp_path):
    (tmp_path / "dataset.yaml").write_text("classes:\n  Building: #3C1098\n  Road: #6EC1E4\n")
    with pytest.raises(ConfigError, match="got None; in YAML, # needs quotes"):
        FolderDataset(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        PUBLISHED,
        {"classes": [{"name": "Building", "color": [60, 16, 152]}, PUBLISHED["classes"][1]]},
        HEX,
        {name: list(color) for name, color in RGB.items()},
        "\ufeff" + json.dumps(HEX),
    ],
    ids=["published", "name", "digits", "numbers", "byte order mark"],
)
def test_classes_in_a_file(tmp_path, content):
    spec = stored(tmp_path, content)
    assert dict(zip(spec.classes, spec.palette, strict=True)) == RGB
    assert spec.classes == ("Building", "Road")


def test_names_in_a_file_do_for_indices(tmp_path):
    stored(tmp_path, PUBLISHED)
    (tmp_path / "dataset.yaml").write_text("classes: classes.json\nmasks: index\nfirst_label: 1\n")
    assert FolderDataset(tmp_path).class_values() == {1: 0, 2: 1}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "cannot be read"),
        ("{", "cannot be read"),
        ("[" * 100000, "cannot be read"),
        ('{"Road": "#111111", "Road": "#222222"}', "'Road' stands there a second time"),
        ("[]", "lists no classes"),
        ("3", "lists no classes"),
        ("{}", "lists no classes"),
        ({"classes": [3]}, "its form must be"),
        ({"classes": [{"color": "#111111"}]}, "None is no name"),
        ({"classes": [PUBLISHED["classes"][0]] * 2}, "'Building' stands there a second time"),
        ({"classes": [{"title": "Road"}]}, "color of 'Road'"),
        ({"classes": PUBLISHED["classes"][:1]}, "1 classes: from 2"),
        ({"classes": "Road", "x": "#111111"}, "color of 'classes'"),
    ],
)
def test_files_that_list_no_classes(tmp_path, content, words):
    with pytest.raises(ConfigError, match=words):
        stored(tmp_path, content)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r"no file .*classes\.json"):
        FolderDataset(tmp_path, classes="classes.json")


def test_a_class_of_the_file_that_is_to_be_ignored(tmp_path):
    listed = [PUBLISHED["classes"][0], {"title": "Unlabeled", "color": "#9B9B9B"}]
    (tmp_path / "classes.json").write_text(json.dumps(
        {"classes": [*listed, PUBLISHED["classes"][1]]}))  # fmt: skip
    own = FolderDataset(tmp_path, classes="classes.json", ignore_colors=["Unlabeled", "#000000"])
    assert own.spec.classes == ("Building", "Road")
    assert own.spec.palette == (*RGB.values(),)
    assert own.spec.ignore_colors == ((155, 155, 155), (0, 0, 0))
    Image.fromarray(np.uint8([[(60, 16, 152), (155, 155, 155), (110, 193, 228)]])).save(
        tmp_path / "mask.png"
    )
    assert own.read_mask(tmp_path / "mask.png").tolist() == [[0, 2, 1]]
    with pytest.raises(ConfigError, match=r"two things .* stands in ignore_colors by its name"):
        FolderDataset(tmp_path, classes="classes.json", ignore_colors=["#9B9B9B"])
    with pytest.raises(ConfigError, match="names the class 'Unlabeled', but the masks hold ind"):
        FolderDataset(tmp_path, classes="classes.json", masks="index", ignore_colors=["Unlabeled"])


def test_colors_of_a_file_that_the_masks_do_not_have_are_refused(own):
    names = FolderDataset(own / "data/own").spec.classes
    colors = {name: f"#0102{number:02X}" for number, name in enumerate(names)}
    (own / "data/own/classes.json").write_text(json.dumps(colors))
    words = ("have colors that the dataset does not list", "the commonest [")
    for script in ("train.py", "tools/check_data.py"):
        arguments = ("-c", "bicor.py", "dataset.classes=classes.json")
        refused(own, *words, script=script, arguments=arguments)


def test_a_file_in_another_encoding_is_refused(tmp_path):
    (tmp_path / "classes.json").write_bytes(b"\xff\xfe{\x00")
    with pytest.raises(ConfigError, match=r"classes\.json cannot be read"):
        FolderDataset(tmp_path, classes="classes.json")
