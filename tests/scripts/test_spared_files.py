"""Whatever a tool is aimed at, it replaces nothing that it did not write."""

import os
import shutil
from pathlib import Path

import pytest

from tests.conftest import files_of, refused, run_here, succeed_here
from tests.scripts.bad.case import CKPT, CONFIG, GOOD

WRITERS = {script: command for script, command in GOOD.items() if script != "tools/check_data.py"}
WRITERS["test.py"] = (*GOOD["test.py"], "--rgb")
WRITERS["predict.py"] = (*GOOD["predict.py"], "--rgb", "--polygons", "--probabilities")
del WRITERS["tools/convert_checkpoint.py"]  # tests/inference/test_published_weights.py
del WRITERS["tools/export.py"]  # tests/export
del WRITERS["tools/info.py"]  # writes nothing
del WRITERS["train.py"]  # below: it moves aside what is there
del WRITERS["study.py"]  # tests/studies


def copied(prepared, root):
    shutil.copytree(prepared, root, symlinks=True)
    return root


def state(root):
    """Content of every file, and where links lead."""
    links = {path: os.readlink(path) for path in root.rglob("*") if path.is_symlink()}
    return files_of(root), links


def of_each_kind(files):
    """One file of every folder and suffix."""
    return list({(path.parent, path.suffix): path for path in files}.values())


def foreign(path, source):
    path.write_bytes(b"of another program")


def link(path, source):
    path.symlink_to(source)


def hard_link(path, source):
    os.link(source, path)


@pytest.mark.parametrize("script", WRITERS)
def test_files_that_a_tool_did_not_write_are_not_replaced(prepared, tmp_path, script):
    command = WRITERS[script]
    first = copied(prepared, tmp_path / "first")
    succeed_here(first, script, *command)
    written = [path for path in files_of(first) if not (prepared / path).exists()]
    outputs = of_each_kind(path for path in written if not path.name.startswith("."))
    assert outputs
    kinds = (foreign, link, hard_link)
    for number, path in enumerate(outputs):
        make = kinds[number % 3]
        work = copied(prepared, tmp_path / str(number))
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        make(work / path, work / "data/own/images/scene_000.jpg")
        before = state(work)
        result = run_here(work, script, *command)
        assert result.status == 1, (path, make.__name__, result.error)
        assert "Traceback" not in result.error
        last = result.error[result.error.rindex("error: ") :]
        assert path.name in last or "is not from a test" in last
        now, links = state(work)
        assert (now, links) == before, (path, make.__name__)
        shutil.rmtree(work)


@pytest.mark.parametrize("script", WRITERS)
def test_what_a_tool_wrote_it_replaces_unless_it_was_changed(prepared, tmp_path, script):
    root = copied(prepared, tmp_path / "work")
    succeed_here(root, script, *WRITERS[script])
    succeed_here(root, script, *WRITERS[script])
    written = [path for path in files_of(root) if not (prepared / path).exists()]
    (path, *_) = (path for path in written if not path.name.startswith("."))
    content = (root / path).read_bytes()
    (root / path).unlink()
    (root / path).write_bytes(content + b"changed")
    refused(root, path.name, script=script, arguments=WRITERS[script])


@pytest.mark.parametrize(
    ("script", "arguments"),
    [
        ("test.py", (*CONFIG, "-o", "data/own", "dataset.root=data/own")),
        ("predict.py", (*CONFIG, "data/own/masks", "-o", "data/own/masks")),
        ("predict.py", (*CONFIG, "data/own/masks", "-o", "data/../data/own/images/../masks")),
        ("predict.py", (*CONFIG, "data/own/masks", "-o", "linked/masks")),
        ("predict.py", (*CONFIG, "data/own/masks/scene_000.png", "-o", "data/own/masks")),
        (
            "tools/vaihingen_patch_split.py",
            ("--img-dir", "tiles/images", "--mask-dir", "tiles/masks", "--split-size", "64",
             "--output-img-dir", "tiles/images", "--output-mask-dir", "new/m", "--stride", "64"),
        ),
        (
            "tools/vaihingen_patch_split.py",
            ("--img-dir", "tiles/images", "--mask-dir", "tiles/masks", "--split-size", "64",
             "--output-img-dir", "new/i", "--output-mask-dir", "linked_tiles/masks",
             "--stride", "64"),
        ),
        ("tools/loveda_mask_convert.py", ("--mask-dir", "raw", "--output-mask-dir", "raw")),
        ("tools/loveda_mask_convert.py", ("--mask-dir", "raw", "--output-mask-dir", "x/../raw")),
        ("tools/convert_checkpoint.py", (CKPT, CKPT, *CONFIG)),
    ],
)  # fmt: skip
def test_outputs_aimed_at_inputs_are_refused(prepared, tmp_path, script, arguments):
    root = copied(prepared, tmp_path / "work")
    (root / "linked").symlink_to("data/own")
    (root / "linked_tiles").symlink_to("tiles")
    (root / "x").mkdir()
    refused(root, script=script, arguments=arguments)


