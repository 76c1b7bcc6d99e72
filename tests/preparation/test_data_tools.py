"""What the data tools promise: the same files every time, whole or not at all."""

import os
import shutil
import signal
import time

import cv2
import numpy as np
import pytest

from network.datasets.catalog import LOVEDA, POTSDAM
from network.datasets.colors import decode_colors, encode_colors
from network.files.images import list_images, read_indices, read_rgb
from tests.conftest import REPOSITORY, files_of, refused, run_here
from tests.forked import Forked

VAIHINGEN_SPLIT = ("tools/vaihingen_patch_split.py", "--split-size", 64, "--stride", 32)
POTSDAM_SPLIT = ("tools/potsdam_patch_split.py", "--split-size", 64, "--stride", 64)
ORTHOPHOTO_SPLIT = (
    *("tools/split_orthophoto.py", "--images", "data/flight/ortho.tif"),
    *("--labels", "data/flight/labels.gpkg", "--class-field", "class", "--output", "data/mine"),
    *("--split-size", 64, "--stride", 32, "--processes", 2),
)
CONVERT = "tools/loveda_mask_convert.py"
ARRANGE = "tools/arrange_tiles.py"


def done(root, script, *arguments):
    result = run_here(root, script, *arguments)
    assert result.status == 0, result.error
    return result


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    root = tmp_path_factory.mktemp("raw")
    for layout, numbers in (
        ("vaihingen", ("--train-tiles", 3, "--test-tiles", 1)),
        ("potsdam", ("--train-tiles", 2, "--test-tiles", 1)),
        ("loveda", ("--images", 2)),
    ):
        folder = "data/LoveDA" if layout == "loveda" else f"data/{layout}"
        arguments = ("--layout", layout, "--output", folder, "--size", 100, 140, *numbers)
        done(root, "tools/make_demo_data.py", *arguments)
    return root


@pytest.fixture
def root(template, tmp_path):
    shutil.copytree(template / "data", tmp_path / "data")
    return tmp_path


def all_tools(root):
    done(root, *VAIHINGEN_SPLIT)
    done(root, *POTSDAM_SPLIT, "--rgb-image")
    done(root, CONVERT)
    sources = ("--images", "data/potsdam/test_images", "--masks", "data/potsdam/test_masks")
    done(root, ARRANGE, "potsdam", *sources, "--output", "data/sorted")


def test_two_runs_give_the_same_bytes(root):
    all_tools(root)
    first = files_of(root)
    assert any("images_1024" in str(path) for path in first)
    assert any("masks_png_convert_rgb" in str(path) for path in first)
    all_tools(root)
    assert files_of(root) == first
    folder = root / "data/potsdam"
    shutil.rmtree(folder / "train")
    done(root, *POTSDAM_SPLIT, "--rgb-image", "--processes", 1)
    assert files_of(root) == first


def test_converted_masks(root):
    done(root, CONVERT)
    folder = root / "data/LoveDA/Train/Rural"
    for path in list_images(folder / "masks_png"):
        raw = read_indices(path)
        converted = read_indices(folder / "masks_png_convert" / path.name)
        assert {(int(a), int(b)) for a, b in zip(raw.flat, converted.flat, strict=True)} <= {
            (0, 7), (1, 0), (2, 1), (3, 2), (4, 3), (5, 4), (6, 5), (7, 6)
        }  # fmt: skip
        colors = read_rgb(folder / "masks_png_convert_rgb" / path.name)
        np.testing.assert_array_equal(colors, decode_colors(converted, LOVEDA))


def test_converted_masks_are_not_converted_again(root):
    done(root, CONVERT)
    folder = root / "data/LoveDA/Train/Rural"
    again = ("--mask-dir", folder / "masks_png_convert", "--output-mask-dir", "again")
    refused(root, "masks as published", "masks_png_convert", script=CONVERT, arguments=again)
    shutil.copytree(folder / "masks_png_convert", folder / "renamed")
    again = ("--mask-dir", folder / "renamed", "--output-mask-dir", "again")
    refused(root, "renamed/0.png is converted already", script=CONVERT, arguments=again)
    same = ("--mask-dir", folder / "masks_png", "--output-mask-dir", folder / "masks_png")
    refused(root, "masks_png is read from; write to another folder", script=CONVERT, arguments=same)
    (folder / "masks_png").rename(folder / "raw_rgb")  # where the colors would go
    beside = ("--mask-dir", folder / "raw_rgb", "--output-mask-dir", folder / "raw")
    refused(root, "raw_rgb is read from", script=CONVERT, arguments=beside)


