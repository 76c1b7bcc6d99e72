"""Tables of the values in masks of indices: ``{1: Building, 2: Road, 0: ignore}``."""

import json
import math
import shutil

import cv2
import numpy as np
import pytest
import yaml

from network.datasets.colors import UNKNOWN
from network.datasets.folder import FolderDataset
from network.datasets.labels import Held
from network.errors import ConfigError, DataError
from network.experiment.loading import parse_value
from tests.conftest import refused, succeed_here

U = UNKNOWN
TABLE = {10: "road", 20: "house", 30: "tree", 0: "ignore"}


def folder(root, labels=TABLE, **settings):
    return FolderDataset(root, **{"labels": labels, "val": "*_val", **settings})


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "int64", "float32"])
def test_values_with_gaps(tmp_path, dtype):
    own = folder(tmp_path)
    assert own.masks == "index" and own.spec.classes == ("road", "house", "tree")
    raw = np.array([[0, 1, 10, 11, 20, 25, 30, 31, 9]], dtype)
    assert own.encode_indices(raw).tolist() == [[3, U, 0, U, 1, U, 2, U, U]]


def test_what_is_no_whole_number_or_out_of_range_is_no_class(tmp_path):
    own = folder(tmp_path, {1: "road", 3: "house", math.nan: "ignore", -7.5: "ignore"})
    raw = np.array([[1, 1.5, 2, 3, math.nan, -7.5, math.inf, -math.inf, 1e30, 257]])
    assert own.encode_indices(raw).tolist() == [[0, U, U, 1, 2, 2, U, U, U, U]]
    raw = np.array([[1, 2**64 - 1, 2**32 + 1]], np.uint64)
    assert own.encode_indices(raw).tolist() == [[0, U, U]]


def test_the_order_is_that_of_the_classes_or_of_the_table(tmp_path):
    assert folder(tmp_path, {2: "b", 1: "a"}).spec.classes == ("b", "a")
    own = folder(tmp_path, {2: "b", 1: "a"}, classes={"a": "#000001", "b": [0, 0, 2]})
    assert own.spec.classes == ("a", "b") and own.spec.palette == ((0, 0, 1), (0, 0, 2))
    assert own.encode_indices(np.array([[1, 2, 0]], np.uint8)).tolist() == [[0, 1, U]]
    own = folder(tmp_path, {2: "b", 1: "a"}, classes=["a", "b"])
    assert own.encode_indices(np.array([[1, 2, 0]], np.uint16)).tolist() == [[0, 1, U]]


def test_several_values_may_be_one_class(tmp_path):
    own = folder(tmp_path, {1: "road", 2: "house", 7: "road", -1: "ignore", 255: "ignore"})
    assert own.spec.classes == ("road", "house")
    assert own.encode_indices(np.array([[1, 2, 7, -1, 255, 0]])).tolist() == [[0, 1, 0, 2, 2, U]]


def test_more_values_to_ignore(tmp_path):
    own = folder(tmp_path, ignore_values=[255])
    assert own.encode_indices(np.array([[0, 255, 10, 254]])).tolist() == [[3, 3, 0, U]]


def test_the_table_from_the_file_and_from_the_command_line(tmp_path):
    (tmp_path / "dataset.yaml").write_text("labels:\n  1: Building\n  2: Road\n  0: ignore\n")
    assert FolderDataset(tmp_path).class_values() == {1: 0, 2: 1}
    given = parse_value("{5: 'Road', 6: 'Building', 0: 'ignore'}")
    own = FolderDataset(tmp_path, labels=given)
    assert own.class_values() == {5: 0, 6: 1} and own.ignore_values == (0,)
    (tmp_path / "dataset.yaml").write_text("labels: {1: A, 2: B, 1.0: C}\n")
    with pytest.raises(ConfigError, match=r"line 1: 1\.0 stands there a second time"):
        FolderDataset(tmp_path)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"first_label": 1}, "first_label=1 and labels both say"),
        ({"first_label": 0, "classes": ["road", "house", "tree"]}, "leave first_label out"),
        ({"ignore_values": [10]}, r"ignore_values \[10\] are classes in labels"),
        ({"ignore_values": 20.0}, r"ignore_values \[20\.0\] are classes in labels"),
        ({"masks": "color"}, "labels=.* is of masks of class indices, and these are in colors"),
        ({"classes": ["road", "hous", "tree"]}, "labels: 'house' is no class; did you mean 'hous'"),
        ({"classes": ["road", "house"]}, "labels: 'tree' is no class; there are road, house"),
        ({"classes": ["road", "house", "tree", "car"]}, "no value for the classes car"),
        ({"classes": ["road", "house", "tree", "ignore"]}, "no class can be called 'ignore'"),
        ({"labels": ["road", "house"]}, r"labels=\['road', 'house'\]: stored values with"),
        ({"labels": {"1": "road", 2: "house"}}, "labels: '1': 'road' must be a number"),
        ({"labels": {1: ["road"], 2: "house"}}, "must be a number and the name"),
        ({"labels": {0: False, 2: "house"}}, "labels: 0: False must be"),
        ({"labels": {True: "road", 2: "house"}}, "labels: True: 'road' must be"),
        ({"labels": {1.5: "road", 2: "house"}}, "labels: 1.5: 'road': classes have whole"),
        ({"labels": {math.nan: "road", 2: "house"}}, "classes have whole numbers"),
        ({"labels": {1: "road", 1 << 30: "house"}}, "more than 16777216 apart"),
        ({"labels": {0: "ignore"}}, "labels name no class"),
        ({"labels": {0: "ignore", 1: "road"}}, "1 classes: from 2"),
    ],
)
def test_tables_that_contradict(tmp_path, settings, words):
    with pytest.raises(ConfigError, match=words):
        folder(tmp_path, **settings)


