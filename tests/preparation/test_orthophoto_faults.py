"""What cannot be split is refused, with what is wrong, where, and what to do."""

import numpy as np
import pytest
import shapely
from rasterio.control import GroundControlPoint

from network.errors import DataError
from network.preparation.orthophotos.class_values import IGNORED, class_table, text_of
from tests.conftest import refused
from tests.preparation.orthophotos import (
    DEGREES,
    PLACE,
    SCRIPT,
    box,
    noise,
    on_ground,
    split,
    write_image,
    write_polygons,
)

FIELD = ("--class-field", "kind")
SPLIT = ("--images", "ortho.tif", "--labels", "labels.gpkg", *FIELD, "--output", "mine")
SPLIT += ("--split-size", "64")
OUTLINES = [box(0, 0, 100, 128), box(100, 0, 192, 128)]


@pytest.fixture
def root(tmp_path):
    write_image(tmp_path / "ortho.tif", noise(3, 128, 192))
    write_polygons(tmp_path / "labels.gpkg", OUTLINES, ["grass", "roof"])
    return tmp_path


def refuse(root, *words, arguments=SPLIT, changed=()):
    """Refuse a command, some words of it replaced."""
    new = dict(changed)
    refused(root, *words, script=SCRIPT, arguments=[new.get(word, word) for word in arguments])


def test_places_that_are_not_said(root):
    write_image(root / "ortho.tif", noise(3, 128, 192), crs=None)
    refuse(root, "ortho.tif has no CRS", "rio edit-info --crs")
    write_image(root / "ortho.tif", noise(3, 128, 192), crs=None, transform=None)
    refuse(root, "ortho.tif has no place on the ground", "a raster of the same size")
    points = [GroundControlPoint(r, c, 6e5 + c, 5e6 - r) for r in (0, 99) for c in (0, 99)]
    write_image(root / "ortho.tif", noise(3, 128, 192), transform=None, gcps=points)
    refuse(root, "It is placed by 4 control points; warp it first (gdalwarp)")
    write_image(root / "ortho.tif", noise(3, 128, 192))
    kind = {"driver": "ESRI Shapefile", "geometry_type": "Polygon"}
    write_polygons(root / "labels.shp", OUTLINES, ["grass", "roof"], crs=None, **kind)
    refuse(root, "labels.shp has no CRS", "a .prj file beside it",
           changed=[("labels.gpkg", "labels.shp")])  # fmt: skip


def test_labels_of_another_place(root):
    write_polygons(root / "labels.gpkg", [box(900, 0, 950, 50), box(950, 0, 990, 50)], "ab")
    refuse(root, "no label of labels.gpkg lies on ortho.tif", "of the same place")
    write_polygons(root / "labels.gpkg", OUTLINES, "ab", crs=DEGREES)
    refuse(root, "cannot bring labels from EPSG:4326 to EPSG:32632")


@pytest.mark.parametrize(
    ("outline", "kind"),
    [(shapely.Point(3, 3), "Points"), (shapely.LineString([(0, 0), (9, 9)]), "LineStrings")],
)
def test_what_has_no_area(root, outline, kind):
    write_polygons(root / "labels.gpkg", [*OUTLINES, on_ground(outline)], "abc")
    refuse(root, f"labels.gpkg holds {kind}, which have no area: features 3", "Buffer them")
    write_polygons(root / "labels.gpkg", [on_ground(outline)], "a", geometry_type=kind[:-1])
    refuse(root, f"labels.gpkg holds {kind}, which have no area", "Buffer them")
    write_polygons(root / "area.gpkg", [on_ground(outline)])
    write_polygons(root / "labels.gpkg", OUTLINES, "ab")
    refuse(root, f"area.gpkg holds {kind}", arguments=(*SPLIT, "--val-area", "area.gpkg"))


def test_outlines_that_enclose_nothing(root):
    flat = on_ground(shapely.Polygon([(0, 0), (50, 50), (0, 0)]))
    write_polygons(root / "labels.gpkg", [*OUTLINES, flat], "abb")
    refuse(root, "the outlines of features 3 enclose no area")
    write_polygons(root / "labels.gpkg", [*OUTLINES, None], "abb")
    assert "1 features have no geometry and label nothing" in split(root, *SPLIT)


