"""What of a study counts as done, and why something does not."""

import json
import shutil

import pytest

from tests.conftest import files_of, run_here
from tests.studies.conftest import FOLDERS, forget, plan, replace, study, weights


@pytest.fixture
def finished(fresh, played):
    """A study that is done; its trainings and tests were played."""
    assert study(fresh).status == 0
    return fresh


CODE = "the code of network/ is another (--any-code keeps what is there)"


def test_an_override_that_changes_takes_its_run_anew(finished):
    replace(finished / "small.py", '"net.backbone=', '"lr=1e-3", "net.backbone=')
    before = files_of(finished)
    assert plan(finished) == [
        "2 runs: 1 to be trained, 1 done",
        "plain ResNet, seed 3 is trained anew: lr was 0.0001, is 0.001",
    ]
    assert files_of(finished) == before


def test_what_is_taken_anew_is_kept_aside_and_done(finished, played):
    replace(finished / "small.py", '"max_epoch=2", "net.backbone', '"max_epoch=1", "net.backbone')
    folder = weights(finished, "plain ResNet")
    (folder / "best.ckpt").write_text("the earlier one")
    played.calls.clear()
    shutil.rmtree(finished / "out/plain_ResNet/seed_3")
    result = study(finished)
    assert result.status == 0, result.error
    assert [script for script, *_ in played.calls] == ["train.py", "test.py"]
    (aside,) = (path for path in folder.parent.iterdir() if path.name.startswith(f"{folder.name}-"))
    assert (aside / "best.ckpt").read_text() == "the earlier one"
    assert (folder / "best.ckpt").read_text() == folder.name
    assert plan(finished) == ["2 runs: 2 done"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("max_epoch = 1  # one\nnum_workers = 1", None),
        ("train_batch_size = 3", "train_batch_size was 2, is 3"),
        ("class Other(BiCoR):\n    pass\n", "what the config file defines or imports is another"),
    ],
)
def test_a_config_counts_by_what_it_says(finished, text, reason):
    with (finished / "bicor.py").open("a") as file:
        file.write(f"\n# a comment\n{text}\n")
    found = plan(finished)
    if reason is None:
        assert found == ["2 runs: 2 done"]
    else:
        assert found[0] == "2 runs: 2 to be trained"
        assert found[1:] == [f"{n}, seed 3 is trained anew: {reason}" for n in FOLDERS]


def test_data_count_by_what_is_in_them(finished):
    images = finished / "data/own/images"
    for path in images.iterdir():  # other times, the same content
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
    assert plan(finished) == ["2 runs: 2 done"]
    shutil.copy(images / "scene_002.jpg", images / "scene_000.jpg")
    shutil.copy(images / "scene_000.jpg", images / "scene_900.jpg")
    masks = images.with_name("masks")
    shutil.copy(masks / "scene_000.png", masks / "scene_900.png")
    reason = "1 of train changed: scene_000; 1 of train new: scene_900"
    assert plan(finished)[1] == f"BiCoR-Seg, seed 3 is trained anew: {reason}"
    for kind in (images, masks):
        next(kind.glob("scene_002.*")).unlink()
    assert plan(finished)[1].endswith("1 of train gone: scene_002")


def test_what_the_dataset_says_counts(finished):
    with (finished / "data/own/dataset.yaml").open("a") as file:
        file.write("\nunscored: [Car]\n")
    assert "trained anew: dataset: spec was " in plan(finished)[1]


def test_other_seeds_are_trained_and_the_others_stay(finished):
    replace(finished / "small.py", "(3,)", "(3, 4)")
    assert plan(finished) == ["4 runs: 2 to be trained, 2 done"]
    assert plan(finished, "--seed", 3) == ["2 runs: 2 done"]
    replace(finished / "small.py", "(3, 4)", "(4,)")
    assert plan(finished) == ["2 runs: 2 to be trained"]


def test_where_images_are_kept_needs_no_other_training(finished):
    replace(finished / "bicor.py", 'root="data/own"', 'root="data/own", cache="disk"')
    assert plan(finished) == ["2 runs: 2 done"]