def test_values_that_the_table_lacks_are_refused(tmp_path):
    mask = np.full((10, 10), 10, np.uint8)
    mask[0, :2] = 40
    path = tmp_path / "mask.png"
    cv2.imwrite(str(path), mask)
    with pytest.raises(DataError, match=r"2\.0% .* 40 \(2\.0%\)\. .*\(labels, ignore_values"):
        folder(tmp_path).read_mask(path)
    mask[0, 1] = 10
    cv2.imwrite(str(path), mask)
    assert folder(tmp_path).read_mask(path)[0].tolist() == [3, *[0] * 9]


def test_a_table_that_is_evidently_shifted(tmp_path):
    own = folder(tmp_path, {1: "road", 2: "house", 3: "tree"})
    fault = own.doubts(Held(frozenset({0, 1}), frozenset({0})))
    assert "seem to count from 0: 0 occurs" in str(fault) and "Move labels by -1" in str(fault)
    assert own.doubts(Held(frozenset({0, 1, 2}), frozenset({0}))) is None
    assert folder(tmp_path).doubts(Held(frozenset({0}), frozenset({9}))) is None


def stored_by(table, root):
    """The drawn masks as indices, or ten times these by a table; rows of them are ignored."""
    drawn = FolderDataset(root / "data/own")
    names = drawn.spec.classes
    for path in (root / "data/own/masks").iterdir():
        mask = drawn.read_mask(path)
        mask[mask == len(names)] = 25
        mask[:5] = 25
        cv2.imwrite(str(path), mask * 10 if table else mask)
    settings = {"val": "*_val"}
    if table:
        rows = {10 * index: name for index, name in enumerate(names)}
        settings |= {"labels": {**rows, 250: "ignore"}}
    else:
        settings |= {"classes": [*names], "masks": "index", "ignore_values": 25}
    write(root, settings)
    return settings


def write(root, settings):
    (root / "data/own/dataset.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))


def pictures(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*.png")}


def all_of_it(root):
    """What is said of the data, scores, masks and figures of a test, the log of a training."""
    said = succeed_here(root, "tools/check_data.py", "-c", "bicor.py").out
    succeed_here(root, "test.py", "-c", "bicor.py", "-o", "out", "--rgb")
    succeed_here(root, "tools/heatmaps.py", "-c", "bicor.py", "-o", "maps")
    succeed_here(root, "train.py", "-c", "bicor.py", "name=second")
    scores = json.loads((root / "out/results.json").read_text())["scores"]
    log = (root / "lightning_logs/own/second/version_0/metrics.csv").read_text()
    return said, scores, pictures(root / "out"), pictures(root / "maps"), log


def test_a_table_means_the_same_at_every_stage(trained, tmp_path):
    found = []
    for table in (False, True):
        root = tmp_path / str(table)
        shutil.copytree(trained[0], root)
        settings = stored_by(table, root)
        found.append(all_of_it(root))
    assert found[0] == found[1]
    assert found[1][3] and sum(map(sum, found[1][1][0]["confusion"])) > 0
    first, second, *_ = settings["labels"].values()
    write(root, settings | {"labels": settings["labels"] | {0: second, 10: first}})
    arguments = ("-c", "bicor.py", "-o", "again")
    refused(root, f"class 0='{first}' (config: '{second}')", script="test.py", arguments=arguments)
