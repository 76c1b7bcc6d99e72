"""Patches of an orthophoto are its pixels at their place, and their masks its labels."""

import json

import numpy as np
import pytest
import rasterio
import rasterio.features
import shapely
import shapely.affinity
import yaml
from affine import Affine
from rasterio.enums import ColorInterp
from rasterio.warp import transform_geom

from network.datasets.folder import FolderDataset
from network.errors import DataError
from tests.conftest import files_of, refused, run_here
from tests.preparation.orthophotos import (
    DEGREES,
    PLACE,
    SCRIPT,
    UTM,
    box,
    noise,
    on_ground,
    patches,
    reassembled,
    split,
    write_image,
    write_polygons,
)

SIZE = ("--split-size", 64)
FIELD = ("--class-field", "kind")
SPLIT = ("--images", "ortho.tif", "--labels", "labels.gpkg", *FIELD, "--output", "mine", *SIZE)


def two_classes(root, height=200, width=330, bands=4, dtype="uint16", blank=40, **options):
    """An image, its left half grass, its right half roof but for the last columns."""
    values = noise(bands, height, width, dtype)
    write_image(root / "ortho.tif", values, **options)
    middle = width // 2
    outlines = [box(0, 0, middle, height), box(middle, 0, width - blank, height)]
    write_polygons(root / "labels.gpkg", outlines, ["grass", "roof"])
    return values


def random_outlines(rng, count, height, width):
    """Stars with holes that reach over each other and over the edge, in pixels."""
    found = []
    for _ in range(count):
        center = rng.uniform((0, 0), (width, height))
        angles = np.sort(rng.uniform(0, 2 * np.pi, 9))
        ways = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        outer = shapely.Polygon(center + ways * rng.uniform(15, 60, (9, 1)))
        hole = shapely.Polygon(center + ways * rng.uniform(3, 9, (9, 1)))
        found.append(
            outer.difference(hole) if outer.is_valid and hole.is_valid else outer.buffer(0)
        )
    return found


@pytest.mark.parametrize("labels_crs", [UTM, DEGREES])
@pytest.mark.parametrize(
    "transform", [PLACE, PLACE * Affine.rotation(30)], ids=["upright", "turned"]
)
def test_labels_are_those_of_the_polygon_that_the_center_of_a_pixel_lies_in(
    tmp_path, labels_crs, transform
):
    """Against points in polygons by shapely; not where a center lies on an outline."""
    height, width = 150, 170
    rng = np.random.default_rng(5)
    write_image(tmp_path / "ortho.tif", noise(1, height, width), transform=transform)
    outlines = random_outlines(rng, 25, height, width)
    kinds = [("a", "b", "c")[n % 3] for n in range(len(outlines))]
    ground = [on_ground(outline, transform) for outline in outlines]
    stored = [shapely.geometry.shape(transform_geom(UTM, labels_crs, g)) for g in ground]
    write_polygons(tmp_path / "labels.gpkg", stored, kinds, crs=labels_crs)
    split(tmp_path, *SPLIT, "--stride", 64)
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    expected = np.full((height, width), 255, np.uint8)
    near = np.zeros((height, width), bool)
    for outline, kind in zip(outlines, kinds, strict=True):
        expected[shapely.contains_xy(outline, x, y)] = "abc".index(kind)
        near |= shapely.distance(outline.boundary, shapely.points(x, y)) < 1e-4
    assert near.mean() < 0.001
    found = np.full((height, width), 255, np.uint8)
    for name, (_, mask, _) in patches(tmp_path / "mine").items():
        row, col = map(int, name.removesuffix("_val").split("_")[1:])
        place = np.s_[row * 64 : (row + 1) * 64, col * 64 : (col + 1) * 64]
        shape = found[place].shape
        found[place] = mask[: shape[0], : shape[1]]
        mask[: shape[0], : shape[1]] = 255
        assert (mask == 255).all()
    np.testing.assert_array_equal(found[~near], expected[~near])
    assert len(np.unique(found)) == 4


def test_patches_put_together_are_the_source_at_its_place(tmp_path):
    values = two_classes(tmp_path, nodata=65535)
    with rasterio.open(tmp_path / "ortho.tif", "r+") as file:
        file.descriptions = ("red", "green", "blue", "near infrared")
        file.colorinterp = [ColorInterp[kind] for kind in ("red", "green", "blue", "undefined")]
        file.offsets, file.scales = (-1.0,) * 4, (0.5,) * 4
    for stride in (64, 40):
        split(tmp_path, *SPLIT, "--stride", stride, "--keep-empty", 1)
        found, masks, times = reassembled(tmp_path / "mine", 200, 330)
        assert (times > 0).all() if stride == 64 else (times > 1).any()
        np.testing.assert_array_equal(found[:, times > 0], values[:, times > 0])
        expected = np.zeros((200, 330), np.uint8)
        expected[:, 165:], expected[:, 290:] = 1, 255
        np.testing.assert_array_equal(masks[times > 0], expected[times > 0])
    for path in (tmp_path / "mine/images").iterdir():
        with rasterio.open(path) as patch, rasterio.open(tmp_path / "ortho.tif") as source:
            assert (patch.height, patch.width) == (64, 64)
            for fact in ("count", "dtypes", "nodata", "crs", "descriptions", "colorinterp",
                         "offsets", "scales", "res"):  # fmt: skip
                assert getattr(patch, fact) == getattr(source, fact), fact
            assert patch.compression is None