@pytest.mark.parametrize(
    ("script", "place", "more"),
    [
        ("tools/vaihingen_patch_split.py", "new/m/top_mosaic_09cm_area1_9_9.png", ()),
        ("tools/vaihingen_patch_split.py", "new/i/top_mosaic_09cm_area1_9_9.tif", ()),
        ("test.py", "new/masks_rgb/scene_001_val.png", ("--rgb",)),
    ],
)
def test_a_file_of_ones_own_beside_noted_ones_is_not_theirs(
    prepared, tmp_path, script, place, more
):
    """Its name is one that the tool may have written."""
    root = copied(prepared, tmp_path / "work")
    succeed_here(root, script, *GOOD[script])
    (root / place).parent.mkdir(exist_ok=True)
    (root / place).write_bytes(b"of a person")
    refused(root, Path(place).name, script=script, arguments=(*GOOD[script], *more))


@pytest.mark.parametrize("output", ["data/own", "linked", "data/../data/own"])
def test_a_dataset_of_ones_own_is_not_drawn_over(prepared, tmp_path, output):
    root = copied(prepared, tmp_path / "work")
    (root / "linked").symlink_to("data/own")
    with (root / "data/own/dataset.yaml").open("a") as file:
        file.write("# edited\n")
    arguments = ("--layout", "folder", "--output", output, "--seed", "7")
    refused(root, "dataset.yaml", script="tools/make_demo_data.py", arguments=arguments)


def test_masks_of_a_test_that_became_labels_are_not_replaced(prepared, tmp_path):
    """The test wrote them itself, and reads them now."""
    root = copied(prepared, tmp_path / "work")
    succeed_here(root, "test.py", *CONFIG, "-o", "out", "--rgb", "--split", "val")
    masks = root / "data/own/masks"
    shutil.rmtree(masks)
    masks.symlink_to("../../out/masks_rgb")
    for name in ("images", "../../out/masks_rgb"):
        for path in (root / "data/own" / name).iterdir():
            if "_val" not in path.name:
                path.unlink()
    refused(
        root, "read from", script="test.py",
        arguments=(*CONFIG, "-o", "out", "--rgb", "--split", "val"),
    )  # fmt: skip


def test_tiles_arranged_in_place_stay_as_they_are(prepared, tmp_path):
    root = copied(prepared, tmp_path / "work")
    source = root / "data/vaihingen/train_images"
    source.mkdir(parents=True)
    (source / "top_mosaic_09cm_area1.tif").symlink_to(
        "../../../tiles/images/top_mosaic_09cm_area1.tif"
    )
    before = state(root)
    arguments = ("vaihingen", "--images", source, "--masks", "tiles/masks")
    succeed_here(root, "tools/arrange_tiles.py", *arguments)
    files, links = state(root)
    assert links == before[1]
    assert before[0].items() <= files.items()


def test_a_run_of_the_same_name_is_moved_aside_with_all_that_lies_in_it(prepared, tmp_path):
    root = copied(prepared, tmp_path / "work")
    run = root / "model_weights/own/bicor"
    (run / "notes.txt").write_text("of a person")
    before = files_of(run)
    succeed_here(root, "train.py", *CONFIG)
    (kept,) = (path for path in run.parent.iterdir() if path != run)
    assert files_of(kept) == before
