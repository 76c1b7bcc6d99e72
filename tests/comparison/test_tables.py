"""The table as files: what stands in it, what is refused, and what names may hold."""

import csv
import json
import shutil
import subprocess

import numpy as np
import pytest

from network.comparison.caption import caption
from network.comparison.comparison import compare_methods
from network.comparison.costs import NO_COSTS, Cost, Costs
from network.comparison.latex import escaped
from network.comparison.plain import plain_table
from network.comparison.tables import write_tables
from network.errors import ConfigError, DataError, OutputError
from network.evaluation.image_scores import Variant
from tests.comparison.folders import PLAIN, SPEC, counts, write_test
from tests.conftest import files_of

FILES = ["table.csv", "table.json", "table.md", "table.tex"]
STRANGE = 'a_b & 50% #1 $x$ {~^\\} <--> | "q" *b*'


@pytest.fixture
def rows(tmp_path):
    """A clear winner, one as good, one that is worse; the second and third with one seed."""
    rng = np.random.default_rng(0)
    right = rng.integers(50, 70, (12, 2))
    noise = [rng.integers(-2, 3, (12, 2)) for _ in range(4)]
    return {
        "ours": [
            write_test(tmp_path / f"ours{s}", counts(*right + 20 + noise[s]), s) for s in (0, 1)
        ],
        STRANGE: [write_test(tmp_path / "same", counts(*right + 20 + noise[2]), 0)],
        "plain": [write_test(tmp_path / "plain", counts(*right + noise[3]), 0)],
    }


def written(rows, folder, *arguments, **options):
    write_tables(rows, folder, *arguments, **options)
    return {name: (folder / name).read_text(encoding="utf-8") for name in FILES}


def test_numbers_are_the_same_in_every_form(rows, tmp_path):
    texts = written(rows, tmp_path / "out", "plain")
    record = json.loads(texts["table.json"])
    table = {row["method"]: row for row in csv.DictReader(texts["table.csv"].splitlines())}
    oa = [json.loads((f / "results.json").read_text())["scores"][0]["OA"] for f in rows["ours"]]
    ours = record["methods"][0]["scores"]["OA"]
    assert ours["mean"] == pytest.approx(sum(oa) / 2)
    assert ours["std"] == pytest.approx(abs(oa[0] - oa[1]) / 2**0.5)
    assert ours["low"] < ours["difference"] < ours["high"]
    assert float(table["ours"]["OA mean"]) == pytest.approx(ours["mean"], abs=1e-6)
    assert float(table["ours"]["OA low"]) == pytest.approx(ours["low"], abs=1e-6)
    cell = f"{100 * ours['mean']:.2f} \u00b1 {100 * ours['std']:.2f}"
    assert cell in texts["table.md"]
    assert cell.replace(" \u00b1 ", r"\,$\pm$\,") in texts["table.tex"]
    miou = record["methods"][0]["scores"]["mIoU"]
    interval = (
        f"+{100 * miou['difference']:.2f} [+{100 * miou['low']:.2f}, +{100 * miou['high']:.2f}]"
    )
    assert interval in texts["table.md"]
    assert interval in texts["table.tex"]
    assert interval in plain_table(compare_methods(rows, "plain"))
    assert table["plain"]["OA std"] == table["plain"]["OA difference"] == ""


def test_the_best_is_bold_and_what_is_as_good_is_marked(rows, tmp_path):
    texts = written(rows, tmp_path / "out", "plain")
    marks = [row["mIoU mark"] for row in csv.DictReader(texts["table.csv"].splitlines())]
    assert sorted(marks[:2]) == ["as good", "best"] and marks[2] == ""
    lines = texts["table.md"].splitlines()
    best = marks.index("best")
    assert lines[2 + best].split(" | ")[3].startswith("**")
    assert lines[3 - best].split(" | ")[3].endswith("\u2248")
    assert "**" not in lines[4] and "\u2248" not in lines[4]
    found = compare_methods(rows)
    assert found.methods[best].best[2] and not found.methods[best].as_good[2]
    assert not found.methods[2].as_good.any()


def test_methods_that_are_equal_are_both_best(tmp_path):
    matrices = counts((60, 70), (80, 50))
    rows = {name: [write_test(tmp_path / name, matrices)] for name in ("a", "b")}
    found = compare_methods(rows, "a")
    assert all(method.best.all() for method in found.methods)
    assert found.methods[1].difference.high.tolist() == [0] * 5


