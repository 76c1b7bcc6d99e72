"""What is held out of orthophotos is in no training patch, wherever these come from."""

import numpy as np
import pytest
import shapely

from network.preparation.orthophotos.blocks import Block, best_block, hold_out
from tests.conftest import refused
from tests.preparation.orthophotos import (
    DEGREES,
    PLACE,
    SCRIPT,
    UTM,
    box,
    footprint,
    noise,
    patches,
    split,
    write_image,
    write_polygons,
)

FIELD = ("--class-field", "kind")
SPLIT = ("--labels", "labels.gpkg", *FIELD, "--output", "mine", "--split-size", 64)
ONE = ("--images", "ortho.tif", *SPLIT)


def stripes(root, height=320, width=320, name="ortho", transform=PLACE):
    write_image(root / f"{name}.tif", noise(1, height, width), transform=transform)


def labels(root, *boxes):
    """Polygons of two classes by turns."""
    write_polygons(root / "labels.gpkg", boxes, [("a", "b")[n % 2] for n in range(len(boxes))])


def grounds(folder):
    """The ground that training and held-out patches show."""
    found = {"train": [], "val": []}
    for name, (_, mask, transform) in patches(folder).items():
        side = "val" if name.endswith("_val") else "train"
        found[side].append(footprint(transform, *mask.shape))
    assert found["train"] and found["val"]
    return found["train"], found["val"]


def assert_apart(folder):
    train, val = grounds(folder)
    assert shapely.union_all(train).intersection(shapely.union_all(val)).area < 0.01 * 0.25
    return train, val


@pytest.mark.parametrize("stride", [64, 48, 20])
def test_no_training_patch_shows_what_is_held_out(tmp_path, stride):
    stripes(tmp_path, 330, 340)
    labels(tmp_path, *(box(20 * n, 0, 20 * n + 20, 330) for n in range(17)))
    split(tmp_path, *ONE, "--stride", stride)
    _, val = assert_apart(tmp_path / "mine")
    together = shapely.union_all(val)
    assert together.geom_type == "Polygon"  # one connected block
    assert together.area == pytest.approx(sum(each.area for each in val))  # none overlaps another


@pytest.mark.parametrize("crs", [UTM, DEGREES])
def test_an_area_on_the_ground_is_held_out_and_scored_alone(tmp_path, crs):
    stripes(tmp_path)
    labels(tmp_path, *(box(20 * n, 0, 20 * n + 20, 320) for n in range(16)))
    area = shapely.union_all([box(70, 80, 170, 150), box(200, 200, 230, 230)])
    stored = area
    if crs != UTM:
        from rasterio.warp import transform_geom

        stored = shapely.geometry.shape(transform_geom(UTM, crs, area))
    write_polygons(tmp_path / "area.gpkg", [stored], crs=crs)
    split(tmp_path, *ONE, "--stride", 16, "--val-area", "area.gpkg")
    train, val = assert_apart(tmp_path / "mine")
    assert shapely.union_all(train).intersection(area).area < 0.01
    assert shapely.union_all(val).buffer(0.01).covers(area)
    scored = 0
    for name, (_, mask, transform) in patches(tmp_path / "mine").items():
        if name.endswith("_val"):
            rows, cols = np.nonzero(mask != 255)
            scored += len(rows)
            x, y = transform.c + 0.5 * (cols + 0.5), transform.f - 0.5 * (rows + 0.5)
            assert shapely.contains_xy(area.buffer(0.01), x, y).all()
    assert scored == 100 * 70 + 30 * 30


def test_images_that_show_the_same_ground_do_not_leak_into_each_other(tmp_path):
    """Two flights over one place, the second one moved by 100.5 and turned."""
    stripes(tmp_path, name="first")
    moved = PLACE * type(PLACE).translation(100.5, 40) * type(PLACE).rotation(20)
    stripes(tmp_path, name="second", transform=moved)
    labels(tmp_path, *(box(20 * n - 200, -100, 20 * n - 180, 500) for n in range(40)))
    arguments = ("--images", "first.tif", "second.tif", *SPLIT, "--stride", 32)
    text = split(tmp_path, *arguments, "--val-share", 0.1)
    assert_apart(tmp_path / "mine")
    names = {name.split("_")[0] for name in patches(tmp_path / "mine")}
    assert names == {"first", "second"}
    assert "windows are in neither" in text