def test_fields_and_values(root):
    refuse(root, "has no field 'Kindd'; it has kind. Did you mean 'kind'?",
           changed=[("kind", "Kindd")])  # fmt: skip
    refuse(root, "--class-field: which field of labels.gpkg holds the class? kind",
           arguments=[word for word in SPLIT if word not in FIELD])  # fmt: skip
    for empty in (None, "", "  "):
        write_polygons(root / "labels.gpkg", [*OUTLINES, OUTLINES[0]], ["a", "b", empty])
        refuse(root, "labels.gpkg: 1 features have nothing in the field 'kind': 3")
    write_polygons(root / "labels.gpkg", OUTLINES, [1.0, np.nan], dtype=float)
    refuse(root, "1 features have nothing in the field 'kind': 2")
    write_polygons(root / "labels.gpkg", OUTLINES, ["grass", "roof"])
    chosen = (*SPLIT, "--classes", "grass", "rof")
    refuse(root, "--classes does not list: 'roof' (nearest: 'rof')", arguments=chosen)
    ignored = (*SPLIT, "--ignore-values", "gras")
    refuse(root, "--ignore-values gras: no such value", "nearest: 'grass'", arguments=ignored)
    refuse(root, "holds 1 class (roof)", "--background",
           arguments=(*SPLIT, "--ignore-values", "grass"))  # fmt: skip


def test_too_many_classes(root):
    outlines = [box(n % 180, n // 180, n % 180 + 1, n // 180 + 1) for n in range(251)]
    write_polygons(root / "labels.gpkg", outlines, [f"tree {n}" for n in range(251)])
    refuse(root, "holds 251 classes", "from 2 to 250 are possible", "the right field?")


def test_layers(root):
    write_polygons(root / "labels.gpkg", OUTLINES, "ab", layer="other", append=True)
    refuse(root, "labels.gpkg has 2 layers, labels, other; name one by --layer")
    refuse(root, "has no layer 'third' with geometries; it has labels, other",
           arguments=(*SPLIT, "--layer", "third"))  # fmt: skip
    split(root, *SPLIT, "--layer", "other")


def test_images_that_do_not_go_together(root):
    other = root / "more/other.tif"
    both = [*SPLIT[:2], "more/other.tif", *SPLIT[2:]]
    for values, word in (
        (noise(4, 64, 64), "more/other.tif has 4 bands of uint16, but ortho.tif has 3 of uint16"),
        (noise(3, 64, 64, "uint8"), "more/other.tif has 3 bands of uint8"),
    ):
        write_image(other, values)
        refuse(root, word, arguments=both)
    write_image(root / "more/Ortho.tif", noise(3, 64, 64))
    refuse(root, "ortho.tif and more/Ortho.tif have the same stem",
           arguments=[word.replace("other", "Ortho") for word in both])  # fmt: skip
    write_image(other, noise(3, 64, 64), transform=PLACE * type(PLACE).scale(2))
    assert "pixels are from 0.5 to 1 wide and high" in split(root, *both)


def test_sizes_shares_and_folders(root):
    refuse(root, "--split-size 16 --stride 16", changed=[("64", "16")])
    refuse(root, "--split-size 64 --stride 65", arguments=(*SPLIT, "--stride", 65))
    refuse(root, "--val-share 1: between 0 and 1", arguments=(*SPLIT, "--val-share", 1))
    refuse(root, "--keep-empty 2: from 0 to 1", arguments=(*SPLIT, "--keep-empty", 2))
    write_polygons(root / "area.gpkg", OUTLINES[:1])
    both = (*SPLIT, "--val-area", "area.gpkg", "--val-share", 0.3)
    refuse(root, "--val-share has no effect with --val-area", arguments=both)
    (root / "mine/images").mkdir(parents=True)
    (root / "ortho.tif").rename(root / "mine/images/ortho.tif")
    refuse(root, "mine/images is read from", changed=[("ortho.tif", "mine/images/ortho.tif")])


def test_a_damaged_image_leaves_nothing(root):
    content = (root / "ortho.tif").read_bytes()
    (root / "ortho.tif").write_bytes(content[: len(content) // 2])
    refuse(root, "cannot read ortho.tif")


def test_values_as_text():
    values = [None, float("nan"), "", 3, np.int64(3), 3.0, 2.5, "3", True, " a "]
    found = ["", "", "", "3", "3", "3", "2.5", "3", "True", " a "]
    assert [text_of(value) for value in values] == found


def test_classes_of_values():
    table = class_table(["b", "a", "10", "b"], "there")
    assert table.names == ("10", "a", "b")
    assert table.indices(["b", 10]).tolist() == [2, 0]
    assert class_table(["10", "9", "-1.5"], "there").names == ("-1.5", "9", "10")
    table = class_table(["a=b", "c", "?"], "there", ["c=d", "a=b"], ["?"], "rest")
    assert table.names == ("d", "a=b", "rest")
    assert table.index == {"c": 0, "a=b": 1, "?": IGNORED} and table.background == 2
    (note,) = class_table(["Road", "road "], "there").notes
    assert "'Road' and 'road ' are classes of their own" in note
    for chosen in (["=x", "b"], ["a=", "b"], ["a=x", "a=y", "b"]):
        with pytest.raises(DataError, match="VALUE or VALUE=NAME, each value once"):
            class_table(["a", "b"], "there", chosen)