def test_the_caption_states_the_protocol(rows, tmp_path):
    text = json.loads(written(rows, tmp_path / "out", "plain")["table.json"])["caption"]
    for words in (
        "town, test split, 12 images (image 0,",
        "full masks; means over all 2 classes",
        "augmentation none, 1 pass.",
        f"seeds 0, 1 of ours; 0 of {STRANGE}, plain",
        "drawn again with replacement 2000 times",
        "Welch 1947",
        f"not in the intervals of {STRANGE}, plain, with one seed",
        "torch 2.15.0, timm 1.0.31; commit 0123456789ab; 32-true on cpu.",
    ):
        assert words in text, words


def test_the_caption_says_what_differs_and_what_is_not_known(tmp_path):
    matrices = counts((60, 70), (80, 50))
    spec_less = {"unscored": ("Roof",)}
    spec = type(SPEC)(SPEC.name, SPEC.classes, SPEC.palette, **spec_less)
    alike = {"spec": spec, "tiles": ["1", "1"]}
    a = write_test(tmp_path / "a", matrices, device="A100", **alike)
    splits = {"rule": None, "images_of_training": None, "images_of_validation": None}
    b = write_test(tmp_path / "b", matrices, splits=splits, **alike)
    texts = written({"a": [a], "published": [b]}, tmp_path / "out", "a")
    text = json.loads(texts["table.json"])["caption"]
    for words in (
        "2 images of 1 tiles (1)",
        "means over Road, OA over all classes",
        "One training each, seed 0: nothing is known",
        "With a single image there are no intervals",
        "Of published it is not known how many of these images were trained on",
        "32-true on A100 and cpu",
    ):
        assert words in text, words
    assert "[" not in texts["table.md"].replace("\\[", "")


def test_images_of_a_tile_are_drawn_together(tmp_path):
    rng = np.random.default_rng(0)
    a, b = (np.repeat(counts(*rng.integers(40, 90, (6, 2))), 4, axis=0) for _ in range(2))

    def width(folder, tiles):
        rows = {
            name: [write_test(folder / name, matrices, tiles=tiles)]
            for name, matrices in (("a", a), ("b", b))
        }
        found = compare_methods(rows, "a").methods[1].difference
        return found.high[4] - found.low[4]

    whole = width(tmp_path / "tiles", [f"tile {index // 4}" for index in range(24)])
    # six tiles of four equal images: as many images would halve the error, and t falls from 2.57
    assert width(tmp_path / "images", None) == pytest.approx(
        whole * 2.069 / 2.571 * (5 / 23) ** 0.5, rel=0.06
    )


def test_costs_have_columns_where_they_are_known(rows, tmp_path):
    costs = Costs({"ours": Cost(12_345_678, None, 2_500_000_000)}, "one image of 512x512 pixels")
    texts = written(rows, tmp_path / "out", costs=costs)
    head, _, ours, other, *_ = texts["table.md"].splitlines()
    assert head.endswith("| Parameters (M) | FLOPs (G) |")
    assert ours.endswith("| 12.35 | 2.50 |") and other.endswith("| - | - |")
    assert r"12.35 & 2.50 \\" in texts["table.tex"]
    row = next(csv.DictReader(texts["table.csv"].splitlines()))
    assert (row["parameters"], row["flops"]) == ("12345678", "2500000000")
    assert "Costs: one image of 512x512 pixels." in texts["table.md"]
    assert "Parameters" not in written(rows, tmp_path / "out")["table.md"]


