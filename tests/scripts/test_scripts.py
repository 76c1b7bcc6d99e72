"""The whole way from drawn tiles to a scored, colored mask, each command as a user types it."""

import csv
import json
import shutil

import cv2
import numpy as np
import pytest
import torch

from network.datasets.catalog import VAIHINGEN
from network.datasets.colors import decode_colors, encode_colors
from network.files.hashing import file_hash
from network.files.images import list_images, read_rgb
from tests.conftest import REPOSITORY, files_of, refused, run_here, succeed

SPLIT = ("tools/vaihingen_patch_split.py", "--split-size", 128)
TINY = ("dataset.patch_size=128", "net.backbone=test_convnext", "net.embed_dim=32")
TINY += ("transform.crop_size=64", "max_epoch=1", "repeat=1", "num_workers=0")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    root = tmp_path_factory.mktemp("demo")
    succeed(
        root,
        "tools/make_demo_data.py",
        *("--output", "data/demo", "--size", 160, 200, "--train-tiles", 3, "--test-tiles", 2),
    )
    for area, stride in (("train", 96), ("test", 128)):
        succeed(
            root,
            *SPLIT,
            *("--img-dir", f"data/demo/{area}_images", "--mask-dir", f"data/demo/{area}_masks"),
            *("--output-img-dir", f"data/demo/{area}/images_128"),
            *("--output-mask-dir", f"data/demo/{area}/masks_128"),
            *("--mode", "val" if area == "test" else "train", "--stride", stride),
        )
    return root


@pytest.fixture(scope="module")
def demo_run(demo):
    config = REPOSITORY / "config/demo/bicor.py"
    training = succeed(demo, "train.py", "-c", config, *TINY)
    testing = succeed(
        demo, "test.py", "-c", config, "-o", "fig_results/demo", "-t", "d4", "--rgb", *TINY
    )
    return training, testing


