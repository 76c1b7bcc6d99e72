"""Every expected fault ends with one clear message, a status, and nothing written."""

import shutil

import cv2
import numpy as np
import pytest
import torch

from network.cli.faults import reports_faults
from tests.conftest import refused, run_script


def test_unknown_setting_in_a_config(own):
    with (own / "bicor.py").open("a") as config:
        config.write("max_epochs = 3\n")
    refused(own, "bicor.py", "unknown setting 'max_epochs'", "did you mean 'max_epoch'")


def test_unknown_settings_in_overrides(own):
    line = ("-c", "bicor.py")
    refused(own, "'bath_size'", arguments=(*line, "bath_size=3"))
    refused(own, "'backbon'", "did you mean 'backbone'", arguments=(*line, "net.backbon=resnet18"))


def test_values_of_a_wrong_type(own):
    arguments = ("-c", "bicor.py", "net.embed_dim=wide")
    refused(own, "net.embed_dim='wide'", "int", arguments=arguments)


def test_missing_data_folder(own):
    arguments = ("-c", "bicor.py", "dataset.root=data/none")
    refused(own, "no folder data/none", arguments=arguments, run=run_script)
    shutil.rmtree(own / "data/own/masks")
    refused(own, "no folder data/own/masks")


def test_images_without_masks_and_masks_without_images(own):
    (own / "data/own/masks/scene_000.png").unlink()
    (own / "data/own/images/scene_002.jpg").unlink()
    refused(own, "1 images", "mask of the same name", "scene_000", "1 masks", "scene_002")


def test_mask_of_another_size(own):
    path = own / "data/own/masks/scene_003.png"
    cv2.imwrite(str(path), cv2.imread(str(path))[:90])
    refused(own, "scene_003.jpg is 112x96", "scene_003.png is 112x90", "same size")


def test_unlisted_colors(own):
    path = own / "data/own/masks/scene_000.png"
    mask = cv2.imread(str(path))
    mask[:10] = (3, 2, 1)
    cv2.imwrite(str(path), mask)
    refused(own, "scene_000.png: 10.4%", "[1, 2, 3]", "does not list")
    mask[1:10] = cv2.imread(str(own / "data/own/masks/scene_002.png"))[1:10]
    mask[0, 50:] = 0
    cv2.imwrite(str(path), mask)
    result = run_script(own, "train.py", "-c", "bicor.py")
    assert result.status == 0, result.error


def test_image_of_16_bits(own):
    path = own / "data/own/images/scene_002.jpg"
    image = cv2.imread(str(path)).astype(np.uint16) * 16
    path.unlink()
    cv2.imwrite(str(path.with_suffix(".png")), image)
    refused(own, "scene_002.png", "more than 8 bits a band")


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("train_batch_size=99", ["train_batch_size=99", "an epoch has only 4"]),
        ("loss.fisher_weight=[0.1]", ["lists 1 weights", "2 HBIS layers"]),
        ("monitor=val_mIuO", ["monitor='val_mIuO'", "val_mIoU", "val_IoU_Tree", "val_heatmap"]),
        ("monitor=val_fisher", ["monitor='val_fisher'", "val_heatmap, val_total"]),
        ("precision=16bit", ["precision='16bit'", "bf16-mixed"]),
        ("strategy=dpp", ["strategy='dpp'"]),
        ("devices=0", ["devices=0"]),
        ("name=../../up", ["name='../../up'"]),
    ],
)
def test_settings_that_cannot_work_leave_an_earlier_run_alone(own, override, words):
    folder = own / "model_weights/own/bicor"
    folder.mkdir(parents=True)
    (folder / "best.ckpt").write_bytes(b"of an earlier run")
    refused(own, *words, arguments=("-c", "bicor.py", override))


def test_nothing_to_resume(own):
    refused(own, "no checkpoint model_weights/own/bicor/last.ckpt",
            arguments=("-c", "bicor.py", "--resume", "model_weights/own/bicor/last.ckpt"),
            )  # fmt: skip
    (own / "cut.ckpt").write_bytes(b"PK\x03\x04 cut off")
    refused(own, "cut.ckpt cannot be read",
            arguments=("-c", "bicor.py", "--resume", "cut.ckpt", "max_epoch=2"))  # fmt: skip


