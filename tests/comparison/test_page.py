"""The page of a comparison: what it says is what the tests and their masks say."""

import base64
import json
import re

import cv2
import numpy as np
import pytest

from network.comparison.choice import Viewed
from network.comparison.comparison import compare_methods
from network.comparison.costs import Cost, Costs
from network.comparison.page_contents import STUDY_PAGE, page_contents
from network.comparison.pictures import Pictures
from network.comparison.tables import write_tables
from network.errors import ConfigError, DataError, UserError
from network.evaluation.image_scores import Variant
from tests.comparison.folders import counts, write_test
from tests.comparison.scenes import write_scenes, write_tested
from tests.conftest import files_of, refused, succeed_here

COMPARE = "tools/compare.py"
HOSTILE = "</script><img src=x onerror=alert(1)>"
TRUTH = np.array([[0, 0, 1, 1], [0, 2, 1, 1]], np.uint8).repeat(8, 0).repeat(8, 1)  # 2: ignored
RIGHT = np.where(TRUTH == 2, 0, TRUTH).astype(np.uint8)
WRONG = (1 - RIGHT).astype(np.uint8)
HALF = RIGHT.copy()
HALF[:, 16:] = 0


def photograph(red):
    return np.full((*TRUTH.shape, 3), (red, 90, 30), np.uint8)


SCENES = [("a", photograph(50), TRUTH), ("b", photograph(100), TRUTH), ("c", photograph(9), TRUTH)]


@pytest.fixture
def town(tmp_path, monkeypatch):
    """Three images, two methods, the first with two seeds; their folders by method."""
    monkeypatch.chdir(tmp_path)
    write_scenes(tmp_path, SCENES)
    tested = {
        "good": ([RIGHT, RIGHT, HALF], [RIGHT, HALF, HALF]),
        "bad": ([HALF, WRONG, HALF],),
    }
    return {
        name: [
            write_tested(tmp_path / f"{name}{seed}", SCENES, masks, seed=seed)
            for seed, masks in enumerate(of)
        ]
        for name, of in tested.items()
    }


def contents_of(path):
    page = path.read_text(encoding="utf-8")
    return json.loads(re.search(r'id="contents">([^<]*)</script>', page)[1])


def decoded(uri):
    data = np.frombuffer(base64.b64decode(uri.partition(",")[2]), np.uint8)
    return cv2.imdecode(data, cv2.IMREAD_UNCHANGED)


def test_the_page_says_what_the_table_says(town, tmp_path):
    costs = Costs({"good": Cost(parameters=12_345_678)}, "one image of 64x64 pixels")
    write_tables(town, tmp_path / "out", "good", costs=costs)
    shown = contents_of(tmp_path / "out/study.html")
    table = json.loads((tmp_path / "out/table.json").read_text())
    assert shown["title"] == "town, test"
    assert shown["scores"] == ["Road", "Roof", "mIoU", "mF1", "OA"] and shown["first"] == 2
    assert " ".join(shown["caption"]) == table["caption"]
    assert shown["reference"] == "good" and shown["viewer"] == []
    assert shown["previews"].startswith("Only scores")
    for method, stored in zip(shown["methods"], table["methods"], strict=True):
        assert method["name"] == stored["name"]
        for score, wanted in zip(method["scores"], stored["scores"].values(), strict=True):
            assert {key: score[key] for key in wanted} == wanted
    good, bad = shown["methods"]
    # 448 pixels count in every image; in HALF the 256 of Roof are wrong
    oa = good["scores"][4]
    assert oa["runs"] == pytest.approx([(1344 - 256) / 1344, (1344 - 512) / 1344])
    assert oa["run_texts"] == ["80.95", "61.90"]
    assert oa["text"] == "71.43 \u00b1 13.47"
    assert (good["seeds"], bad["seeds"]) == ([0, 1], [0])
    assert good["scores"][2]["difference"] is None and bad["scores"][2]["high"] is not None
    assert shown["costs"] == ["Parameters (M)"]
    assert [method["costs"] for method in shown["methods"]] == [
        [{"value": 12345678, "text": "12.35"}],
        [{"value": None, "text": "-"}],
    ]
    assert [row[:2] for row in shown["tests"]] == [["good", "0"], ["good", "1"], ["bad", "0"]]