def test_patches_put_together_are_the_tile(demo):
    tile = "top_mosaic_09cm_area2"
    colors = read_rgb(demo / f"data/demo/test_masks/{tile}.tif")
    image = read_rgb(demo / f"data/demo/test_images/{tile}.tif")
    height, width = colors.shape[:2]
    assert height % 128 and width % 128
    rows, cols = -(-height // 128), -(-width // 128)
    whole = np.full((rows * 128, cols * 128), 99, np.uint8)
    pixels = np.zeros((rows * 128, cols * 128, 3), np.uint8)
    for row in range(rows):
        for col in range(cols):
            place = np.s_[row * 128 : (row + 1) * 128, col * 128 : (col + 1) * 128]
            name = f"{tile}_{row}_{col}"
            whole[place] = cv2.imread(
                str(demo / f"data/demo/test/masks_128/{name}.png"), cv2.IMREAD_UNCHANGED
            )
            pixels[place] = read_rgb(demo / f"data/demo/test/images_128/{name}.tif")
    np.testing.assert_array_equal(decode_colors(whole, VAIHINGEN)[:height, :width], colors)
    np.testing.assert_array_equal(pixels[:height, :width], image)
    assert (whole[height:] == VAIHINGEN.ignore_index).all()
    assert (whole[:, width:] == VAIHINGEN.ignore_index).all()


def test_training_leaves_checkpoints_a_record_and_a_log(demo, demo_run):
    training, _ = demo_run
    folder = demo / "model_weights/demo/bicor"
    names = ["best.ckpt", "last.ckpt", "run.json", "samples"]
    assert sorted(p.name for p in folder.iterdir()) == names
    record = json.loads((folder / "run.json").read_text())
    assert record["overrides"] == list(TINY)
    assert "max_epoch" in record["config_text"]
    assert record["settings"]["max_epoch"] == "1"
    assert record["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert record["seed"] == 42
    (log,) = (demo / "lightning_logs/demo/bicor").glob("version_*/metrics.csv")
    with log.open() as file:
        columns = set(next(csv.reader(file)))
    terms = {f"{stage}_{term}" for stage in ("train", "val")
             for term in ("main", "heatmap", "total", "mIoU", "F1", "OA")}  # fmt: skip
    assert terms | {"train_fisher"} <= columns
    assert "val_fisher" not in columns
    assert {f"val_IoU_{name}" for name in VAIHINGEN.classes} <= columns
    for name in VAIHINGEN.classes:
        assert name in training.out


def test_testing_scores_exactly_the_pixels_of_the_source_masks(demo, demo_run):
    _, testing = demo_run
    results = json.loads((demo / "fig_results/demo/results.json").read_text())
    counted = 0
    for path in (demo / "data/demo/test_masks").iterdir():
        mask = encode_colors(read_rgb(path), VAIHINGEN)
        counted += int((mask != VAIHINGEN.ignore_index).sum())
    (score,) = results["scores"]
    assert (score["masks"], score["tta"]) == ("full", "d4")
    counts = np.array(score["confusion"])
    assert score["pixels"] == counts.sum() == counted
    iou = counts.diagonal() / (counts.sum(0) + counts.sum(1) - counts.diagonal())
    assert score["mIoU"] == pytest.approx(np.nanmean(iou[:5]))
    assert score["OA"] == pytest.approx(counts.trace() / counts.sum())
    assert results["tta"]["d4"]["passes"] == 2 * 2 * 2 * 5
    assert results["tta"]["d4"]["scales"] == [0.5, 0.75, 1.0, 1.25, 1.5]
    assert results["splits"]["images_of_validation"] == 0
    assert results["checkpoint"]["epoch"] == 1
    checkpoint = demo / "model_weights/demo/bicor/best.ckpt"
    assert results["checkpoint"]["sha256"] == file_hash(checkpoint)
    for word in ("ImSurf", "Clutter", "mean over scored classes", "overall accuracy"):
        assert word in testing.out


def test_saved_masks_are_the_predictions_in_indices_and_in_official_colors(demo, demo_run):
    results = json.loads((demo / "fig_results/demo/results.json").read_text())
    out = demo / "fig_results/demo"
    counts = np.zeros(36, np.int64)
    for path in sorted((out / "masks").iterdir()):
        mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        label = cv2.imread(str(demo / "data/demo/test/masks_128" / path.name), cv2.IMREAD_UNCHANGED)
        assert mask.shape == label.shape == (128, 128)
        valid = label < 6
        counts += np.bincount(label[valid] * 6 + mask[valid], minlength=36)
        colors = read_rgb(out / "masks_rgb" / path.name)
        np.testing.assert_array_equal(colors, decode_colors(mask, VAIHINGEN))
    assert counts.reshape(6, 6).tolist() == results["scores"][0]["confusion"]


def test_data_tools_give_the_same_bytes_twice(demo):
    before = files_of(demo / "data")
    succeed(
        demo,
        "tools/make_demo_data.py",
        *("--output", "data/demo", "--size", 160, 200, "--train-tiles", 3, "--test-tiles", 2),
    )
    succeed(
        demo,
        *SPLIT,
        *("--img-dir", "data/demo/test_images", "--mask-dir", "data/demo/test_masks"),
        *("--output-img-dir", "data/demo/test/images_128"),
        *("--output-mask-dir", "data/demo/test/masks_128"),
        *("--mode", "val", "--stride", 128),
    )
    assert files_of(demo / "data") == before


def test_another_stride_replaces_the_patches_of_the_same_tiles(demo, tmp_path):
    folders = ("--output-img-dir", "images", "--output-mask-dir", "masks")
    source = ("--img-dir", demo / "data/demo/test_images")
    source += ("--mask-dir", demo / "data/demo/test_masks")
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks/top_mosaic_09cm_area99_0_0.png").write_bytes(b"of another tile")
    counts = {}
    for stride in (64, 128):
        succeed(tmp_path, *SPLIT, *source, *folders, "--stride", stride)
        counts[stride] = len(list((tmp_path / "images").iterdir()))
        assert len(list_images(tmp_path / "masks")) == counts[stride] + 1
    assert counts[64] > counts[128] == 2 * 2 * 2
    notes = [".images.outputs.json", ".masks.outputs.json"]
    assert sorted(p.name for p in tmp_path.iterdir()) == [*notes, "images", "masks"]


def test_eroded_and_colored_masks(demo, tmp_path):
    arguments = ("--img-dir", demo / "data/demo/test_images", "--output-img-dir", "images")
    arguments += ("--mode", "val", "--stride", 128)
    eroded = ("--mask-dir", demo / "data/demo/test_masks_eroded", "--eroded")
    succeed(tmp_path, *SPLIT, *arguments, *eroded, "--output-mask-dir", "eroded")
    full = ("--mask-dir", demo / "data/demo/test_masks", "--gt")
    succeed(tmp_path, *SPLIT, *arguments, *full, "--output-mask-dir", "rgb")
    for path in list_images(tmp_path / "rgb"):
        index = cv2.imread(str(tmp_path / "eroded" / path.name), cv2.IMREAD_UNCHANGED)
        source = cv2.imread(
            str(demo / "data/demo/test/masks_128" / path.name), cv2.IMREAD_UNCHANGED
        )
        np.testing.assert_array_equal(read_rgb(path), decode_colors(source, VAIHINGEN))
        kept = index != VAIHINGEN.ignore_index
        np.testing.assert_array_equal(index[kept], source[kept])
        assert (~kept).sum() > (source == VAIHINGEN.ignore_index).sum()


def test_a_second_run_keeps_the_first_and_resume_goes_on(trained, tmp_path):
    done, first = trained
    root = tmp_path / "work"
    shutil.copytree(done, root)
    folder = root / "model_weights/own/bicor"
    assert "best checkpoint: model_weights/own/bicor/best.ckpt" in first.out
    resumed = succeed(root, "train.py", "-c", "bicor.py", "max_epoch=2", "--resume", "auto")
    assert "epoch 2 of 2" in resumed.out
    assert "epoch 1 of 2" not in resumed.out
    last = torch.load(folder / "last.ckpt", weights_only=True)
    assert last["epoch"] == 1
    state = next(iter(last["optimizer_states"][0]["state"].values()))
    assert "lookahead_slow_buff" in state or last["global_step"] < 5

    before = file_hash(folder / "best.ckpt")
    again = succeed(root, "train.py", "-c", "bicor.py", "max_epoch=2")
    (kept,) = folder.parent.glob("bicor-*")
    assert str(kept.relative_to(root)) in again.out
    assert file_hash(kept / "best.ckpt") == before


def test_own_images_are_tested_whole(trained):
    root, _ = trained
    result = succeed(root, "test.py", "-c", "bicor.py", "-o", "out", "-t", "lr")
    results = json.loads((root / "out/results.json").read_text())
    assert results["images"] == 2
    assert results["tta"]["lr"]["passes"] == 4
    assert results["splits"]["images_of_validation"] == 2
    assert results["splits"]["images_of_training"] == 0
    assert results["splits"]["rule"] == {"val": ["*_val*"], "test": ["*_val*"]}
    assert "2 of these images also chose the best checkpoint" in result.out
    assert sorted(p.name for p in (root / "out/masks").iterdir()) == [
        "scene_001_val.png",
        "scene_005_val.png",
    ]
    assert cv2.imread(str(root / "out/masks/scene_001_val.png")).shape == (96, 112, 3)
    assert "masks, results.json and images.csv in out" in result.out


def test_whole_tiles_are_scored_beside_the_patches(demo, demo_run):
    config = REPOSITORY / "config/demo/bicor.py"
    arguments = ("-c", config, "-o", "fig_results/scenes", "--scenes", "--rgb", *TINY)
    result = run_here(demo, "test_vaihingen.py", *arguments)
    assert result.status == 0, result.error
    assert "scenes, eroded masks, TTA none" in result.out
    results = json.loads((demo / "fig_results/scenes/results.json").read_text())
    assert results["scenes"] == {"window": 1024, "overlap": 0.25}
    scores = {(score["unit"], score["masks"]): score for score in results["scores"]}
    assert list(scores) == [("patches", "full"), ("scenes", "eroded"), ("scenes", "full")]
    assert scores["patches", "full"]["pixels"] == scores["scenes", "full"]["pixels"]
    for kind, folder in (("full", "test_masks"), ("eroded", "test_masks_eroded")):
        counts = np.zeros(36, np.int64)
        for path in (demo / "data/demo" / folder).iterdir():
            label = encode_colors(read_rgb(path), VAIHINGEN)
            name = path.stem.removesuffix("_noBoundary")
            mask = cv2.imread(
                str(demo / f"fig_results/scenes/scenes/masks/{name}.png"), cv2.IMREAD_UNCHANGED
            )
            assert mask.shape == label.shape
            valid = label < 6
            counts += np.bincount(label[valid] * 6 + mask[valid], minlength=36)
        assert counts.reshape(6, 6).tolist() == scores["scenes", kind]["confusion"]
    assert len(list((demo / "fig_results/scenes/scenes/masks_rgb").iterdir())) == 2
    with (demo / "fig_results/scenes/images.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["unit"] == "scenes"]
    assert len(rows) == 2 * 2
    again = run_here(demo, "test_vaihingen.py", "-c", config, "-o", "fig_results/scenes", *TINY)
    assert again.status == 0, again.error
    assert not (demo / "fig_results/scenes/scenes").exists()


def test_whole_tiles_that_are_not_there_are_not_scored(demo, demo_run, trained):
    def test(root, config, *words, arguments=()):
        arguments = ("-c", config, "-o", "none", "--scenes", *arguments)
        refused(root, *words, script="test.py", arguments=arguments)

    config = REPOSITORY / "config/demo/bicor.py"
    test(demo, config, "scores whole test tiles", arguments=("--split", "val", *TINY))
    test(trained[0], "bicor.py", "scores whole test tiles")
    aside = (demo / "data/demo/test_images").rename(demo / "data/demo/aside")
    try:
        test(demo, config, "needs the publisher's tiles", "test_images", arguments=TINY)
    finally:
        aside.rename(demo / "data/demo/test_images")
