"""What a study's table says of costs, and its page."""

import json
from pathlib import Path

import pytest

from network.complexity.cost import count
from network.errors import ConfigError
from network.experiment import Experiment
from network.studies.costs import study_costs
from network.studies.study import Study
from network.studies.task import tasks_of
from tests.comparison.test_page import contents_of
from tests.studies.conftest import replace, study

RUNS = ("BiCoR-Seg", "plain ResNet")
COUNT = "network.studies.costs.count"


def counted(root):
    """Costs of the study of a folder, which is the working directory."""
    tasks = tasks_of(Study.load(root / "small.py"), Path("out"))
    return study_costs({task.name: task for task in tasks}, Path("out"))


@pytest.fixture
def at_work(fresh, monkeypatch):
    monkeypatch.chdir(fresh)
    return fresh


@pytest.fixture
def calls(monkeypatch):
    """Sizes of images that were counted."""
    sizes = []
    monkeypatch.setattr(
        COUNT, lambda experiment, size: sizes.append(size) or count(experiment, size)
    )
    return sizes


def test_the_table_of_a_study_has_costs_and_a_page(finished_template, monkeypatch):
    root, _ = finished_template
    monkeypatch.chdir(root)
    table = json.loads((root / "out/table.json").read_text())
    for method, overrides in zip(
        table["methods"], ((), ("net.backbone=test_resnet",)), strict=True
    ):
        found = count(Experiment.load(root / "bicor.py", overrides), 64)
        assert method["cost"] == {
            "parameters": found.parameters.all,
            "multiply_adds": found.inference.flops // 2,
            "flops": found.inference.flops,
            "images_per_second": None,
            "peak_memory": None,
        }
    assert "Costs: one image of 64x64 pixels, 3 bands; a multiply-add is two" in table["caption"]
    shown = contents_of(root / "out/study.html")
    assert [method["name"] for method in shown["methods"]] == list(RUNS)
    assert shown["reference"] == "BiCoR-Seg"
    names = sorted(entry["name"] for entry in shown["viewer"])
    assert names == ["scene_001_val", "scene_005_val"]
    assert [len(entry["predictions"]) for entry in shown["viewer"]] == [2, 2]
    assert shown["costs"] == ["Parameters (M)", "Multiply-adds (G)", "FLOPs (G)"]


def test_costs_are_counted_once_and_again_for_another_network(at_work, calls):
    first = counted(at_work)
    assert calls == [64, 64] and list(first.methods) == list(RUNS)
    assert counted(at_work) == first and calls == [64, 64]
    replace(at_work / "small.py", '"max_epoch=2")', '"max_epoch=3")')
    assert counted(at_work) == first and calls == [64, 64]
    replace(at_work / "small.py", '"max_epoch=3")', '"max_epoch=3", "net.embed_dim=48")')
    wider = counted(at_work)
    assert calls == [64] * 3
    parameters = [[each.methods[name].parameters for name in RUNS] for each in (first, wider)]
    assert parameters[1][0] > parameters[0][0] and parameters[1][1] == parameters[0][1]


def test_the_size_is_that_of_the_crops(at_work, calls):
    replace(at_work / "small.py", '"net.backbone', '"transform.crop_size=96", "net.backbone')
    found = counted(at_work)
    assert sorted(calls) == [64, 96]
    sizes = "64x64 pixels, 3 bands (BiCoR-Seg); 96x96 pixels, 3 bands (plain ResNet)"
    assert f"one image of {sizes}" in found.conditions


def test_costs_that_were_spoilt_are_counted_anew(at_work, calls):
    first = counted(at_work)
    path = Path("out/.costs.json")
    whole = json.loads(path.read_text())
    for spoilt in ("{", "[]", json.dumps(dict.fromkeys(RUNS, 3))):
        path.write_text(spoilt)
        assert counted(at_work) == first
    path.write_text(json.dumps(whole | {"BiCoR-Seg": whole["BiCoR-Seg"] | {"flops": "many"}}))
    assert counted(at_work) == first
    assert len(calls) == 2 + 3 * 2 + 1


def test_what_cannot_be_counted_is_a_dash_with_a_note(finished, monkeypatch):
    for name in (".costs.json", "table.json"):
        (finished / "out" / name).unlink()

    def fails(experiment, size):
        if "resnet" in str(experiment.overrides):
            raise ConfigError("its mixer fails\nat some place")
        return count(experiment, size)

    monkeypatch.setattr(COUNT, fails)
    result = study(finished)
    assert result.status == 0, result.error
    table = json.loads((finished / "out/table.json").read_text())
    assert [method["cost"]["parameters"] is None for method in table["methods"]] == [False, True]
    note = "What plain ResNet costs could not be counted: its mixer fails"
    assert f"{note}." in table["caption"]
    row = (finished / "out/table.md").read_text().splitlines()[3]
    assert row.endswith("| - | - | - |")
    monkeypatch.setattr(COUNT, count)
    assert study(finished).status == 0
    assert note not in (finished / "out/table.md").read_text()


def test_without_the_masks_there_are_still_table_and_page(finished):
    mask = next((finished / "out/plain_ResNet/seed_3/masks").iterdir())
    mask.unlink()
    (finished / "out/table.json").unlink()
    result = study(finished)
    assert result.status == 0, result.error
    assert (
        f"note: no picture, and a page without images: no file {mask.relative_to(finished)}"
        in result.out
    )
    assert contents_of(finished / "out/study.html")["viewer"] == []
    assert (finished / "out/table.json").exists()
