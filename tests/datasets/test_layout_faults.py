"""The faults of test_faults.py and those of their own, in the layouts of the published datasets."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from network.datasets.catalog import VAIHINGEN
from network.models import BiCoR
from tests.conftest import refused, run_here
from tests.layouts import LAYOUTS, URBAN_MASK, write_layouts, write_pair


@pytest.fixture
def root(tmp_path):
    write_layouts(tmp_path)
    return tmp_path


@pytest.fixture(params=LAYOUTS.values(), ids=LAYOUTS)
def layout(request):
    return request.param


def test_the_template_itself_is_sound(root, layout):
    found = run_here(root, "tools/check_data.py", *layout.arguments)
    assert found.status == 0, found.error
    assert "no faults" in found.out


def test_missing_folder(root, layout):
    folder = (Path("data") / layout.image).parent
    shutil.rmtree(root / folder)
    refused(root, f"no folder {folder}", arguments=layout.arguments)


def test_missing_masks(root, layout):
    folder = (Path("data") / layout.mask).parent
    shutil.rmtree(root / folder)
    refused(root, f"no folder {folder}", arguments=layout.arguments)


def test_image_without_mask_and_mask_without_image(root, layout):
    (root / "data" / layout.mask).unlink()
    masks = (root / "data" / layout.mask).parent
    lonely = masks / Path(layout.mask).name.replace("0.png", "7.png")
    lonely.write_bytes((root / "data" / URBAN_MASK).read_bytes())
    words = ("1 images", Path(layout.image).stem, "1 masks", lonely.stem)
    refused(root, *words, arguments=layout.arguments)


def test_mask_of_another_size(root, layout):
    path = root / "data" / layout.mask
    cv2.imwrite(str(path), cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[:60])
    words = (f"{layout.image} is 64x64", f"{layout.mask} is 64x60", "same size")
    refused(root, *words, arguments=layout.arguments)


def test_unlisted_values(root, layout):
    path = root / "data" / layout.mask
    mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    mask[:8] = 99
    cv2.imwrite(str(path), mask)
    refused(root, f"{layout.mask}: 12.5%", "99", arguments=layout.arguments)


@pytest.mark.parametrize("kind", ["truncated", "text"])
def test_unreadable_image(root, layout, kind):
    path = root / "data" / layout.image
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] if kind == "truncated" else b"no image")
    refused(root, f"cannot read data/{layout.image} as an image", arguments=layout.arguments)


def test_no_checkpoint(root, layout):
    words = (f"no checkpoint model_weights/{layout.spec.name}/bicor/best.ckpt", "train first")
    arguments = (*layout.arguments, "-o", "out")
    refused(root, *words, script=layout.script, arguments=arguments)


def test_checkpoint_of_another_number_of_classes(root, layout):
    net = BiCoR("test_convnext", num_classes=5, embed_dim=32)
    weights = {f"net.{name}": value for name, value in net.state_dict().items()}
    torch.save({"state_dict": weights}, root / "five.ckpt")
    words = ("five.ckpt was trained with 5 classes", f"has {layout.spec.num_classes}")
    arguments = (*layout.arguments, "-o", "out", "--ckpt", "five.ckpt")
    refused(root, *words, script=layout.script, arguments=arguments)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_where_there_is_none(root, layout):
    arguments = (*layout.arguments, "accelerator=gpu")
    refused(root, "no CUDA device", arguments=arguments)


def test_config_of_another_dataset(root, layout):
    other = LAYOUTS["potsdam" if layout.spec.name == "loveda" else "loveda"]
    words = (f"is for {layout.spec.name}", "use the script of that dataset, or test.py")
    refused(root, *words, script=other.script, arguments=(*layout.arguments, "-o", "out"))


@pytest.mark.parametrize("name", ["vaihingen", "potsdam"])
def test_tile_in_two_splits(root, name):
    layout = LAYOUTS[name]
    test_name = Path(layout.test_image).name
    for kind, suffix in (("images", ".tif"), ("masks", ".png")):
        target = (root / "data" / layout.image).parents[1] / f"{kind}_64"
        source = (root / "data" / layout.test_image).parents[1] / f"{kind}_64"
        name = Path(test_name).with_suffix(suffix).name
        (target / name).write_bytes((source / name).read_bytes())
    tile = "2" if layout.spec is VAIHINGEN else "2_13"
    words = ("train/images_64", f"patches of the test tiles {tile}:", "must not be in two splits")
    refused(root, *words, arguments=layout.arguments)
    arguments = layout.arguments
    refused(root, *words, script="tools/check_data.py", arguments=arguments)


def test_validation_tile_that_is_a_test_tile(root):
    arguments = LAYOUTS["potsdam"].arguments
    words = ("2_13 is a test tile", "dataset.validate_on_test=True")
    refused(root, *words, arguments=(*arguments, "dataset.val_tiles=['2_13']"))
    words = ("9_9 is no tile of the training area",)
    refused(root, *words, arguments=(*arguments, "dataset.val_tiles=['9_9']"))


def test_loveda_image_in_train_and_val(root):
    for kind in ("images_png", "masks_png_convert"):
        source = root / f"data/LoveDA/Val/Rural/{kind}/2522.png"
        shutil.copy(source, root / f"data/LoveDA/Train/Urban/{kind}/2522.png")
    words = ("images of Val in data/LoveDA/Train: 2522", "dataset.train_on_val=True")
    refused(root, *words, arguments=LAYOUTS["loveda"].arguments)


def test_same_image_under_two_names(root):
    folder = root / "data/LoveDA"
    shutil.copy(folder / "Val/Rural/images_png/2522.png", folder / "Train/Urban/images_png/1.png")
    words = ("same image under several names", "Urban/1 (train)", "Rural/2522 (val)")
    arguments = LAYOUTS["loveda"].arguments
    refused(root, *words, script="tools/check_data.py", arguments=arguments)


def test_masks_not_converted_yet(root):
    folder = root / "data/LoveDA/Train/Rural"
    (folder / "masks_png_convert").rename(folder / "masks_png")
    words = ("no folder data/LoveDA/Train/Rural/masks_png_convert", "tools/loveda_mask_convert.py")
    refused(root, *words, arguments=LAYOUTS["loveda"].arguments)


def test_eroded_masks_without_boundaries(root):
    folder = root / "data/vaihingen/test/masks_64"
    mask = cv2.imread(str(next(folder.iterdir())), cv2.IMREAD_UNCHANGED)
    mask[:, 20:24] = mask[:, 19:20]
    eroded = folder.with_name("masks_64_eroded")
    eroded.mkdir()
    for path in folder.iterdir():
        cv2.imwrite(str(eroded / path.name), mask)
    words = ("masks_64_eroded has no boundary pixel", "tiles 2,", "no eroded masks")
    arguments = LAYOUTS["vaihingen"].arguments
    refused(root, *words, script="tools/check_data.py", arguments=arguments)


def test_faults_are_listed_together(root):
    layout = LAYOUTS["loveda"]
    write_pair(root / "data", "LoveDA/Val/Urban/images_png/2524.png", layout.spec)
    (root / "data/LoveDA/Train/Urban/images_png/1.png").write_bytes(b"no image")
    (root / "data/LoveDA/Val/Urban/images_png/2523.png").unlink()
    mask = np.full((64, 64), 9, np.uint8)
    cv2.imwrite(str(root / "data" / layout.mask), mask)
    words = ("3 faults", "Urban/images_png/1.png", "2523", f"{layout.mask}: 100.0%")
    refused(root, *words, script="tools/check_data.py", arguments=layout.arguments)


def test_data_that_are_not_prepared(root):
    shutil.rmtree(root / "data/vaihingen/train")
    words = ("no folder data/vaihingen/train/images_64",)
    arguments = LAYOUTS["vaihingen"].arguments
    refused(root, *words, script="tools/check_data.py", arguments=arguments)
