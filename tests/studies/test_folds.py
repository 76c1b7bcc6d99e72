"""A study in folds: each image is scored by the training that held it out."""

import json

import numpy as np
import pytest

from tests.studies.conftest import plan, study

RUN, *OTHERS = ("BiCoR-Seg", "plain ResNet")
FOLDS = """
folds = {
    "front": ("dataset.test=scene_00[01]*", "dataset.val=scene_002"),
    "back": ("dataset.test=scene_00[45]*", "dataset.val=scene_003"),
}
"""


@pytest.fixture
def folded(fresh):
    """A study of two runs, of two epochs each, in two folds."""
    with (fresh / "small.py").open("a") as file:
        file.write(FOLDS)
    return fresh


def test_it_is_tested_in_all_folds_and_scored_as_one(folded):
    one = study(folded, "--only", RUN, "--fold", "back")
    assert one.status == 0, one.error
    assert "1 of 4 runs are tested; the table needs all folds of a seed" in one.out
    assert not (folded / "out/table.json").exists()
    both = study(folded, "--only", RUN)
    assert both.status == 0, both.error
    assert "table of 2 of 4 runs" in both.out
    record = json.loads((folded / "out/table.json").read_text())
    (method,) = record["methods"]
    folders = [folded / f"out/BiCoR-Seg/seed_3.{fold}" for fold in ("front", "back")]
    (test,) = method["tests"]
    assert test["folders"] == [str(folder.relative_to(folded)) for folder in folders]
    names = record["protocol"]["images"]
    assert names == ["scene_000", "scene_001_val", "scene_004", "scene_005_val"]
    results = [json.loads((folder / "results.json").read_text()) for folder in folders]
    assert [each["splits"]["images_of_training"] for each in results] == [0, 0]
    confusion = np.sum([each["scores"][0]["confusion"] for each in results], axis=0)
    assert method["scores"]["OA"]["mean"] == pytest.approx(confusion.trace() / confusion.sum())
    assert "2 trainings for every seed, each scored on the images of its fold." in record["caption"]
    assert sorted(path.stem for folder in folders for path in folder.glob("masks/*.png")) == names


def test_folds_are_runs_of_their_own(folded, played):
    assert study(folded).status == 0
    trained = [arguments for script, arguments, _ in played.calls if script == "train.py"]
    assert [arguments[-4:] for arguments in trained] == [
        [*settings, f"name=small.{run}.seed_3.{fold}", "seed=3"]
        for fold, settings in (
            ("front", ["dataset.test=scene_00[01]*", "dataset.val=scene_002"]),
            ("back", ["dataset.test=scene_00[45]*", "dataset.val=scene_003"]),
        )
        for run in ("BiCoR-Seg", "plain_ResNet")
    ]
    assert plan(folded) == ["4 runs: 4 done"]
    text = (folded / "small.py").read_text()
    (folded / "small.py").write_text(text.replace("scene_003", "scene_002"))
    assert plan(folded)[0] == "4 runs: 2 to be trained, 2 done"


def test_an_image_in_two_folds_is_refused(folded):
    text = (folded / "small.py").read_text()
    (folded / "small.py").write_text(text.replace("scene_00[45]*", "scene_00[145]*"))
    result = study(folded)
    assert result.status == 1
    assert "scene_001_val would be tested in the folds 'front' and 'back'" in result.error
    assert [path.name for path in folded.glob("out/*")] == [".hashes.json"]


def test_commands_name_the_fold(folded):
    result = study(folded, "--commands", "--fold", "back")
    assert result.status == 0, result.error
    assert [line.split("--only ")[1] for line in result.out.splitlines()] == [
        "BiCoR-Seg --seed 3 --fold back",
        "'plain ResNet' --seed 3 --fold back",
    ]
