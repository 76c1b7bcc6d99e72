"""The README's sequence for each published dataset, every command as it is written there.

The data are drawn, in the layout, file names and labels of the publisher. Only a small network and
a single epoch are overridden.
"""

import json
import re
import shlex
import zipfile

import cv2
import numpy as np
import pytest
from PIL import Image

from network.datasets.catalog import LOVEDA, POTSDAM, VAIHINGEN
from network.datasets.colors import decode_colors, encode_colors
from network.files.images import list_images, read_indices, read_rgb
from tests.conftest import REPOSITORY, succeed, succeed_here

SMALL = ("net.backbone=test_convnext", "net.embed_dim=32", "net.pretrained=False", "max_epoch=1")
SCRIPTS_WITH_SETTINGS = ("train.py", "test_vaihingen.py", "test_potsdam.py", "test_loveda.py")
DRAWN = {
    "vaihingen": ("--train-tiles", 3, "--test-tiles", 1, "--size", 610, 700),
    "potsdam": ("--train-tiles", 3, "--test-tiles", 1, "--size", 620, 700),
    "LoveDA": ("--images", 4, "--size", 200, 220),
}


def commands(title):
    """The commands of the first block below a heading of the README."""
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    section = text[text.index(f"\n## {title}\n") :]
    block = re.search(r"```bash\n(.*?)```", section, re.DOTALL)[1]
    return [shlex.split(line) for line in block.splitlines()]


def work_through(root, title):
    """Run a section of the README; what each script said, by its name and by its last option."""
    (root / "config").symlink_to(REPOSITORY / "config")
    said = {}
    for python, script, *arguments in commands(title):
        assert python == "python"
        extra = SMALL if script in SCRIPTS_WITH_SETTINGS else ()
        result = succeed_here(root, script, *arguments, *extra)
        said[script, arguments[-1]] = result.out
    return said


def draw(root, layout, folder):
    arguments = ("--layout", layout.lower(), "--output", folder, *DRAWN[layout])
    succeed(root, "tools/make_demo_data.py", *arguments)


def as_downloaded(root, layout, names):
    """Move drawn tiles to the folders of a download, training and test area together."""
    draw(root, layout, "drawn")
    for kind, name in names.items():
        target = root / "download" / layout / name
        target.mkdir(parents=True)
        for area in ("train", "test"):
            folder = root / f"drawn/{area}_{kind}"
            for path in list_images(folder) if folder.is_dir() else ():
                path.rename(target / path.name)


def results_of(root, folder):
    return json.loads((root / folder / "results.json").read_text())


def counted(masks, spec):
    return sum(int((encode_colors(read_rgb(p), spec) < spec.num_classes).sum()) for p in masks)


def check_tile_scores(root, dataset, spec):
    """Pixels, order and scores of an ISPRS test against the publisher's masks."""
    results = results_of(root, f"fig_results/{dataset}/bicor")
    variants = [(s["masks"], s["tta"]) for s in results["scores"]]
    assert variants == [("eroded", "d4"), ("eroded", "none"), ("full", "d4"), ("full", "none")]
    pixels = {
        "eroded": counted(list_images(root / f"data/{dataset}/test_masks_eroded"), spec),
        "full": counted(list_images(root / f"data/{dataset}/test_masks"), spec),
    }
    for score in results["scores"]:
        counts = np.array(score["confusion"])
        assert score["pixels"] == counts.sum() == pixels[score["masks"]]
        iou = counts.diagonal() / (counts.sum(0) + counts.sum(1) - counts.diagonal())
        assert score["mIoU"] == pytest.approx(np.nanmean(iou[:5]))
        assert score["mIoU_all"] == pytest.approx(np.nanmean(iou))
        assert score["OA"] == pytest.approx(counts.trace() / counts.sum())
    assert pixels["eroded"] < pixels["full"]
    assert results["splits"]["images_of_training"] == 0
    assert results["splits"]["images_of_validation"] == 0
    return results


def check_colored_masks(root, folder, spec):
    masks = sorted((root / folder / "masks").rglob("*.png"))
    assert masks
    for path in masks:
        colors = read_rgb(root / folder / "masks_rgb" / path.relative_to(root / folder / "masks"))
        np.testing.assert_array_equal(colors, decode_colors(read_indices(path), spec))


