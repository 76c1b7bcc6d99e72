"""What other programs read of maps: overviews, colors and names, polygons."""

import sqlite3
import sys
from xml.etree import ElementTree

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from rasterio.crs import CRS

from network.datasets.catalog import VAIHINGEN
from network.scenes.ground import Ground
from network.scenes.polygons import write_polygons
from network.scenes.rasters import NODATA
from network.scenes.raw_map import RawMap
from tests.conftest import refused
from tests.scenes.files import PLACE, UTM, predict, write_tif

HEX = [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in VAIHINGEN.palette]


@pytest.fixture(scope="module")
def maps(root):
    """Of an image that is large enough for overviews, with all that can be written."""
    rng = np.random.default_rng(2)
    values = rng.integers(1, 255, (3, 40, 50), np.uint8).repeat(16, 1).repeat(16, 2)
    values[:, :100, :90] = 0
    write_tif(root / "wide.tif", values, nodata=0)
    predict(root, "wide.tif", "-o", "wide", "--rgb", "--probabilities", "--polygons")
    return root / "wide"


def test_maps_are_cloud_optimised_with_overviews(maps):
    for name in ("wide.tif", "rgb/wide.tif", "probabilities/wide.tif"):
        with rasterio.open(maps / name) as file:
            assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            assert set(file.block_shapes) == {(512, 512)}
            assert file.overviews(1) == [2]
    with rasterio.open(maps / "wide.tif") as file:
        classes = file.read(1)
    with rasterio.open(maps / "wide.tif", OVERVIEW_LEVEL=0) as file:
        reduced = file.read(1)
    assert reduced.shape == (320, 400)
    assert NODATA in reduced
    np.testing.assert_array_equal(reduced, classes[::2, ::2])
    with rasterio.open(maps / "rgb/wide.tif", OVERVIEW_LEVEL=0) as file:
        colors = file.read()
    known = {(*color, 255) for color in VAIHINGEN.palette} | {(0, 0, 0, 0)}
    assert {tuple(color) for color in np.unique(colors.reshape(4, -1), axis=1).T} <= known
    np.testing.assert_array_equal(colors[3] == 0, reduced == NODATA)


def test_plain_tiled_maps_on_demand(root, maps):
    predict(root, "wide.tif", "-o", "plain", "--no-cog")
    with rasterio.open(root / "plain/wide.tif") as file, rasterio.open(maps / "wide.tif") as cog:
        assert "LAYOUT" not in file.tags(ns="IMAGE_STRUCTURE")
        assert file.profile["tiled"]
        assert file.overviews(1) == []
        np.testing.assert_array_equal(file.read(), cog.read())


def test_names_of_classes_stand_where_gdal_and_qgis_look(maps):
    tree = ElementTree.parse(maps / "wide.tif.aux.xml").getroot()
    band = tree.find("PAMRasterBand")
    assert tree.tag == "PAMDataset"
    assert band.get("band") == "1"
    assert [each.text for each in band.find("CategoryNames")] == list(VAIHINGEN.classes)
    style = ElementTree.parse(maps / "wide.qml").getroot()
    renderer = style.find("pipe/rasterrenderer")
    assert (renderer.get("type"), renderer.get("band")) == ("paletted", "1")
    entries = renderer.findall("colorPalette/paletteEntry")
    found = [(entry.get("value"), entry.get("label"), entry.get("color")) for entry in entries]
    assert found == [(str(i), name, HEX[i]) for i, name in enumerate(VAIHINGEN.classes)]


def test_polygons_cover_the_map_in_its_own_crs(maps):
    path = maps / "polygons/wide.gpkg"
    info = pyogrio.read_info(path, layer="areas")
    assert info["crs"] == UTM
    assert list(info["fields"]) == ["class", "index", "area"]
    _, _, shapes, (names, indices, areas) = pyogrio.raw.read(path, layer="areas")
    shapes = shapely.from_wkb(shapes)
    assert shapely.is_valid(shapes).all()
    with rasterio.open(maps / "wide.tif") as file:
        classes = file.read(1)
    for index, name in enumerate(VAIHINGEN.classes):
        here = indices == index
        assert {*names[here]} <= {name}
        pixels = (classes == index).sum() * 0.25  # of 0.5 x 0.5 m
        assert shapely.area(shapes[here]).sum() == pytest.approx(pixels)
        assert areas[here].sum() == pytest.approx(pixels, rel=1e-2)  # on the ellipsoid
    with sqlite3.connect(path) as file:
        ((layer, default, qml),) = file.execute(
            "SELECT f_table_name, useAsDefault, styleQML FROM layer_styles"
        )
    assert (layer, default) == ("areas", 1)
    categories = ElementTree.fromstring(qml).findall("renderer-v2/categories/category")
    assert [each.get("value") for each in categories] == list(VAIHINGEN.classes)


def written(tmp_path, classes, simplify):
    path = tmp_path / f"{simplify}.gpkg"
    ground = Ground(*classes.shape, PLACE, CRS.from_string(UTM))
    (tmp_path / str(simplify)).mkdir()
    with RawMap(tmp_path / f"{simplify}/map.raw", (1, *classes.shape), "uint8") as raw:
        raw.write(classes, *(slice(0, side) for side in classes.shape))
        write_polygons(path, raw, VAIHINGEN, ground, 0, simplify)
    return shapely.from_wkb(pyogrio.raw.read(path, layer="areas")[2])


def test_simplified_polygons_leave_no_gap_and_no_overlap(tmp_path):
    rows, cols = np.mgrid[:60, :80]
    classes = ((rows + 20 * np.sin(cols / 9)) // 25).clip(0, 2).astype(np.uint8)
    exact, simple = written(tmp_path, classes, 0), written(tmp_path, classes, 1.5)
    assert shapely.coverage_is_valid(simple)
    assert len(simple) == len(exact)
    assert shapely.get_num_coordinates(simple).sum() < shapely.get_num_coordinates(exact).sum() / 2
    everything = shapely.box(500000, 5400000 - 30, 500040, 5400000)
    assert shapely.union_all(simple).symmetric_difference(everything).area < 4 * 1.5**2
    assert np.abs(shapely.area(simple) - shapely.area(exact)).max() < 0.05 * everything.area


@pytest.mark.parametrize(
    ("package", "options", "way_out"),
    [
        ("pyogrio", (), "take --polygons-format geojson"),
        ("shapely", ("--simplify", "1"), "leave --simplify out"),
    ],
)
def test_a_package_that_is_missing_is_named_before_all_work(
    root, maps, monkeypatch, package, options, way_out
):
    monkeypatch.setitem(sys.modules, package, None)
    arguments = ("-c", "bicor.py", "wide.tif", "-o", "none", "--polygons", *options)
    needs = f"needs {package}: pip install {package}"
    refused(root, needs, way_out, script="predict.py", arguments=arguments)