@pytest.mark.parametrize(
    ("bands", "dtype", "kinds"),
    [
        (3, "uint8", ("red", "green", "blue")),
        (4, "uint8", ("red", "green", "blue", "alpha")),
        (4, "uint8", ("red", "green", "blue", "undefined")),
        (1, "uint8", ("gray",)),
        (2, "float32", ("gray", "undefined")),
        (5, "int16", ("gray",) + ("undefined",) * 4),
    ],
)
def test_bands_of_any_type_and_meaning(tmp_path, bands, dtype, kinds):
    values = noise(bands, 130, 130).astype(dtype)
    photometric = "RGB" if kinds[0] == "red" else "MINISBLACK"
    write_image(tmp_path / "ortho.tif", values, photometric=photometric)
    with rasterio.open(tmp_path / "ortho.tif", "r+") as file:
        file.colorinterp = [ColorInterp[kind] for kind in kinds]
    outlines = [box(0, 0, 130, 60), box(0, 60, 130, 130)]
    write_polygons(tmp_path / "labels.gpkg", outlines, ["grass", "roof"])
    split(tmp_path, *SPLIT)
    found, _, times = reassembled(tmp_path / "mine", 130, 130)
    assert (times == 1).all()
    np.testing.assert_array_equal(found, values)
    for path in (tmp_path / "mine/images").iterdir():
        with rasterio.open(path) as patch:
            assert [kind.name for kind in patch.colorinterp] == list(kinds)


def test_the_folder_is_one_that_a_dataset_reads(tmp_path):
    two_classes(tmp_path)
    text = split(tmp_path, *SPLIT, "--stride", 32)
    dataset = FolderDataset(tmp_path / "mine")
    assert dataset.spec.classes == ("grass", "roof")
    train, val = dataset.samples("train"), dataset.samples("val")
    assert f"training: {len(train)} patches" in text and f"held out: {len(val)} patches" in text
    assert {dataset.tile(s) for s in train} == {"ortho"}
    assert {dataset.tile(s) for s in val} == {"ortho_val"}
    assert dataset.patches("train") == [{"size": 64, "stride": 32, "scale": 1.0}]
    assert dataset.patches("val") == [{"size": 64, "stride": 64, "scale": 1.0}]
    assert dataset.counts_once("val", val) and not dataset.counts_once("train", train)
    mask = dataset.read_mask(tmp_path / "mine/masks/ortho_0_0.png")
    assert (mask == 0).all()
    with pytest.raises(DataError, match="patches of ortho that overlap"):
        FolderDataset(tmp_path / "mine", test="ortho_0_0").samples("test")


def test_the_shares_that_are_said_count_every_pixel_once(tmp_path):
    two_classes(tmp_path, 256, 320)
    text = split(tmp_path, *SPLIT, "--stride", 16)
    rows = {line.split()[1]: line.split() for line in text.splitlines()[1:3]}
    assert rows["grass"][2] == str(256 * 160) and rows["roof"][2] == str(256 * 120)
    for row in rows.values():
        train, val = (float(each.rstrip("%")) for each in row[3:])
        assert train + val == pytest.approx(100, abs=0.11)
    dataset = FolderDataset(tmp_path / "mine")
    held = sum((dataset.read_mask(s.mask) == 0).sum() for s in dataset.samples("val"))
    assert rows["grass"][4] == f"{held / (256 * 160):.1%}"


def test_what_nobody_labeled_is_ignored_or_background_if_so_said(tmp_path):
    two_classes(tmp_path, 128, 384, blank=70)
    text = split(tmp_path, *SPLIT)
    # Of two rows of six windows the last begin at column 320, and labels end at 314.
    assert "2 more hold no label and are left out" in text
    assert len(patches(tmp_path / "mine")) == 10
    text = split(tmp_path, *SPLIT, "--keep-empty", 1)
    assert len(patches(tmp_path / "mine")) == 12
    split(tmp_path, *SPLIT, "--background", "else")
    _, masks, _ = reassembled(tmp_path / "mine", 128, 384)
    settings = yaml.safe_load((tmp_path / "mine/dataset.yaml").read_text())
    assert settings["classes"] == ["else", "grass", "roof"]
    assert (masks[:, 314:] == 0).all() and (masks[:, :192] == 1).all()
    assert (masks[:, 192:314] == 2).all()


