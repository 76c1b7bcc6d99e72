"""The report of a test: what its page says is what the test and the network gave."""

import base64
import csv
import json
import re
import shutil

import cv2
import numpy as np
import pytest
import torch

from network.evaluation.image_scores import ImageScore
from network.report import contents as report
from network.report.choosing import choose
from tests.conftest import refused, run_here

CONFIG = ("-c", "bicor.py")
NAMES = ["scene_001_val", "scene_005_val"]


@pytest.fixture(scope="module")
def tested(trained, tmp_path_factory):
    root = tmp_path_factory.mktemp("report") / "work"
    shutil.copytree(trained[0], root)
    here(root, "test.py", "-c", "bicor.py", "-o", "out", "-t", "lr", "--compare-tta")
    return root


@pytest.fixture(scope="module")
def page(tested):
    result = here(tested, "tools/report.py", "out", *CONFIG)
    assert "out/report.html" in result.out
    return (tested / "out/report.html").read_text(encoding="utf-8")


@pytest.fixture
def work(tested, tmp_path):
    root = tmp_path / "work"
    shutil.copytree(tested, root)
    return root


def here(root, script, *arguments):
    result = run_here(root, script, *arguments)
    assert result.status == 0, result.error
    return result


def contents_of(page):
    return json.loads(re.search(r'id="contents">(.*?)</script>', page, re.S)[1])


def decoded(uri):
    data = np.frombuffer(base64.b64decode(uri.partition(",")[2]), np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_UNCHANGED)


def test_the_page_says_what_the_results_say(tested, page):
    shown = contents_of(page)
    results = json.loads((tested / "out/results.json").read_text())
    assert shown["title"] == "own, test"
    assert shown["run"] == "bicor"
    assert [score.pop("title") for score in shown["scores"]] == [
        "full masks, TTA lr",
        "full masks, TTA none",
    ]
    assert shown["scores"] == results["scores"]
    assert [score["tta"] for score in shown["scores"]] == ["lr", "none"]
    assert shown["notes"] == ["2 of these images also chose the best checkpoint"]
    assert dict(shown["settings"]) == results["settings"]
    assert dict(shown["versions"])["torch"] == results["versions"]["torch"]
    protocol = dict(shown["protocol"])
    assert protocol["TTA lr"] == "4 passes: horizontal flip, vertical flip"
    assert protocol["TTA none"] == "1 pass"
    assert protocol["Checkpoint chosen on"] == "2 of these images"
    assert [c["name"] for c in shown["classes"]] == list(results["scores"][0]["IoU"])
    assert shown["classes"][1]["color"] == "#{:02x}{:02x}{:02x}".format(
        *results["palette"][shown["classes"][1]["name"]]
    )


def test_scores_of_the_images_are_those_of_their_masks(tested, page):
    shown = contents_of(page)
    assert [image["name"] for image in shown["images"]] == NAMES
    assert shown["images_of"] == "full masks, TTA lr"
    colors = {tuple(bytes.fromhex(c["color"][1:])): i for i, c in enumerate(shown["classes"])}
    for image in shown["images"]:
        (path,) = (tested / "data/own/masks").glob(f"{image['name']}.*")
        rgb = cv2.imread(str(path))[..., ::-1].reshape(-1, 3)
        truth = np.array([colors.get(tuple(pixel), -1) for pixel in rgb.tolist()])
        mask = cv2.imread(str(tested / f"out/masks/{image['name']}.png"), cv2.IMREAD_UNCHANGED)
        predicted = mask.reshape(-1)[truth >= 0]
        truth = truth[truth >= 0]
        assert image["pixels"] == len(truth)
        assert image["OA"] == pytest.approx((truth == predicted).mean(), abs=1e-6)
        for index, iou in enumerate(image["IoU"]):
            either = ((truth == index) | (predicted == index)).sum()
            both = ((truth == index) & (predicted == index)).sum()
            assert iou == (pytest.approx(both / either, abs=1e-6) if either else None)


def test_every_variant_has_a_row_for_every_image(tested):
    with (tested / "out/images.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["image"], row["tta"]) for row in rows] == [
        (name, tta) for tta in ("lr", "none") for name in NAMES
    ]
    results = json.loads((tested / "out/results.json").read_text())
    for score in results["scores"]:
        of = [row for row in rows if row["tta"] == score["tta"]]
        pixels = [int(row["pixels"]) for row in of]
        right = sum(float(row["OA"]) * count for row, count in zip(of, pixels, strict=True))
        assert sum(pixels) == score["pixels"]
        assert right / sum(pixels) == pytest.approx(score["OA"], abs=1e-6)