def test_vaihingen(tmp_path):
    names = {"images": "top", "masks": "complete", "masks_eroded": "eroded"}
    as_downloaded(tmp_path, "vaihingen", names)
    said = work_through(tmp_path, "ISPRS Vaihingen")
    results = check_tile_scores(tmp_path, "vaihingen", VAIHINGEN)
    assert results["tta"]["d4"]["passes"] == 40
    assert results["splits"]["tiles"] == ["2"]
    assert len(results["splits"]["missing"]) == 16
    assert results["splits"]["rule"]["val_tiles"] == ["30"]
    record = (tmp_path / "model_weights/vaihingen/bicor/run.json").read_text()
    assert json.loads(record)["settings"]["repeat"] == "3"
    check_colored_masks(tmp_path, "fig_results/vaihingen/bicor", VAIHINGEN)
    table = said["test_vaihingen.py", "--compare-tta"]
    for text in ("eroded masks, TTA d4", "full masks, TTA none", "mean over all classes"):
        assert text in table
    assert "no faults" in said["tools/check_data.py", "config/vaihingen/bicor.py"]


def test_potsdam(tmp_path):
    names = {"images": "2_Ortho_RGB", "masks": "5_Labels_all"}
    names["masks_eroded"] = "5_Labels_all_noBoundary"
    as_downloaded(tmp_path, "potsdam", names)
    download = tmp_path / "download/potsdam"
    faulty = "top_potsdam_7_10"
    for folder, suffix in (("2_Ortho_RGB", "_RGB"), ("5_Labels_all", "_label")):
        source = download / folder / f"top_potsdam_2_11{suffix}.tif"
        (download / folder / f"{faulty}{suffix}.tif").write_bytes(source.read_bytes())
    said = work_through(tmp_path, "ISPRS Potsdam")
    results = check_tile_scores(tmp_path, "potsdam", POTSDAM)
    assert results["tta"]["d4"]["passes"] == 16
    assert results["splits"]["rule"]["val_tiles"] == ["2_10"]
    check_colored_masks(tmp_path, "fig_results/potsdam/bicor", POTSDAM)
    assert not list((tmp_path / "data").rglob(f"{faulty}*"))
    assert "no faults" in said["tools/check_data.py", "config/potsdam/bicor.py"]


def test_loveda(tmp_path):
    draw(tmp_path, "LoveDA", "data/LoveDA")
    said = work_through(tmp_path, "LoveDA")
    results = results_of(tmp_path, "fig_results/loveda/bicor_val")
    labels = (tmp_path / "data/LoveDA/Val").rglob("masks_png/*.png")
    labeled = sum(int((read_indices(path) > 0).sum()) for path in labels)
    assert [(s["masks"], s["tta"]) for s in results["scores"]] == [("full", "d4"), ("full", "none")]
    assert [s["pixels"] for s in results["scores"]] == [labeled, labeled]
    assert results["split"] == "val"
    assert results["scored_classes"] == list(LOVEDA.classes)
    assert results["tta"]["d4"]["passes"] == 8
    check_colored_masks(tmp_path, "fig_results/loveda/bicor_val", LOVEDA)
    masks = sorted((tmp_path / "fig_results/loveda/bicor_val/masks").rglob("*.png"))
    assert [f"{p.parent.name}/{p.stem}" for p in masks] == [
        *(f"Rural/{number}" for number in range(2522, 2526)),
        *(f"Urban/{number}" for number in range(2526, 2530)),
    ]

    assert results_of(tmp_path, "fig_results/loveda/bicor")["scores"] == []
    path = tmp_path / "fig_results/loveda/bicor/submission_incomplete.zip"
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == [f"{number}.png" for number in range(4191, 4199)]
        with archive.open("4191.png") as file, Image.open(file) as image:
            assert (image.mode, image.size) == ("L", (220, 200))
            assert np.asarray(image).max() <= 6
    refusal = said["test_loveda.py", "--submit"]
    assert "1788 of the 1796 test images are missing" in refusal
    assert "220x200 pixels instead of 1024x1024" in refusal
    for path in (tmp_path / "data/LoveDA").rglob("masks_png_convert/*.png"):
        raw = read_indices(path.parents[1] / "masks_png" / path.name).astype(int)
        converted = read_indices(path)
        np.testing.assert_array_equal(converted, np.where(raw == 0, 7, raw - 1))
        colors = cv2.imread(str(path.parents[1] / "masks_png_convert_rgb" / path.name))
        np.testing.assert_array_equal(colors[..., ::-1], decode_colors(converted, LOVEDA))