def test_another_test_needs_no_other_training(finished):
    replace(finished / "small.py", "seeds", 'tta = "lr"\nseeds')
    assert plan(finished) == [
        "2 runs: 2 to be tested",
        "BiCoR-Seg, seed 3 is tested anew: tta was none, is lr",
        "plain ResNet, seed 3 is tested anew: tta was none, is lr",
    ]


@pytest.mark.parametrize(("code", "stage"), [("training", "trained"), ("testing", "tested")])
def test_the_code_counts(finished, monkeypatch, code, stage):
    monkeypatch.setattr(f"network.studies.signature.{code}_code", lambda: "another")
    assert plan(finished) == [
        f"2 runs: 2 to be {stage}",
        *(f"{name}, seed 3 is {stage} anew: {CODE}" for name in FOLDERS),
    ]
    assert plan(finished, "--any-code") == ["2 runs: 2 done"]


def test_weights_may_go_when_the_test_is_there(finished):
    shutil.rmtree(finished / "model_weights")
    assert plan(finished) == ["2 runs: 2 done"]


def test_a_test_that_is_not_as_it_was_written_is_done_again(finished):
    path = "out/BiCoR-Seg/seed_3/results.json"
    (finished / path).write_text("{}")
    assert plan(finished) == [
        "2 runs: 1 to be tested, 1 done",
        f"BiCoR-Seg, seed 3 is tested anew: {path} is not what the test wrote",
    ]


def test_a_best_checkpoint_that_is_gone_is_trained_again(finished):
    shutil.rmtree(finished / "out")
    folder = weights(finished, "BiCoR-Seg")
    (folder / "best.ckpt").unlink()
    path = folder.relative_to(finished) / "best.ckpt"
    assert plan(finished) == [
        "2 runs: 1 to be trained, 1 to be tested",
        f"BiCoR-Seg, seed 3 is trained anew: {path} is gone",
    ]


def test_a_training_that_was_stopped_goes_on(finished):
    shutil.rmtree(finished / "out")
    path = weights(finished, "BiCoR-Seg") / "study.json"
    record = json.loads(path.read_text())
    del record["finished"]
    path.write_text(json.dumps(record))
    assert plan(finished) == ["2 runs: 1 to go on, 1 to be tested"]


def test_runs_of_the_user_are_left_alone(fresh):
    folder = weights(fresh, "BiCoR-Seg")
    folder.mkdir(parents=True)
    (folder / "last.ckpt").write_text("mine")
    before = files_of(folder)
    result = study(fresh)
    assert result.status == 1
    assert f"{folder.relative_to(fresh)} holds a run that is not of a study" in result.error
    assert files_of(folder) == before


def test_a_folder_holds_one_study(finished):
    (finished / "other").mkdir()
    (finished / "small.py").rename(finished / "other/small.py")
    (finished / "small.py").symlink_to("other/small.py")
    assert plan(finished) == ["2 runs: 2 done"]
    (finished / "small.py").unlink()
    result = run_here(finished, "study.py", "other/small.py", "-o", "out")
    assert result.status == 1
    assert "out belongs to the study small.py, and this one is other/small.py" in result.error
    result = run_here(finished, "study.py", "other/small.py", "-o", "new")
    assert "holds a run of the study small.py, and this one is other/small.py" in result.error


def test_runs_that_are_tested_on_other_images_are_refused(finished):
    replace(finished / "small.py", '"net.backbone=', '"dataset.val=*_001_val", "net.backbone=')
    result = study(finished)
    assert result.status == 1
    assert (
        "'plain ResNet' would be tested on other images or masks than 'BiCoR-Seg'" in result.error
    )


def test_settings_that_change_no_result_are_none(finished):
    forget(finished, "plain ResNet")
    replace(
        finished / "small.py",
        '"max_epoch=2"),',
        '"max_epoch=2", "num_workers=1", "sample_every=0", "check_data=False", "logger=csv"),',
    )
    assert plan(finished) == ["2 runs: 1 to be trained, 1 done"]