def test_pixels_without_data_are_ignored_even_under_a_label(tmp_path):
    values = noise(2, 128, 128)
    values[:, :10], values[0, 50] = 7, 7  # of row 50 only one band
    write_image(tmp_path / "ortho.tif", values, nodata=7)
    outlines = [box(0, 0, 64, 128), box(64, 0, 128, 128)]
    write_polygons(tmp_path / "labels.gpkg", outlines, ["a", "b"])
    text = split(tmp_path, *SPLIT, "--background", "b")
    assert "1280 labeled pixels hold no data in the image and are ignored" in text
    _, masks, _ = reassembled(tmp_path / "mine", 128, 128)
    assert (masks[:10] == 255).all() and (masks[10:] < 2).all()


def test_of_polygons_that_overlap_the_later_one_counts(tmp_path):
    write_image(tmp_path / "ortho.tif", noise(1, 64, 192))
    outlines = [box(0, 0, 100, 64), box(90, 0, 192, 64), box(80, 0, 110, 64), box(81, 0, 82, 64)]
    write_polygons(tmp_path / "labels.gpkg", outlines, ["b", "a", "b", "b"])
    text = split(tmp_path, *SPLIT)
    # Columns 90 to 109 lie in a and in b; of 80 to 89 both polygons are b.
    assert f"{20 * 64} pixels ({20 * 64 / (192 * 64):.2%} of the labeled ones)" in text
    _, masks, _ = reassembled(tmp_path / "mine", 64, 192)
    assert (masks[:, :110] == 1).all() and (masks[:, 110:] == 0).all()
    write_polygons(tmp_path / "labels.gpkg", outlines[::-1], ["b", "b", "a", "b"])
    split(tmp_path, *SPLIT)
    _, masks, _ = reassembled(tmp_path / "mine", 64, 192)
    assert (masks[:, :100] == 1).all() and (masks[:, 100:] == 0).all()


def test_all_touched_labels_more_than_centers(tmp_path):
    write_image(tmp_path / "ortho.tif", noise(1, 64, 128))
    outlines = [box(0, 0, 64.4, 64), box(70.6, 0, 128, 64)]
    write_polygons(tmp_path / "labels.gpkg", outlines, ["a", "b"])
    for option, ends in (((), (64, 71)), (("--all-touched",), (65, 70))):
        split(tmp_path, *SPLIT, *option)
        _, masks, _ = reassembled(tmp_path / "mine", 64, 128)
        assert (masks[:, : ends[0]] == 0).all() and (masks[:, ends[1] :] == 1).all()
        assert (masks[:, ends[0] : ends[1]] == 255).all()


@pytest.mark.parametrize("options", [(), ("--all-touched",)])
def test_outlines_larger_than_a_patch_leave_no_trace_of_where_they_are_cut(tmp_path, options):
    """Against GDAL, given every outline whole."""
    height, width = 600, 700
    write_image(tmp_path / "ortho.tif", noise(1, height, width))
    small = random_outlines(np.random.default_rng(6), 12, height / 8, width / 8)
    large = [shapely.affinity.scale(each, 8, 8, origin=(0, 0)) for each in small]
    frame = shapely.box(20.5, 20.5, 680.2, 580.7) - shapely.box(200.3, 150.6, 520.5, 400.5)
    outlines = [frame, *large]
    kinds = [("a", "b", "c")[n % 3] for n in range(len(outlines))]
    ground = [on_ground(outline) for outline in outlines]
    write_polygons(tmp_path / "labels.gpkg", ground, kinds)
    split(tmp_path, *SPLIT[:-1], 300, "--stride", 300, *options)
    indices = ["abc".index(kind) for kind in kinds]
    expected = rasterio.features.rasterize(
        zip(outlines, indices, strict=True),
        (height, width),
        fill=255,
        all_touched=bool(options),
        dtype="uint8",
    )
    _, found, _ = reassembled(tmp_path / "mine", height, width)
    np.testing.assert_array_equal(found, expected)