def test_neighbors_that_touch_keep_their_patches(tmp_path):
    stripes(tmp_path, 64, 128, name="left")
    beside = PLACE * type(PLACE).translation(128, 0)
    stripes(tmp_path, 64, 128, name="right", transform=beside)
    labels(tmp_path, *(box(8 * n, 0, 8 * n + 8, 64) for n in range(32)))
    text = split(tmp_path, "--images", "left.tif", "right.tif", *SPLIT, "--val-share", 0.5)
    assert len(patches(tmp_path / "mine")) == 4
    assert "in neither" not in text


def test_small_images_are_held_out_whole(tmp_path):
    names = [f"image{n}" for n in range(5)]
    for n, name in enumerate(names):
        stripes(tmp_path, 60, 60, name, PLACE * type(PLACE).translation(100 * n, 0))
    labels(tmp_path, *(box(10 * n, 0, 10 * n + 10, 60) for n in range(50)))
    files = [f"{name}.tif" for name in names]
    split(tmp_path, "--images", *files, *SPLIT, "--val-share", 0.4)
    train, val = assert_apart(tmp_path / "mine")
    assert (len(train), len(val)) == (3, 2)


def test_areas_that_leave_nothing_on_one_side(tmp_path):
    stripes(tmp_path)
    labels(tmp_path, box(0, 0, 60, 60), box(70, 0, 120, 60))
    word = {"script": SCRIPT}
    for area, words in (
        (box(200, 200, 300, 300), ("--val-area area.gpkg holds no label", "validate")),
        (box(0, 0, 320, 320), ("--val-area area.gpkg holds all labels", "train")),
        (box(900, 0, 950, 50), ("area.gpkg lies beside all images",)),
    ):
        write_polygons(tmp_path / "area.gpkg", [area])
        refused(tmp_path, *words, arguments=(*ONE, "--val-area", "area.gpkg"), **word)
    labels(tmp_path, box(0, 0, 30, 60), box(32, 0, 60, 60))
    words = ("--val-share 0.2 holds no label", "smaller windows than --split-size 64")
    refused(tmp_path, *words, arguments=ONE, **word)


def test_the_block_has_the_share_of_every_class():
    """Four columns of cells: a is everywhere, b in the first and the last column alone."""
    cells = np.zeros((1, 4, 2), np.int64)
    cells[0, :, 0] = 10
    cells[0, (0, 3), 1] = 6
    # A half: columns 0 and 1 hold 20 of 40 and 6 of 12; columns 1 and 2 hold no b.
    assert best_block(cells, 0.5) in (Block(0, 1, 0, 2), Block(0, 1, 2, 4))
    # A quarter: one column; the inner ones lack b, the outer ones have a half of it:
    # |10/40 - 1/4| + |6/12 - 1/4| + |16/52 - 1/4| = 0.31, the inner ones 0 + 1/4 + 0.06 = 0.31.
    assert best_block(cells, 0.25).right - best_block(cells, 0.25).left == 1


def test_a_block_never_holds_all_labels_or_none():
    cells = np.zeros((3, 3, 1), np.int64)
    cells[1, 1], cells[2, 1] = 99, 1
    for share in (0.01, 0.5, 0.99):
        block = best_block(cells, share)
        held = cells[block.top : block.bottom, block.left : block.right].sum()
        assert 0 < held < 100
    assert hold_out([cells[:1] * 0, cells], 0.01)[0] is None


def test_a_large_grid_is_taken_in_coarser_steps():
    cells = np.ones((70, 200, 3), np.int64)
    block = best_block(cells, 0.2)
    held = (block.bottom - block.top) * (block.right - block.left)
    assert held / (70 * 200) == pytest.approx(0.2, abs=0.01)