def test_settings_in_which_methods_differ_are_named(tmp_path):
    def tested(name, **settings):
        common = {"name": f"'{name}'", "seed": "0", "max_epoch": "3"}
        return [write_test(tmp_path / name, counts((9, 9), (8, 8)), settings=common | settings)]

    rows = {"a": tested("a", lr="0.1"), "b": tested("b", lr="0.2", net="B()")}
    found = page_contents(compare_methods(rows), Costs())
    assert found["settings"] == [("lr", ["0.1", "0.2"]), ("net", ["-", "B()"])]


def test_the_viewer_holds_images_and_the_masks_of_all_methods(town, tmp_path):
    write_tables(town, tmp_path / "out", viewed=Viewed("town.py"))
    shown = contents_of(tmp_path / "out/study.html")
    assert [entry["name"] for entry in shown["viewer"]] == ["b", "a", "c"]
    assert shown["previews"] == (
        "All 3 images, those first in which methods differ most; previews of at most 512 pixels; "
        "masks of the first seed of every method."
    )
    assert [each["color"] for each in shown["classes"]] == ["#c80000", "#00c800"]
    assert shown["ignore_index"] == 2
    for entry, masks in zip(
        shown["viewer"], ((RIGHT, WRONG), (RIGHT, HALF), (HALF, HALF)), strict=True
    ):
        np.testing.assert_array_equal(decoded(entry["truth"]), TRUTH)
        for uri, mask in zip(entry["predictions"], masks, strict=True):
            np.testing.assert_array_equal(decoded(uri), mask)
    assert decoded(shown["viewer"][0]["image"])[5, 5, :3].tolist() == pytest.approx(
        [30, 90, 100], abs=4
    )


def test_images_and_their_size_may_be_limited(town, tmp_path):
    write_tables(town, tmp_path / "out", viewed=Viewed("town.py", 2, 16))
    shown = contents_of(tmp_path / "out/study.html")
    assert [entry["name"] for entry in shown["viewer"]] == ["b", "a"]
    assert shown["previews"].startswith("2 of 3 images, those first in which methods differ most; ")
    assert "previews of at most 16 pixels" in shown["previews"]
    assert decoded(shown["viewer"][0]["predictions"][0]).shape == (8, 16)


def test_every_fold_shows_the_images_that_it_held_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_scenes(tmp_path, SCENES)
    folds = [
        write_tested(
            tmp_path / f"fold{number}",
            scenes,
            masks,
            overrides=[f"dataset.test={test}"],
            settings={"net": "Net()", "seed": "0"},
        )
        for number, (scenes, masks, test) in enumerate(
            ((SCENES[:1], [WRONG], "a"), (SCENES[1:], [RIGHT, HALF], "['b','c']"))
        )
    ]
    found = compare_methods({"folds": folds})
    entries = page_contents(found, Costs(), Pictures(found, "town.py"))["viewer"]
    assert [entry["name"] for entry in entries] == ["a", "b", "c"]
    for entry, mask in zip(entries, (WRONG, RIGHT, HALF), strict=True):
        np.testing.assert_array_equal(decoded(entry["predictions"][0]), mask)


def viewed(rows, **changes):
    found = compare_methods(rows, **changes)
    return page_contents(found, Costs(), Pictures(found, "town.py"))


def test_masks_that_were_not_scored_are_refused(town, tmp_path):
    mask = tmp_path / "good0/masks/b.png"
    cv2.imwrite(str(mask), WRONG)
    with pytest.raises(DataError, match=r"good0/masks/b\.png against .* test again"):
        viewed(town)
    cv2.imwrite(str(mask), RIGHT[:8])
    with pytest.raises(DataError, match="is 32x8"):
        viewed(town)
    mask.unlink()
    with pytest.raises(UserError, match=r"b\.png"):
        viewed(town)