def test_labels_that_loveda_does_not_have(root):
    path = root / "data/LoveDA/Train/Rural/masks_png/1.png"
    mask = read_indices(path).copy()
    mask[:20] = 8
    cv2.imwrite(str(path), mask)
    refused(root, "masks_png/1.png: 20.0%", "8 (20.0%)", script=CONVERT, arguments=())
    mask[:20], mask[0, :70] = 1, 9
    cv2.imwrite(str(path), mask)
    result = done(root, CONVERT)
    assert "masks_png/1.png: 0.500% in values that are no labels, ignored" in result.out


def test_label_that_is_an_image_is_refused_by_name(root):
    folder = root / "data/potsdam"
    label = folder / "train_masks/top_potsdam_2_11_label.tif"
    label.write_bytes((folder / "train_images/top_potsdam_2_11_RGB.tif").read_bytes())
    other = folder / "train_masks/top_potsdam_2_10_label.tif"
    other.write_bytes((folder / "train_images/top_potsdam_2_10_RGB.tif").read_bytes())
    script, *arguments = (*POTSDAM_SPLIT, "--rgb-image")
    words = ("top_potsdam_2_11_label.tif: ", "top_potsdam_2_10_label.tif: ")
    words += ("colors that the dataset does not list",)
    refused(root, *words, script=script, arguments=arguments)
    config = ("-c", REPOSITORY / "config/potsdam/bicor.py")
    refused(root, *words, script="tools/check_data.py", arguments=config)


def test_few_unlisted_colors_are_reported_and_ignored(root):
    """As in the label of tile 4_12 that some copies of Potsdam have."""
    path = root / "data/potsdam/train_masks/top_potsdam_2_11_label.tif"
    mask = read_rgb(path).copy()
    mask[0, :70] = (252, 255, 0)
    cv2.imwrite(str(path), mask[..., ::-1])
    result = done(root, *POTSDAM_SPLIT, "--rgb-image")
    assert "top_potsdam_2_11_label.tif: 0.500% in unlisted colors, ignored" in result.out
    patch = read_indices(root / "data/potsdam/train/masks_1024/top_potsdam_2_11_0_0.png")
    assert (patch[0] == POTSDAM.ignore_index).all()
    assert not (patch[1] == POTSDAM.ignore_index).any()
    found = run_here(root, "tools/check_data.py", "-c", REPOSITORY / "config/potsdam/bicor.py")
    assert "2_11_label.tif: 0.500% of its pixels are in no listed value" in found.out


def test_options_that_do_not_fit_the_files(root):
    script, *size = POTSDAM_SPLIT
    refused(root, "no image *_IRRG", "--rgb-image", script=script, arguments=size)
    masks = ("--rgb-image", "--img-dir", "data/potsdam/test_images", "--mask-dir")
    full, eroded = "data/potsdam/test_masks", "data/potsdam/test_masks_eroded"
    words = ("no mask *_label_noBoundary", "leave out --eroded")
    refused(root, *words, script=script, arguments=(*size, *masks, full, "--eroded"))
    refused(root, "add --eroded", script=script, arguments=(*size, *masks, eroded))
    overlapping = (*size[:2], "--stride", 32, "--mode", "val", *masks, full)
    refused(root, "must not overlap", script=script, arguments=overlapping)
    scaled = (*size, "--mode", "train", "--val-scale", 0.5, "--rgb-image")
    refused(root, "--val-scale has no effect without --mode val", script=script, arguments=scaled)
    into = (*size, *masks, full, "--output-img-dir", "data/potsdam/test_images")
    refused(
        root, "test_images is read from; write to another folder", script=script, arguments=into
    )


