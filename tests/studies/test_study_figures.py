"""The picture and the curves of a study."""

import json
import shutil

import pytest

from network.errors import MissingDataError
from network.studies import Study
from network.studies.logs import read_lines
from network.training.read_log import read_log
from tests.conftest import refused, run_here
from tests.studies.conftest import replace, study, weights

NAMES = ("BiCoR-Seg", "plain ResNet")


def curves(root):
    result = run_here(root, "tools/curves.py", "small.py", "-o", "curves")
    assert result.status == 0, result.error
    assert (root / "curves.pdf").read_bytes().startswith(b"%PDF")
    return result.out


def test_a_picture_lies_beside_the_table(finished):
    out = finished / "out"
    assert (out / "picture.png").is_file() and (out / "picture.pdf").is_file()
    before = (out / "picture.png").read_bytes()
    with (finished / "small.py").open("a") as file:
        file.write('images = ("scene_005_val",)\n')
    result = study(finished)
    assert result.status == 0, result.error
    assert (out / "picture.png").read_bytes() != before
    assert "2 runs: 2 done" in result.out


def test_images_that_are_not_tested_are_refused_before_anything(fresh):
    with (fresh / "small.py").open("a") as file:
        file.write('images = ("scene_002",)\n')
    result = study(fresh)
    assert result.status == 1
    assert "small.py: images: no image 'scene_002' in the test split; did you mean" in result.error
    assert not list(fresh.glob("out/*/"))


def test_without_its_masks_there_is_a_table_and_no_earlier_picture(finished):
    (finished / "out/plain_ResNet/seed_3/masks/scene_001_val.png").unlink()
    result = study(finished)
    assert result.status == 0, result.error
    words = "note: no picture, and a page without images: no file out/plain_ResNet/seed_3/masks/"
    assert words in result.out and "table of 2 of 2 runs" in result.out
    assert not list((finished / "out").glob("picture.*"))
    assert (finished / "out/table.md").is_file()


def test_curves_of_a_study_are_those_of_its_runs(finished, monkeypatch):
    assert curves(finished) == "2 runs in curves.png and curves.pdf\n"
    monkeypatch.chdir(finished)
    lines, said = read_lines(Study.load("small.py"))
    assert said == [] and tuple(line.name for line in lines) == NAMES
    for line in lines:
        (log,) = line.logs
        (folder,) = (finished / "lightning_logs/own").glob(f"small.{line.name.replace(' ', '_')}*")
        assert log.values == read_log(folder).values
        assert [epoch for epoch, _ in log.values["val_mIoU"]] == [1, 2]


def test_curves_name_the_runs_without_a_log(finished):
    shutil.rmtree(weights(finished, "plain ResNet"))
    assert curves(finished).splitlines() == [
        "note: plain ResNet, seed 3 is left out: no training is recorded in "
        "model_weights/own/small.plain_ResNet.seed_3",
        "1 runs in curves.png and curves.pdf",
    ]
    shutil.rmtree(weights(finished, "BiCoR-Seg"))
    words = ("no run of small.py has a log", "Train first: python study.py small.py")
    refused(finished, *words, script="tools/curves.py", arguments=("small.py", "-o", "none"))


def test_curves_leave_out_what_was_trained_otherwise(finished):
    replace(finished / "small.py", '"max_epoch=2"),', '"max_epoch=2", "lr=0.5"),')
    assert "BiCoR-Seg, seed 3 is left out" in curves(finished)
    path = weights(finished, "plain ResNet") / "study.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"study": "other.py"}))
    words = ("with other settings: lr", "is of the study other.py")
    refused(finished, *words, script="tools/curves.py", arguments=("small.py", "-o", "none"))


def test_curves_end_where_the_shortest_run_ends(finished, monkeypatch):
    monkeypatch.chdir(finished)
    replace("small.py", "seeds = (3,)", "seeds = (3, 4)")
    for name in NAMES:
        folder = weights(finished, name)
        other = folder.with_name(folder.name.replace("seed_3", "seed_4"))
        shutil.copytree(folder, other)
        for file in ("study.json", "run.json"):
            replace(other / file, '"seed": "3"', '"seed": "4"')
        record = json.loads((other / "run.json").read_text())
        log = shutil.copytree(record["log"], f"{record['log']}_of_4")
        (other / "run.json").write_text(json.dumps(record | {"log": log}))
    metrics = finished / log / "metrics.csv"
    metrics.write_text("".join(metrics.read_text().splitlines(keepends=True)[:2]))
    lines, said = read_lines(Study.load("small.py"))
    assert [len(line.logs) for line in lines] == [2, 2]
    assert said == [
        "plain ResNet is drawn up to epoch 1 of 2, the last one that plain ResNet, seed 4 has"
    ]
    assert curves(finished).splitlines()[-1] == "4 runs in curves.png and curves.pdf"


def test_a_log_that_is_gone_is_missing(finished, monkeypatch):
    monkeypatch.chdir(finished)
    shutil.rmtree("lightning_logs")
    with pytest.raises(MissingDataError, match=r"BiCoR-Seg, seed 3 is left out: no metrics\.csv"):
        read_lines(Study.load("small.py"))