def test_classes_by_order_by_name_and_ignored(tmp_path):
    write_image(tmp_path / "ortho.tif", noise(1, 64, 256))
    outlines = [box(64 * n, 0, 64 * n + 64, 64) for n in range(4)]
    write_polygons(tmp_path / "labels.gpkg", outlines, [10, 2, 3, 99], dtype=np.int64)
    split(tmp_path, *SPLIT, "--ignore-values", 99)
    settings = yaml.safe_load((tmp_path / "mine/dataset.yaml").read_text())
    assert settings["classes"] == ["2", "3", "10"]  # by number, not by letters
    _, masks, _ = reassembled(tmp_path / "mine", 64, 256)
    assert [masks[0, 64 * n] for n in range(4)] == [2, 0, 1, 255]
    text = split(tmp_path, *SPLIT, "--classes", "10=roof", "3=plants", "2=plants", "4=water",
                 "--ignore-values", 99)  # fmt: skip
    settings = yaml.safe_load((tmp_path / "mine/dataset.yaml").read_text())
    assert settings["classes"] == ["roof", "plants", "water"]
    assert "no label has the value 4, which --classes lists" in text
    _, masks, _ = reassembled(tmp_path / "mine", 64, 256)
    assert [masks[0, 64 * n] for n in range(4)] == [0, 1, 1, 255]


@pytest.mark.parametrize(("driver", "suffix"), [("ESRI Shapefile", "shp"), ("GeoJSON", "geojson")])
def test_other_files_of_polygons_give_the_same_masks(tmp_path, driver, suffix):
    two_classes(tmp_path)
    split(tmp_path, *SPLIT)
    first = {name: mask for name, (_, mask, _) in patches(tmp_path / "mine").items()}
    outlines = [box(0, 0, 165, 200), box(165, 0, 290, 200)]
    crs = UTM if suffix == "shp" else DEGREES
    stored = [shapely.geometry.shape(transform_geom(UTM, crs, outline)) for outline in outlines]
    kind = {"geometry_type": "Polygon"}
    write_polygons(tmp_path / f"other.{suffix}", stored, ["grass", "roof"], crs, driver, **kind)
    arguments = [f"other.{suffix}" if word == "labels.gpkg" else word for word in SPLIT]
    split(tmp_path, *arguments)
    again = patches(tmp_path / "mine")
    assert first.keys() == again.keys()
    for name, mask in first.items():
        np.testing.assert_array_equal(mask, again[name][1])


def test_invalid_outlines_are_mended_and_named(tmp_path):
    write_image(tmp_path / "ortho.tif", noise(1, 64, 128))
    bow_tie = on_ground(shapely.Polygon([(70, 0), (120, 60), (120, 0), (70, 60)]))
    outlines = [box(0, 0, 64, 64), bow_tie]
    write_polygons(tmp_path / "labels.gpkg", outlines, ["a", "b"])
    assert "made valid: 1 features, 2" in split(tmp_path, *SPLIT)
    _, masks, _ = reassembled(tmp_path / "mine", 64, 128)
    assert masks[30, 72] == 1 and masks[30, 118] == 1 and masks[5, 95] == 255


def test_two_runs_give_the_same_bytes(tmp_path):
    two_classes(tmp_path)
    split(tmp_path, *SPLIT, "--stride", 32, "--processes", 2)
    first = files_of(tmp_path)
    split(tmp_path, *SPLIT, "--stride", 32, "--processes", 1)
    assert files_of(tmp_path) == first


def test_patches_of_an_earlier_split_go_and_what_is_not_of_one_stays(tmp_path):
    two_classes(tmp_path)
    split(tmp_path, *SPLIT, "--stride", 16)
    before = len(patches(tmp_path / "mine"))
    split(tmp_path, *SPLIT)
    assert len(patches(tmp_path / "mine")) < before
    names = {path.stem for path in (tmp_path / "mine/masks").glob("*.png")}
    assert names == patches(tmp_path / "mine").keys()
    (tmp_path / "mine/images/other.tif").write_text("somebody's work")
    refused(tmp_path, "other.tif: not written by an earlier run", script=SCRIPT, arguments=SPLIT)


def test_the_record_says_how_each_part_was_cut(tmp_path):
    two_classes(tmp_path)
    split(tmp_path, *SPLIT, "--stride", 32)
    record = json.loads((tmp_path / "mine/masks/patches.json").read_text())
    assert record["ortho"]["stride"] == 32 and record["ortho_val"]["stride"] == 64
    top, left = record["ortho_val"]["top"], record["ortho_val"]["left"]
    places = [
        ~PLACE * (place.c, place.f)
        for name, (_, _, place) in patches(tmp_path / "mine").items()
        if name.endswith("_val")
    ]
    assert min(places) == pytest.approx((left, top))


def test_check_data_finds_no_fault_in_eight_bits(tmp_path):
    two_classes(tmp_path, bands=3, dtype="uint8")
    split(tmp_path, *SPLIT, "--stride", 32)
    (tmp_path / "bicor.py").write_text(
        "from functools import partial\nfrom network.datasets.folder import FolderDataset\n"
        "from network.models import BiCoR\ndataset = partial(FolderDataset, root='mine')\n"
        "net = partial(BiCoR, backbone='test_convnext')\n"
    )
    result = run_here(tmp_path, "tools/check_data.py", "-c", "bicor.py")
    assert result.status == 0, result.error
    assert "no faults" in result.out