def test_faults_of_names_do_not_hide_others(root):
    folder = "data/potsdam/test"
    arguments = ("--img-dir", f"{folder}_images", "--mask-dir", f"{folder}_masks", "--rgb-image")
    arguments += ("--output-img-dir", f"{folder}/images_1024")
    arguments += ("--output-mask-dir", f"{folder}/masks_1024")
    done(root, *POTSDAM_SPLIT[:3], "--stride", 32, *arguments)
    config = ("-c", REPOSITORY / "config/potsdam/bicor.py")
    words = ("3 faults", "no folder data/potsdam/train/images_1024", "2_13 overlap")
    refused(root, *words, script="tools/check_data.py", arguments=config)


def test_full_masks_called_eroded(root):
    folder = root / "data/potsdam"
    source = folder / "test_masks/top_potsdam_2_13_label.tif"
    target = folder / "test_masks_eroded/top_potsdam_2_13_label_noBoundary.tif"
    target.write_bytes(source.read_bytes())
    script, *size = POTSDAM_SPLIT
    folders = ("--img-dir", "data/potsdam/test_images", "--mask-dir", target.parent)
    arguments = (*size, *folders, "--eroded", "--rgb-image")
    refused(root, "2_13_label_noBoundary.tif is no eroded mask", script=script, arguments=arguments)


@pytest.mark.parametrize("folder", ["train_images", "train_masks"])
def test_truncated_tile(root, folder):
    path = list_images(root / "data/vaihingen" / folder)[1]
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    script, *arguments = VAIHINGEN_SPLIT
    refused(root, f"cannot read data/vaihingen/{folder}/{path.name}", script=script,
            arguments=arguments)  # fmt: skip


def test_arranged_tiles(root):
    data = root / "data/vaihingen"
    download = root / "download"
    for name in ("images", "masks"):
        (download / name).mkdir(parents=True)
        for area in ("train", "test"):
            for path in list_images(data / f"{area}_{name}"):
                shutil.copy(path, download / name)
    shutil.copytree(data / "test_masks_eroded", download / "eroded")
    shutil.copy(download / "images/top_mosaic_09cm_area1.tif", download / "images/other.tif")
    before = files_of(data)
    arguments = ("--images", "download/images", "--masks", "download/masks")
    eroded = ("--masks-eroded", "download/eroded")
    result = done(root, ARRANGE, "vaihingen", *arguments, *eroded, "--output", "sorted")
    assert "sorted/train_images: 3 files" in result.out
    assert files_of(root / "sorted") == before
    swapped = ("vaihingen", "--images", "download/images", "--masks", "download/eroded")
    words = ("download/eroded has no masks named top_mosaic_09cm_areaID.tif",)
    refused(root, *words, script=ARRANGE, arguments=swapped)


def many_tiles(root):
    """Copies of a tile under official names, enough to be met at work."""
    data = root / "data/vaihingen"
    for folder in (data / "train_images", data / "train_masks"):
        tile = read_rgb(folder / "top_mosaic_09cm_area30.tif")
        for number in (1, 3, 5, 7, 11, 13, 30):
            cv2.imwrite(
                str(folder / f"top_mosaic_09cm_area{number}.tif"),
                np.tile(tile, (6, 6, 1))[..., ::-1],
            )


def one_orthophoto(root):
    size = ("--size", 700, 900, "--output", "data/flight")
    done(root, "tools/make_demo_data.py", "--layout", "orthophoto", *size)


def many_masks(root):
    folder = root / "data/LoveDA/Train/Rural/masks_png"
    mask = np.tile(read_indices(folder / "0.png"), (10, 10))
    for number in range(150):
        cv2.imwrite(str(folder / f"{number}.png"), mask)


def at_work(process, root, files=20):
    """Wait until a tool has written some files aside."""
    while process.poll() is None and written_aside(process, root) < files:
        time.sleep(0.002)
    assert process.poll() is None, "over before it could be interrupted"


