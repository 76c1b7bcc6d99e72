"""The picture of a comparison: which images it shows, and what stands in it."""

import cv2
import numpy as np
import pytest

from network.comparison.choice import Viewed, differing_images
from network.comparison.comparison import compare_methods
from network.comparison.figure import methods_figure
from network.comparison.pictures import Picture
from network.comparison.tables import write_tables
from network.errors import ConfigError, DataError
from network.figures.painting import UNCOUNTED, WRONG
from network.figures.style import pixels
from tests.comparison.folders import counts, write_test
from tests.comparison.scenes import COLORS, spec_of, write_scenes, write_tested
from tests.conftest import files_of, refused, succeed_here

TRUTH = np.array([[0, 0, 1, 1], [0, 2, 1, 1]], np.uint8).repeat(8, 0).repeat(8, 1)  # 2: ignored
RIGHT = np.where(TRUTH == 2, 0, TRUTH).astype(np.uint8)
SWAPPED = (1 - RIGHT).astype(np.uint8)
GRAY = np.full((*TRUTH.shape, 3), 120, np.uint8)
SCENES = [(name, GRAY, TRUTH) for name in "abcd"]
FILES = ["picture.pdf", "picture.png"]


def test_images_in_which_methods_differ_most_come_first(tmp_path):
    # right of 200: a 180, 120; b 150, 150; c 120, 160; d 100, 180, of two tiles
    one = counts((90, 90), (75, 75), (60, 60), (50, 50))
    other = counts((60, 60), (75, 75), (80, 80), (90, 90))
    for tiles, wanted in (
        (None, ["image 3", "image 0", "image 2", "image 1"]),
        (["x", "y", "x", "x"], ["image 3", "image 1", "image 0", "image 2"]),
    ):
        rows = {
            name: [write_test(tmp_path / f"{name} {bool(tiles)}", matrices, tiles=tiles)]
            for name, matrices in (("one", one), ("other", other))
        }
        found = compare_methods(rows)
        assert differing_images(found, 9) == wanted
        assert differing_images(found, 2) == wanted[:2]


def test_what_is_drawn_is_what_was_predicted():
    picture = Picture("a", GRAY, TRUTH, {"good": RIGHT, "bad": SWAPPED})
    figure = methods_figure([picture], spec_of(("Road", "Roof")))
    texts = [each.get_text() for axes in figure.axes for each in (axes.title, axes.xaxis.label)]
    assert [text for text in texts if text] == [
        "image", "ground truth", "good", "bad", "100.0% right", "0.0% right",
    ]  # fmt: skip
    drawn = pixels(figure)
    image, truth, good, bad, good_errors, bad_errors, _ = figure.axes

    def color(axes, row, column):
        """At the middle of a block of the 2 by 4."""
        box = axes.get_position()
        x = box.x0 + box.width * (column + 0.5) / 4
        y = 1 - (box.y1 - box.height * (row + 0.5) / 2)
        return tuple(drawn[round(y * drawn.shape[0]), round(x * drawn.shape[1])].tolist())

    assert color(image, 1, 1) == (120, 120, 120)
    assert [color(truth, 0, 0), color(truth, 0, 2)] == [COLORS[0], COLORS[1]]
    assert [color(good, 0, 0), color(good, 0, 2)] == [COLORS[0], COLORS[1]]
    assert [color(bad, 0, 0), color(bad, 0, 2)] == [COLORS[1], COLORS[0]]
    light = color(good_errors, 0, 0)
    assert len({*light}) == 1 and light[0] > 180
    assert color(bad_errors, 0, 0) == color(bad_errors, 1, 3) == WRONG
    assert color(bad_errors, 1, 1) == color(good_errors, 1, 1) == UNCOUNTED


@pytest.mark.parametrize("shape", [(8, 64), (300, 8), (1, 1)])
def test_pictures_stand_inside_whatever_their_shape_and_names(shape):
    name = "a_name_of_an_image_that_goes_on_and_on_$_and_ends_at_last"
    mask = np.zeros(shape, np.uint8)
    picture = Picture(name, np.zeros((*shape, 3), np.uint8), mask,
                      {f"method {i} {'x' * i}": mask for i in range(9)})  # fmt: skip
    figure = methods_figure([picture, picture], spec_of(("Road", "Roof")))
    pixels(figure)
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    width, height = figure.bbox.size
    assert all(box.x0 >= -1 and box.x1 <= width + 1 for box in boxes)
    assert all(box.y0 >= -1 and box.y1 <= height + 1 for box in boxes)


@pytest.fixture
def town(tmp_path, monkeypatch):
    """Two methods on four images; b is the one in which they differ."""
    monkeypatch.chdir(tmp_path)
    write_scenes(tmp_path, SCENES)
    tested = {"good": [RIGHT] * 4, "bad": [RIGHT, SWAPPED, RIGHT, RIGHT]}
    return {name: [write_tested(tmp_path / name, SCENES, masks)] for name, masks in tested.items()}


def height_of(path):
    return cv2.imread(str(path)).shape[0]


def test_the_tool_draws_so_many_or_those_that_are_named(town, tmp_path):
    tests = ("good=good", "bad=bad", "--reference", "good")
    result = succeed_here(tmp_path, "tools/compare.py", *tests, "-o", "plain")
    assert "picture" not in result.out and not (tmp_path / "plain/picture.png").exists()
    config = ("-c", "town.py")
    for output, options in (("three", ()), ("one", ("--rows", 1)), ("two", ("--show", "d", "a"))):
        result = succeed_here(tmp_path, "tools/compare.py", *tests, *config, *options, "-o", output)
        assert f"study.html, picture.png and .pdf in {output}" in result.out
    heights = [height_of(tmp_path / f"{name}/picture.png") for name in ("one", "two", "three")]
    assert heights[1] - heights[0] == heights[2] - heights[1] > 100
    assert (tmp_path / "one/picture.pdf").read_bytes().startswith(b"%PDF")
    for options, words in (
        (("--show", "e"), "no image 'e' in the tests"),
        (("--rows", 0), "--images and --rows: at least 1"),
        (("--rows", 1, "--show", "a"), "--show has no effect with --rows"),
    ):
        refused(tmp_path, words, script="tools/compare.py",
                arguments=(*tests, *config, *options, "-o", "new"))  # fmt: skip
    refused(tmp_path, "--rows has no effect without --config", script="tools/compare.py",
            arguments=(*tests, "--rows", 1))  # fmt: skip


def test_a_mask_that_was_changed_is_not_drawn(town, tmp_path):
    cv2.imwrite(str(tmp_path / "bad/masks/d.png"), SWAPPED)
    with pytest.raises(DataError, match="gives other scores than those of the test"):
        write_tables(town, tmp_path / "out", viewed=Viewed("town.py", images=1, names=["d"]))
    assert not files_of(tmp_path / "out")
    write_tables(town, tmp_path / "out", viewed=Viewed("town.py", images=1, rows=1))
    written = [path.name for path in files_of(tmp_path / "out")]
    assert set(FILES) < set(written)
    write_tables(town, tmp_path / "out")
    assert not [path for path in (tmp_path / "out").iterdir() if path.name in FILES]
    with pytest.raises(ConfigError, match="no image 'D' in the tests; known are a, b"):
        write_tables(town, tmp_path / "out", viewed=Viewed("town.py", images=1, names=["D"]))