def test_labels_that_changed_are_refused(town, tmp_path):
    cv2.imwrite(str(tmp_path / "town/masks/b.png"), WRONG)
    with pytest.raises(DataError, match="one of them was changed since; test again"):
        viewed(town)


def test_masks_of_another_augmentation_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_scenes(tmp_path, SCENES)
    variants = (Variant("full", "lr"), Variant("full", "none"))
    rows = {"a": [write_tested(tmp_path / "a", SCENES, [RIGHT] * 3, variants=variants)]}
    assert viewed(rows)["viewer"]
    with pytest.raises(ConfigError, match="masks of TTA lr, and the scores are of TTA none"):
        viewed(rows, wanted={"tta": "none"})


def test_a_config_of_other_data_is_refused(town, tmp_path):
    config = tmp_path / "town.py"
    text = config.read_text()
    for old, new, words in (
        ('name="town"', 'name="city"', "is of city with Road, Roof, and the tests are of town"),
        ("'Roof'", "'Wall'", "is of town with Road, Wall"),
        ('test="*"', 'test="[ab]"', "has no image c in the test split"),
    ):
        config.write_text(text.replace(old, new))
        with pytest.raises(ConfigError, match=words):
            viewed(town)


def test_the_script_makes_the_page(town, tmp_path):
    words = [f"{name}={folder.name}" for name, of in town.items() for folder in of]
    said = succeed_here(tmp_path, COMPARE, *words, "-o", "out", "-c", "town.py", "--images", "1")
    assert "study.html, picture.png and .pdf in out" in said.out
    assert len(contents_of(tmp_path / "out/study.html")["viewer"]) == 1
    for arguments, complaint in (
        (("--images", "1"), "--images"),
        (("-c", "town.py", "--images", "0"), "--images and --rows: at least 1"),
        (("-c", "nothing.py"), "nothing.py"),
    ):
        refused(tmp_path, complaint, script=COMPARE, arguments=(*words, "-o", "new", *arguments))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/study.html").write_text("of the user")
    refused(tmp_path, "mine/study.html", script=COMPARE, arguments=(*words, "-o", "mine"))


def test_names_stay_text(tmp_path):
    names = ["{{script}}", HOSTILE]
    rows = {
        name: [write_test(tmp_path / folder, counts((9, 9), (8, 8)), names=names)]
        for name, folder in ((HOSTILE, "a"), ("{{contents}}", "b"))
    }
    write_tables(rows, tmp_path / "out", HOSTILE)
    page = (tmp_path / "out/study.html").read_text(encoding="utf-8")
    assert HOSTILE not in page and "://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert [m["name"] for m in contents_of(tmp_path / "out/study.html")["methods"]] == list(rows)
    assert STUDY_PAGE.is_one(tmp_path / "out/study.html")


def test_nothing_that_the_tests_name_is_executed(town, tmp_path):
    """Configs of results may be anybody's; only that of the command line runs."""
    path = tmp_path / "good0/results.json"
    harm = 'open("harm", "w").close()\n'
    (tmp_path / "foreign.py").write_text(harm + (tmp_path / "town.py").read_text())
    path.write_text(json.dumps(json.loads(path.read_text()) | {"config": "foreign.py"}))
    write_tables(town, tmp_path / "out", viewed=Viewed("town.py"))
    assert not (tmp_path / "harm").exists()
    write_tables(town, tmp_path / "out", viewed=Viewed("foreign.py"))
    assert (tmp_path / "harm").exists()


def test_a_fault_in_the_images_leaves_the_tables_alone(town, tmp_path):
    write_tables(town, tmp_path / "out", viewed=Viewed("town.py"))
    (tmp_path / "good0/masks/c.png").unlink()
    before = files_of(tmp_path)
    with pytest.raises(UserError, match=r"c\.png"):
        write_tables(town, tmp_path / "out", "bad", viewed=Viewed("town.py"))
    assert files_of(tmp_path) == before