def test_latex_prints_names_as_they_stand(rows, tmp_path):
    assert escaped("a_b & 50% #1 $x$ {} ~^\\") == (
        r"a\_b \& 50\% \#1 \$x\$ \{\} \textasciitilde{}\textasciicircum{}\textbackslash{}"
    )
    assert escaped("x--y\nz") == "x-{}-{}y z"
    text = written(rows, tmp_path / "out", STRANGE)["table.tex"]
    assert STRANGE not in text and escaped(STRANGE) in text
    assert text.isascii()
    assert r"\toprule" in text and r"\usepackage{booktabs,graphicx}" in text
    latex = shutil.which("pdflatex")
    if latex is None:
        pytest.skip("no pdflatex: what was compared are the escapes alone")
    command = [latex, "-interaction=nonstopmode", "-halt-on-error", "table.tex"]
    done = subprocess.run(command, cwd=tmp_path / "out", capture_output=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


def test_markdown_prints_names_as_they_stand(rows, tmp_path):
    text = written(rows, tmp_path / "out")["table.md"]
    row = text.splitlines()[3]
    assert row.startswith(r"| a\_b \& 50% \#1 \$x\$ {\~^\\} \<--\> \| " + r'"q" \*b\* | ')


def with_masks(folder, seed):
    variants = (Variant("eroded", "lr"), Variant("full", "lr"))
    return write_test(folder, counts((80, 80), (60, 60)), seed, variants=variants)


def test_scores_may_be_chosen(tmp_path):
    rows = {"a": [with_masks(tmp_path / "a", 0)]}
    assert compare_methods(rows).first.variant.masks == "eroded"
    assert compare_methods(rows, wanted={"masks": "full"}).first.variant.masks == "full"
    with pytest.raises(ConfigError, match="no scores with unit scenes, but those of eroded masks"):
        compare_methods(rows, wanted={"unit": "scenes"})


MATRICES = counts((80, 80), (60, 60))
TWO = {"names": ["image 0", "image 9"]}
SWAPPED = type(SPEC)("town", ("Roof", "Road"), SPEC.palette)
UNSCORED = type(SPEC)("town", SPEC.classes, SPEC.palette, unscored=("Roof",))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (TWO, "only {a} has image 1, only {b} has image 9"),
        ({"names": ["image 1", "image 0"]}, "images: in another order"),
        ({"tiles": ["1", "2"]}, "tiles: the images were cut from others"),
        ({"matrices": counts((80, 80), (60, 60), pixels=101)}, "the labels of image 0, image 1"),
        ({"spec": SWAPPED}, "classes: Road, Roof against Roof, Road"),
        ({"spec": UNSCORED}, "classes in the means: Road, Roof against Road"),
        ({"dataset": "city"}, "dataset: town against city"),
        ({"split": "val"}, "split: test against val"),
        ({"variants": (Variant("eroded", "none"),)}, "has no scores with masks full"),
        ({"variants": (Variant("full", "lr"),)}, "no scores with masks full, tta none"),
        (
            {"variants": (Variant("full", "none", "patches"),)},
            "with masks full, tta none, unit images",
        ),
        (
            {"tta": {"none": PLAIN | {"passes": 2, "hflip": True}}},
            "passes: 1 pass against 2 passes: horizontal flip",
        ),
        (
            {"windows": {"window": 64, "overlap": 0.25, "images": 1}},
            "windows: none against 1 images with a side above 64",
        ),
        ({"splits": {"rule": {"val": ["9"]}}}, "rule of the splits: {{'val': ['*_val']}} against"),
        ({"splits": {"images_of_training": 2}}, "trained on: 0 against 2"),
        ({"splits": {"images_of_validation": 2}}, "chose the checkpoint: 0 against 2"),
        (
            {"splits": {"patches": [{"size": 64, "stride": 64, "scale": 1.0}]}},
            "patches: none against 64 pixels",
        ),
    ],
)
def test_tests_that_do_not_compare_are_refused(tmp_path, changes, words):
    a = write_test(tmp_path / "a", MATRICES)
    b = write_test(tmp_path / "b", **{"matrices": MATRICES} | changes)
    with pytest.raises((DataError, ConfigError)) as refusal:
        write_tables({"a": [a], "b": [b]}, tmp_path / "out")
    assert words.format(a=a, b=b) in str(refusal.value)
    assert str(b) in str(refusal.value)
    assert not (tmp_path / "out").exists()


def test_one_run_is_not_two_seeds(tmp_path):
    a, b = (write_test(tmp_path / name, MATRICES) for name in "ab")
    with pytest.raises(DataError, match="both say seed 0, and every seed counts once"):
        compare_methods({"a": [a, b]})
    c = write_test(tmp_path / "c", MATRICES, 1, checkpoint={"path": "", "sha256": str(a)})
    with pytest.raises(DataError, match="are tests of one checkpoint"):
        compare_methods({"a": [a, c]})
    compare_methods({"a": [a], "b": [b]})