def test_the_viewer_holds_image_masks_and_heatmaps(tested, page):
    here(tested, "tools/heatmaps.py", "-c", "bicor.py", "-o", "maps")
    shown = contents_of(page)
    assert [entry["name"] for entry in shown["viewer"]] == NAMES
    assert [image["viewer"] for image in shown["images"]] == [0, 1]
    for entry in shown["viewer"]:
        (path,) = (tested / "data/own/images").glob(f"{entry['name']}.*")
        image = cv2.imread(str(path))
        assert (entry["height"], entry["width"]) == image.shape[:2]
        assert np.abs(decoded(entry["image"]).astype(int) - image).mean() < 8
        mask = cv2.imread(str(tested / f"out/masks/{entry['name']}.png"), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(decoded(entry["prediction"]), mask)
        raw = np.load(tested / f"maps/heatmaps/{entry['name']}.npz")["heatmaps"]
        assert len(entry["heatmaps"]) == len(raw) == 2
        for layer, heatmaps in enumerate(entry["heatmaps"]):
            for index, uri in enumerate(heatmaps):
                values = decoded(uri)[..., 0] / 255
                assert values.shape == raw.shape[2:]
                assert np.abs(values - raw[layer, index]).mean() < 0.03


def test_previews_are_reduced_and_the_page_says_so(work):
    arguments = (*CONFIG, "--images", "1", "--side", "40", "-o", "small.html")
    here(work, "tools/report.py", "out", *arguments)
    shown = contents_of((work / "small.html").read_text())
    assert len(shown["viewer"]) == 1
    assert "1 of 2 images (worst, best" in shown["previews"]
    assert "at most 40 pixels" in shown["previews"]
    entry = shown["viewer"][0]
    assert decoded(entry["image"]).shape[:2] == decoded(entry["prediction"]).shape == (34, 40)
    assert max(decoded(entry["heatmaps"][0][0]).shape[:2]) == 20


def test_a_page_stays_below_its_limit(work, page, monkeypatch):
    size = max(len(json.dumps(entry)) for entry in contents_of(page)["viewer"])
    monkeypatch.setattr(report, "PAGE_LIMIT", report._RESERVE + 400 + size + 1000)
    result = here(work, "tools/report.py", "out", *CONFIG)
    shown = contents_of((work / "out/report.html").read_text())
    assert len(shown["viewer"]) == 1
    assert "1 of 2 images" in result.out


def test_scores_alone_need_neither_network_nor_images(work):
    shutil.rmtree(work / "data")
    shutil.rmtree(work / "model_weights")
    (work / "bicor.py").unlink()
    result = here(work, "tools/report.py", "out", "--scores-only")
    assert "Only scores" in result.out
    shown = contents_of((work / "out/report.html").read_text())
    assert shown["viewer"] == []
    assert len(shown["images"]) == 2


def test_unlabeled_images_have_a_viewer_and_no_scores(work):
    results = json.loads((work / "out/results.json").read_text())
    results["scores"] = []
    (work / "out/results.json").write_text(json.dumps(results))
    (work / "out/images.csv").write_text("image\n" + "\n".join(NAMES) + "\n")
    here(work, "tools/report.py", "out", *CONFIG)
    shown = contents_of((work / "out/report.html").read_text())
    assert shown["scores"] == []
    assert [entry["truth"] for entry in shown["viewer"]] == [None, None]
    assert shown["images"][0]["mIoU"] is None


def test_a_new_test_takes_the_old_report_away(work):
    assert (work / "out/report.html").is_file()
    here(work, "test.py", "-c", "bicor.py", "-o", "out")
    assert not (work / "out/report.html").exists()


def test_what_is_no_test_or_another_is_refused(work):
    def report_of(*words, arguments=("out", *CONFIG)):
        refused(work, *words, script="tools/report.py", arguments=arguments)

    report_of("no data/results.json", "test.py", arguments=("data",))
    report_of("--images", arguments=("out", "--images", "0"))
    (work / "file").write_text("in the way")
    report_of("cannot write file/page.html", arguments=("out", "-o", "file/page.html"))

    mask = work / f"out/masks/{NAMES[0]}.png"
    whole = mask.read_bytes()
    cv2.imwrite(str(mask), np.zeros((5, 7), np.uint8))
    report_of("is 7x5", str(mask.relative_to(work)))
    mask.unlink()
    report_of("no file", mask.name)
    mask.write_bytes(whole)

    checkpoint = work / "model_weights/own/bicor/best.ckpt"
    checkpoint.rename(work / "moved.ckpt")
    report_of("no checkpoint model_weights/own/bicor/best.ckpt")
    here(work, "tools/report.py", "out", *CONFIG, "--ckpt", "moved.ckpt")
    stored = torch.load(work / "moved.ckpt", weights_only=True)
    torch.save(stored | {"epoch": 7}, checkpoint)
    report_of("is not what was tested", "--ckpt")

    (work / "out/images.csv").unlink()
    moved = ("out", *CONFIG, "--ckpt", "moved.ckpt")
    report_of("no file out/images.csv", "test again", arguments=moved)
    (work / "out/images.csv").write_bytes(b"\xff\xfe,1,2")
    report_of("is not the images.csv", arguments=("out", "--scores-only"))
    (work / "out/results.json").write_text("{}")
    report_of("lacks dataset, split")
    (work / "out/results.json").write_text("{")
    report_of("cannot read out/results.json")


def scores(*mious):
    return [
        ImageScore(str(index), 1, miou, miou, miou, (miou,)) for index, miou in enumerate(mious)
    ]


def test_worst_and_best_are_chosen_first():
    found = scores(0.5, 0.9, 0.1, None, 0.7, 0.3, 0.8, 0.2)
    assert choose(found, 8) == [2, 1, 7, 6, 5, 0, 4, 3]
    assert choose(found, 4) == [2, 1, 7, 3]
    assert choose(found, 100)[:2] == [2, 1]
    assert sorted(choose(found, 100)) == list(range(8))
    assert choose(scores(*[None] * 9), 3) == [0, 4, 8]
    assert choose(scores(0.5), 40) == [0]
    assert sorted(choose(scores(0.1, 0.2), 40)) == [0, 1]
    assert len(set(choose(scores(*np.linspace(0, 1, 1000)), 40))) == 40