def test_output_folder_that_is_a_file(trained, own):
    checkpoint = trained[0] / "model_weights/own/bicor/best.ckpt"
    (own / "out").write_text("mine")
    arguments = ("-c", "bicor.py", "-o", "out", "--ckpt", checkpoint)
    refused(own, "cannot write to out: it is a file", script="test.py", arguments=arguments)


@pytest.mark.parametrize("kind", ["truncated", "text"])
def test_unreadable_image(own, kind):
    path = own / "data/own/images/scene_002.jpg"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] if kind == "truncated" else b"no image")
    refused(own, "cannot read data/own/images/scene_002.jpg as an image")


def test_unreadable_image_met_by_a_loading_process(own):
    (own / "data/own/masks/scene_000.png").write_bytes(b"no image")
    arguments = ("-c", "bicor.py", "check_data=False", "num_workers=1")
    result = run_script(own, "train.py", *arguments)
    assert result.status == 1
    assert "Traceback" not in result.error
    assert "error: cannot read data/own/masks/scene_000.png" in result.error


def test_no_checkpoint_to_test(own):
    arguments = ("-c", "bicor.py", "-o", "out")
    refused(own, "no checkpoint model_weights/own/bicor/best.ckpt", "train first",
            script="test.py", arguments=arguments)  # fmt: skip


def test_checkpoint_of_another_number_of_classes(trained, own):
    source, _ = trained
    checkpoint = source / "model_weights/own/bicor/best.ckpt"
    settings = own / "data/own/dataset.yaml"
    text = settings.read_text()
    settings.write_text(text.replace("ignore_colors:", "  Pool: [9, 9, 9]\nignore_colors:"))
    arguments = ("-c", "bicor.py", "-o", "out", "--ckpt", checkpoint)
    refused(own, "trained with 6 classes", "has 7", script="test.py", arguments=arguments)


def test_checkpoint_of_another_network(trained, own):
    source, _ = trained
    checkpoint = source / "model_weights/own/bicor/best.ckpt"
    arguments = ("-c", "bicor.py", "-o", "out", "--ckpt", checkpoint, "net.embed_dim=48")
    refused(own, "holds another network", script="test.py", arguments=arguments)


class Evil:
    def __reduce__(self):
        return (open, ("harm", "w"))


def test_checkpoint_with_code_is_refused_and_not_run(own):
    torch.save({"state_dict": Evil()}, own / "evil.ckpt")
    arguments = ("-c", "bicor.py", "-o", "out", "--ckpt", "evil.ckpt")
    refused(own, "evil.ckpt cannot be read as a checkpoint", script="test.py", arguments=arguments)
    assert not (own / "harm").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_where_there_is_none(own):
    refused(own, "no CUDA device", "accelerator=cpu",
            arguments=("-c", "bicor.py", "accelerator=gpu"))  # fmt: skip


def test_patch_split_refuses_unlisted_colors_and_lone_tiles(tmp_path):
    folders = {name: tmp_path / name for name in ("images", "masks")}
    for folder in folders.values():
        folder.mkdir()
    gray = np.full((80, 90, 3), 77, np.uint8)
    for folder in folders.values():
        cv2.imwrite(str(folder / "top_mosaic_09cm_area1.tif"), gray)
    arguments = ("--img-dir", "images", "--mask-dir", "masks", "--split-size", 64, "--stride", 64)
    arguments += ("--output-img-dir", "out/i", "--output-mask-dir", "out/m")
    script = {"script": "tools/vaihingen_patch_split.py", "arguments": arguments}
    colored = np.full((80, 90, 3), 255, np.uint8)
    for name, folder in folders.items():
        mask = gray if name == "images" else colored
        cv2.imwrite(str(folder / "top_mosaic_09cm_area0.tif"), mask)
    refused(tmp_path, "area1.tif: 100.0%", "[77, 77, 77]", **script)
    for folder in folders.values():
        (folder / "top_mosaic_09cm_area0.tif").unlink()
    (folders["masks"] / "top_mosaic_09cm_area1.tif").rename(folders["masks"] / "other.tif")
    refused(tmp_path, "top_mosaic_09cm_area1", "other", **script)


@pytest.mark.parametrize("word", ["closed", "reset"])
def test_a_lost_process_in_the_words_of_either_torch(word, capsys):
    @reports_faults
    def main():
        raise RuntimeError(f"[pair.cc:1] Read error [::1]:1: Connection {word} by peer\nat ...")

    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    message = capsys.readouterr().err
    assert message.startswith("error: lost another process of this training ([pair.cc:1]")
    assert "\nat" not in message