def written_aside(process, root):
    """Number of its files; folders that it removes meanwhile, of a tool killed before, are none."""
    return sum(
        not name.startswith(".")
        for folder, folders, names in os.walk(root)
        if folder.endswith(f"-{process.pid}.partial")
        for name in folders + names
    )


def without_staging(files):
    return {
        path: content
        for path, content in files.items()
        if not any(part.endswith(".partial") for part in path.parts)
    }


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("prepare", "tool"),
    [
        (many_tiles, (*VAIHINGEN_SPLIT, "--processes", 2)),
        pytest.param(many_masks, (CONVERT,), marks=pytest.mark.slow),
        (one_orthophoto, ORTHOPHOTO_SPLIT),
    ],
    ids=["split", "convert", "orthophoto"],
)
def test_an_interrupted_tool_starts_again(root, prepare, tool):
    prepare(root)
    before = files_of(root)
    done(root, *tool)
    whole = files_of(root)
    for stop, whom, status in (
        (os.killpg, signal.SIGKILL, -9),
        (os.killpg, signal.SIGINT, 130),
        (os.kill, signal.SIGTERM, 143),
        (os.kill, signal.SIGKILL, -9),
    ):
        for path in whole.keys() - before.keys():
            (root / path).unlink(missing_ok=True)
        process = Forked(root, *tool)
        at_work(process, root)
        stop(process.pid, whom)
        error = process.communicate()[1]
        assert process.returncode == status
        assert "Traceback" not in error
        left = files_of(root)
        assert without_staging(left) == before
        if whom != signal.SIGKILL:
            assert left == before
    process = Forked(root, *tool)
    at_work(process, root)
    process.kill()  # its working processes end by themselves
    process.communicate()
    done(root, *tool)
    time.sleep(0.5)
    assert without_staging(files_of(root)) == whole
    done(root, *tool)
    assert files_of(root) == whole


def test_two_tools_at_the_same_time_do_not_meet(root):
    done(root, *VAIHINGEN_SPLIT)
    whole = files_of(root)
    first, second = Forked(root, *VAIHINGEN_SPLIT), Forked(root, *VAIHINGEN_SPLIT)
    for process in (first, second):
        assert process.communicate() and process.returncode == 0
    assert files_of(root) == whole


def test_output_folders_that_are_links_or_the_working_folder(root):
    (root / "elsewhere").mkdir()
    (root / "link").symlink_to(root / "elsewhere")
    done(root, *VAIHINGEN_SPLIT, "--output-img-dir", "link", "--output-mask-dir", "masks")
    assert (root / "link").is_symlink()
    patches = {path.stem for path in (root / "elsewhere").iterdir()}
    assert patches == {path.stem for path in list_images(root / "masks")}
    (root / "here").mkdir()
    folders = ("--img-dir", root / "data/vaihingen/train_images")
    folders += ("--mask-dir", root / "data/vaihingen/train_masks")
    done(root / "here", *VAIHINGEN_SPLIT, *folders,
         "--output-img-dir", ".", "--output-mask-dir", ".")  # fmt: skip
    assert {path.stem for path in list_images(root / "here")} == patches


def test_split_masks_put_together_are_the_source(root):
    done(root, *POTSDAM_SPLIT, "--rgb-image")
    for path in list_images(root / "data/potsdam/train_masks"):
        tile = path.stem.removesuffix("_label")
        source = read_rgb(path)
        height, width = source.shape[:2]
        rows, cols = -(-height // 64), -(-width // 64)
        assert height % 64 and width % 64
        folder = root / "data/potsdam/train/masks_1024"
        whole = np.vstack([
            np.hstack([read_indices(folder / f"{tile}_{row}_{col}.png") for col in range(cols)])
            for row in range(rows)
        ])  # fmt: skip
        np.testing.assert_array_equal(decode_colors(whole, POTSDAM)[:height, :width], source)
        np.testing.assert_array_equal(whole[:height, :width], encode_colors(source, POTSDAM))
        assert (whole[height:] == POTSDAM.ignore_index).all()
        assert (whole[:, width:] == POTSDAM.ignore_index).all()
