"""A confusion matrix worked out by hand."""

import math

import pytest
import torch

from network.datasets.catalog import DatasetSpec
from network.metrics import Confusion, Scores, score_table

SPEC = DatasetSpec(
    name="four",
    classes=("a", "b", "absent", "imagined", "aside"),
    palette=tuple((i, i, i) for i in range(5)),
    unscored=("aside",),
)
LABEL = torch.tensor([[0, 0, 0, 1, 1, 4, 5, 5]])
PREDICTION = torch.tensor([[0, 0, 1, 1, 3, 4, 0, 2]])


def scores():
    confusion = Confusion(SPEC)
    confusion.update(PREDICTION[None, :, :4], LABEL[None, :, :4])
    confusion.update(PREDICTION[None, :, 4:], LABEL[None, :, 4:])
    return Scores.of(confusion.compute(), SPEC)


def test_scores():
    result = scores()
    # a: 2 of 3 found, none imagined; b: 1 found, 1 lost, 1 imagined; imagined: never there
    assert result.iou.tolist() == pytest.approx([2 / 3, 1 / 3, math.nan, 0, 1], nan_ok=True)
    assert result.f1.tolist() == pytest.approx([4 / 5, 1 / 2, math.nan, 0, 1], nan_ok=True)
    assert result.miou == pytest.approx((2 / 3 + 1 / 3 + 0) / 3)
    assert result.mf1 == pytest.approx((4 / 5 + 1 / 2 + 0) / 3)
    assert result.miou_all == pytest.approx((2 / 3 + 1 / 3 + 0 + 1) / 4)
    assert result.oa == pytest.approx(4 / 6)
    assert result.pixels == 6


def test_table():
    lines = score_table({"": scores()}, SPEC, "test").splitlines()
    assert lines[0].split() == ["test", "IoU", "F1"]
    assert lines[1].split() == ["a", "66.67", "80.00"]
    assert lines[3].split() == ["absent", "-", "-"]
    assert lines[5].split() == ["aside", "100.00", "100.00", "(not", "in", "the", "mean)"]
    assert lines[6].split()[-2:] == ["33.33", "43.33"]
    assert lines[7].split()[-2:] == ["50.00", "57.50"]
    assert lines[8].split()[-1:] == ["66.67"]


def test_columns_of_a_table_stand_below_their_heads():
    columns = {"eroded masks, TTA none": scores(), "full": scores()}
    lines = score_table(columns, SPEC, "test").splitlines()
    ends = [lines[0].index(name) + len(name) for name in columns]
    for line, f1 in ((lines[1], "F1"), (lines[2], "80.00"), (lines[7], "43.33")):
        assert all(line[:end].endswith(f1) for end in ends)
    accuracy = lines[9]
    assert [accuracy[end - 16 : end].split() for end in ends] == [["66.67"], ["66.67"]]


def test_a_record_names_the_classes():
    record = scores().record(SPEC)
    assert record["IoU"]["b"] == pytest.approx(1 / 3)
    assert math.isnan(record["F1"]["absent"])
    assert record["mF1"] == pytest.approx((4 / 5 + 1 / 2 + 0) / 3)