def test_folders_that_are_no_tests_are_refused(tmp_path):
    a, b = (write_test(tmp_path / name, MATRICES) for name in "ab")
    with pytest.raises(ConfigError, match="no method 'c' to compare with; there are a, b"):
        compare_methods({"a": [a], "b": [b]}, "c")
    with pytest.raises(ConfigError, match="nothing to compare"):
        compare_methods({"a": []})
    shutil.copy(a / "confusions.npz", tmp_path / "kept.npz")
    write_test(tmp_path / "d", MATRICES[::-1] + 1)
    shutil.copy(tmp_path / "d/confusions.npz", a)
    with pytest.raises(DataError, match="are not of the same test"):
        compare_methods({"a": [a]})
    for content in (b"", b"no zip", (tmp_path / "kept.npz").read_bytes()[:200]):
        (a / "confusions.npz").write_bytes(content)
        with pytest.raises(DataError, match=r"is not the confusions\.npz of a test"):
            compare_methods({"a": [a]})
    (a / "confusions.npz").unlink()
    with pytest.raises(DataError, match="as tests of earlier versions wrote none: test again"):
        compare_methods({"a": [a]})
    results = json.loads((b / "results.json").read_text())
    for changes, words in (
        ({"scores": []}, "nothing was scored"),
        ({"seed": None}, "is not that of a test"),
        ({"tta": {}}, "is not that of a test"),
        ({"settings": 3}, "is not that of a test"),
        ({"palette": {"Road": 1}}, "are not of the same test"),
    ):
        (b / "results.json").write_text(json.dumps(results | changes))
        with pytest.raises(DataError, match=words):
            compare_methods({"b": [b]})


def test_files_are_written_whole_and_replace_their_own_alone(rows, tmp_path):
    out = tmp_path / "out"
    before = written(rows, out)
    assert sorted(path.name for path in out.iterdir()) == FILES
    assert written(rows, out) == before
    (out / "table.md").write_text("by hand")
    kept = files_of(tmp_path)
    with pytest.raises(OutputError, match=r"table\.md: not written by an earlier run"):
        write_tables(rows, out)
    assert files_of(tmp_path) == kept


FIVE = counts((80, 80), (60, 60), (70, 50), (90, 20), (30, 60))


def in_folds(tmp_path, name, matrices, seed=0, **changes):
    """The folders of a test whose images are in two folds, later names first."""
    names = [f"image {index}" for index in range(len(matrices))]
    half = len(matrices) // 2
    return [
        write_test(
            tmp_path / f"{name}.{seed}.{fold}", matrices[part], seed, names=names[part],
            splits={"rule": {"val": [fold]}}, **changes,
        )
        for fold, part in (("late", slice(half, None)), ("early", slice(0, half)))
    ]  # fmt: skip


def test_folds_are_scored_as_one_test_of_all_their_images(tmp_path):
    names = [f"image {index}" for index in range(len(FIVE))]
    whole = compare_methods({"a": [write_test(tmp_path / "whole", FIVE, names=names)]})
    folds = in_folds(tmp_path, "a", FIVE)
    found = compare_methods({"a": folds})
    np.testing.assert_array_equal(found.methods[0].mean, whole.methods[0].mean)
    (test,) = found.methods[0].tests
    assert test.counted.names == names
    np.testing.assert_array_equal(test.counted.matrices, FIVE)
    assert [test.folder_of(name) for name in names] == [
        *[folds[1]] * (len(names) // 2), *[folds[0]] * (len(names) - len(names) // 2),
    ]  # fmt: skip
    seeds = compare_methods({"a": [*folds, *in_folds(tmp_path, "a", FIVE, 1)]})
    assert seeds.methods[0].seeds == [0, 1]
    assert "2 trainings for every seed" in " ".join(caption(seeds, NO_COSTS))


def test_folds_of_other_passes_or_images_are_refused(tmp_path):
    folds = in_folds(tmp_path, "a", FIVE)
    other = write_test(tmp_path / "val", FIVE[:1], names=["another"], split="val")
    with pytest.raises(DataError, match="but are no folds of one study: split: test against val"):
        compare_methods({"a": [*folds, other]})
    again = write_test(tmp_path / "again", FIVE[:1])
    with pytest.raises(DataError, match="do not compare: rule of the splits"):
        compare_methods({"a": [*folds, again]})
    whole = write_test(tmp_path / "whole", FIVE)
    with pytest.raises(DataError, match="do not compare: rule of the splits"):
        compare_methods({"a": folds, "b": [whole]})
    with pytest.raises(DataError, match=r"images: only .* has image 0"):
        compare_methods({"a": folds, "b": folds[:1]})
