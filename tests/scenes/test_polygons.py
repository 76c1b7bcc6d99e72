"""Polygons: places and areas on the ground, rings, small areas, the antimeridian."""

import json

import numpy as np
import pytest
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.features import rasterize
from rasterio.transform import from_origin
from rasterio.warp import transform

from network.datasets.catalog import VAIHINGEN
from network.scenes.areas import find_areas
from network.scenes.ground import Ground
from network.scenes.joining import join_small
from network.scenes.polygons import write_polygons
from network.scenes.rasters import NODATA
from network.scenes.raw_map import RawMap

UTM = CRS.from_epsg(32632)
GEOGRAPHIC, MERCATOR = CRS.from_epsg(4326), CRS.from_epsg(3857)
SITE = CRS.from_wkt('LOCAL_CS["site grid",UNIT["metre",1]]')


def cell_area(west, south, east, north):
    """Square meters between two meridians and two parallels of the ellipsoid of WGS84."""
    b, e = 6356752.314245179, 0.08181919084262149

    def up_to(latitude):
        sine = np.sin(np.radians(latitude))
        return sine / (1 - (e * sine) ** 2) + np.arctanh(e * sine) / e

    return b**2 / 2 * np.radians(east - west) * (up_to(north) - up_to(south))


def map_of_three():
    """Building, in it a tree of 10 x 10 pixels, in that a car of 2 x 2; one pixel of no data."""
    classes = np.full((20, 30), 1, np.uint8)
    classes[5:15, 10:20] = 3
    classes[8:10, 12:14] = 4
    classes[0, 0] = NODATA
    return classes


def written(tmp_path, classes, ground, min_area=0.0):
    path = tmp_path / "map.geojson"
    everything = slice(0, classes.shape[0]), slice(0, classes.shape[1])
    with RawMap(tmp_path / "map.raw", (1, *classes.shape), "uint8") as raw:
        raw.write(classes, *everything)
        count = write_polygons(path, raw, VAIHINGEN, ground, min_area)
    features = json.loads(path.read_text())["features"]
    assert len(features) == count
    return features


def areas(features):
    found = {}
    for feature in features:
        name = feature["properties"]["class"]
        found.setdefault(name, []).append(feature["properties"]["area"])
    return found


def at(place, col, row):
    a, b, c, d, e, f = place[:6]
    return a * col + b * row + c, d * col + e * row + f


def polygons(feature):
    geometry = feature["geometry"]
    many = geometry["type"] == "MultiPolygon"
    return geometry["coordinates"] if many else [geometry["coordinates"]]


def test_pixels_without_a_place_count_as_they_are(tmp_path):
    features = written(tmp_path, map_of_three(), Ground(20, 30))
    assert areas(features) == {"Building": [499], "Tree": [96], "Car": [4]}
    (tree,) = (f for f in features if f["properties"]["class"] == "Tree")
    assert sorted(map(tuple, polygons(tree)[0][0][:-1])) == [(10, 5), (10, 15), (20, 5), (20, 15)]
    assert len(polygons(tree)[0]) == 2


@pytest.mark.parametrize(
    ("crs", "west", "north", "size"),
    [
        (GEOGRAPHIC, 9, 48, 1e-5),
        (GEOGRAPHIC, 170, 85, 0.25),
        (MERCATOR, 2776000, 8438000, 0.3),
        (MERCATOR, 0, 2_000_000, 1000),
        (CRS.from_epsg(6933), -500, 5_000_000, 50),
    ],
    ids=lambda value: str(value),
)
def test_areas_are_those_of_cells_of_the_ellipsoid(tmp_path, crs, west, north, size):
    """The rows of these are parallels and their columns meridians."""
    classes = map_of_three()
    ground = Ground(20, 30, from_origin(west, north, size, size), crs)

    def cell(left, top, right, bottom):
        corners = np.array([(left, top), (right, bottom)]) * (size, -size) + (west, north)
        (west_, east), (north_, south) = transform(crs, GEOGRAPHIC, *corners.T)
        return cell_area(west_, south, east, north_)

    found = areas(written(tmp_path, classes, ground))
    car = cell(12, 8, 14, 10)
    tree = cell(10, 5, 20, 15) - car
    assert found["Car"] == pytest.approx([car], rel=1e-5 if size == 0.25 else 1e-6)
    assert found["Tree"] == pytest.approx([tree], rel=1e-5 if size == 0.25 else 1e-6)


def test_areas_of_utm_have_its_scale_taken_out(tmp_path):
    ground = Ground(20, 30, from_origin(500_000, 5_400_000, 0.5, 0.5), UTM)
    found = areas(written(tmp_path, map_of_three(), ground))
    assert found["Car"] == pytest.approx([1 / 0.9996**2], rel=1e-7)
    feet = Ground(20, 30, from_origin(984_000, 207_000, 10, 10), CRS.from_epsg(2263))
    (car,) = areas(written(tmp_path, map_of_three(), feet))["Car"]
    assert car == pytest.approx(400 * (1200 / 3937) ** 2, rel=1e-4)


def test_areas_between_measured_pixels_add_up_to_the_earth():
    ground = Ground(1800, 900, Affine(0.4, 0, -180, 0, -0.1, 90), GEOGRAPHIC)
    assert ground.pixel_areas(0, 1800).sum() == pytest.approx(510_065_621_724_088, rel=1e-5)


@pytest.mark.parametrize(
    "place",
    [
        Affine(0.5, 0, 5e5, 0, -0.5, 54e5),
        Affine(0.5, 0, 5e5, 0, 0.5, 54e5),
        Affine(-0.5, 0, 5e5, 0, -0.5, 54e5),
        Affine(-0.5, 0, 5e5, 0, 0.5, 54e5),
        Affine(0.4, 0.3, 5e5, 0.3, -0.4, 54e5),
        Affine(0.4, -0.3, 5e5, 0.3, 0.4, 54e5),
    ],
    ids=["north-up", "south-up", "mirrored", "turned by 180", "rotated", "rotated, south-up"],
)
@pytest.mark.parametrize("crs", [UTM, None, SITE], ids=["UTM", "no CRS", "local CRS"])
def test_rings_turn_as_geojson_wants(tmp_path, place, crs):
    features = written(tmp_path, map_of_three(), Ground(20, 30, place, crs))
    for feature in features:
        for outer, *holes in polygons(feature):
            assert turn(outer) > 0
            assert all(turn(hole) < 0 for hole in holes)
    expected = 1 / 0.9996**2 if crs is UTM else 1
    assert areas(features)["Car"] == pytest.approx([expected], rel=1e-6)


def turn(ring):
    assert ring[0] == ring[-1]
    x, y = (np.array(ring) - ring[0]).T
    return x[:-1] @ y[1:] - x[1:] @ y[:-1]


@pytest.mark.parametrize(
    ("epsg", "place", "halves"),
    [
        (32632, from_origin(500_000, 5_400_000, 5000, 5000), [(9, 14)]),
        (32760, from_origin(800_000, 8_110_000, 1000, 1000), [(179, 180), (-180, -179)]),
        (4326, from_origin(179.8, 10, 0.01, 0.01), [(179.7, 180), (-180, -179.5)]),
        (4326, from_origin(0, 90, 6, 4.5), [(0, 180), (-180, 0)]),
        (4326, from_origin(359.7, 10, 0.01, 0.01), [(-0.5, 0.5)]),
        (3995, from_origin(-100_000, 500_000, 10_000, 10_000), [(90, 180), (-180, -90)]),
    ],
)
def test_polygons_put_on_a_map_of_the_earth_are_the_map(tmp_path, epsg, place, halves):
    """Also far from the middle of a projection, and on both sides of the antimeridian."""
    rng = np.random.default_rng(0)
    classes = np.full((40, 60), 1, np.uint8)
    classes[10:30, 20:40], classes[16:20, 24:28], classes[0, 0] = 3, 4, NODATA
    classes[35:, 50:] = rng.integers(0, 6, (5, 10))
    crs = CRS.from_epsg(epsg)
    features = written(tmp_path, classes, Ground(*classes.shape, place, crs))
    corners = np.concatenate([r for f in features for polygon in polygons(f) for r in polygon])
    assert np.abs(corners[:, 0]).max() <= 180
    south, north = corners[:, 1].min(), corners[:, 1].max()
    drawn = [(f["geometry"], f["properties"]["index"]) for f in features]
    seen = 0
    for west, east in halves:
        grid = Affine((east - west) / 200, 0, west, 0, (south - north) / 200, north)
        found = rasterize(drawn, (200, 200), NODATA, transform=grid, dtype="uint8").ravel()
        rows, cols = (index.ravel() + 0.5 for index in np.indices((200, 200)))
        x, y = map(np.array, transform(GEOGRAPHIC, crs, *at(grid, cols, rows)))
        if crs.is_geographic:
            x[x < place.c] += 360
        cols, rows = at(~place, x, y)
        inside = (cols > 0) & (cols < 60) & (rows > 0) & (rows < 40)
        clear = inside & (np.minimum(cols % 1, rows % 1) > 0.12)
        clear &= np.maximum(cols % 1, rows % 1) < 0.88
        expected = classes[rows[clear].astype(int), cols[clear].astype(int)]
        np.testing.assert_array_equal(found[clear], expected)
        seen += clear.sum()
    assert seen > 2000


def test_a_pole_is_known():
    holds = Ground(40, 60, from_origin(-3e5, 2e5, 1e4, 1e4), CRS.from_epsg(3995)).holds_pole
    beside = Ground(40, 60, from_origin(-3e5, 6.1e5, 1e4, 1e4), CRS.from_epsg(3995)).holds_pole
    assert (holds, beside) == (True, False)


def points_of(place, crs=UTM, count=4):
    """Control points where a transform puts pixels."""
    corners = [(0, 0), (0, 30), (20, 0), (20, 30)][:count]
    return [GroundControlPoint(row, col, *at(place, col, row)) for row, col in corners], crs


def test_control_points_give_the_places_of_the_transform_that_they_follow(tmp_path):
    place = Affine(0.4, 0.3, 5e5, 0.3, -0.4, 54e5)
    expected = written(tmp_path, map_of_three(), Ground(20, 30, place, UTM))
    found = written(tmp_path, map_of_three(), Ground(20, 30, *points_of(place)))
    for one, other in zip(found, expected, strict=True):
        assert one["properties"]["area"] == pytest.approx(other["properties"]["area"], rel=1e-6)
        for a, b in zip(polygons(one)[0], polygons(other)[0], strict=True):
            np.testing.assert_allclose(a, b, atol=2e-9)
    features = written(tmp_path, map_of_three(), Ground(20, 30, *points_of(place, None)))
    assert areas(features)["Car"] == pytest.approx([1], rel=1e-6)


@pytest.mark.parametrize("crs", [SITE, CRS.from_proj4("+proj=longlat +R=1737400")])
def test_a_crs_without_longitude_and_latitude_gives_polygons_in_its_units(tmp_path, crs):
    ground = Ground(20, 30, from_origin(100, 50, 0.5, 0.5), crs)
    assert not ground.on_earth
    assert "units of its CRS" in ground.note
    features = written(tmp_path, map_of_three(), ground, min_area=1.0)
    assert areas(features) == {"Building": [499 / 4], "Tree": [24], "Car": [1]}
    (car,) = (f for f in features if f["properties"]["class"] == "Car")
    assert sorted(map(tuple, polygons(car)[0][0][:-1])) == [
        (106, 45), (106, 46), (107, 45), (107, 46)
    ]  # fmt: skip


def test_small_areas_become_part_of_their_largest_neighbor(tmp_path):
    classes = np.array(
        [
            [0, 0, 0, 0, 1, 1],
            [0, 2, 2, 0, 1, 1],
            [0, 2, 3, 0, 4, 1],
            [0, 0, 0, 0, 1, 1],
        ],
        np.uint8,
    )

    def classes_of(least):
        return join_small(find_areas(classes, Ground(4, 6)), least).map

    np.testing.assert_array_equal(classes_of(1), classes)
    joined = classes.copy()
    joined[2, 2], joined[2, 4] = 0, 0
    np.testing.assert_array_equal(classes_of(3), joined)
    joined[1:3, 1:3] = 0
    np.testing.assert_array_equal(classes_of(4), joined)
    np.testing.assert_array_equal(classes_of(9), np.zeros_like(classes))
    found = written(tmp_path, classes, Ground(4, 6), min_area=4)
    assert areas(found) == {"ImSurf": [17], "Building": [7]}


def test_the_smallest_come_first():
    """The speck fills the car, which then is large enough."""
    classes = np.zeros((9, 9), np.uint8)
    classes[2:5, 2:5], classes[3, 3] = 4, 3
    joined = join_small(find_areas(classes, Ground(9, 9)), 9).map
    expected = np.where((classes == 3) | (classes == 4), 4, 0)
    np.testing.assert_array_equal(joined, expected)


def test_what_is_joined_may_bring_areas_of_one_class_together():
    """Two halves of a roof, each too small, and a strip between them."""
    classes = np.array([[1, 1, 1, 2, 1, 1, 1]], np.uint8)
    joined = join_small(find_areas(classes, Ground(1, 7)), 7)
    np.testing.assert_array_equal(joined.map, np.ones((1, 7)))
    assert joined.sizes.tolist() == [7]


def test_islands_in_no_data_that_are_small_are_left_out(tmp_path):
    classes = np.full((8, 8), NODATA, np.uint8)
    classes[1, 1], classes[3:6, 3:6], classes[1, 5:7] = 2, 1, (3, 4)
    features = written(tmp_path, classes, Ground(8, 8), min_area=2)
    assert areas(features) == {"Building": [9], "Car": [2]}
    features = written(tmp_path, classes, Ground(8, 8), min_area=3)
    assert areas(features) == {"Building": [9]}
    assert written(tmp_path, classes, Ground(8, 8), min_area=10) == []


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("crs", "place"),
    [
        (None, Affine.identity()),
        (MERCATOR, from_origin(2_776_000, 8_438_000, 0.3, 0.3)),
        (GEOGRAPHIC, from_origin(0, 80, 0.1, 0.1)),
    ],
    ids=["pixels", "mercator", "geographic"],
)
def test_nothing_below_the_least_area_is_left_and_nothing_is_lost(tmp_path, seed, crs, place):
    """Noise, the worst of all maps; areas shrink to the north in two of them."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 6, (90, 70)).astype(np.uint8)
    classes[rng.random((90, 70)) < 0.2] = NODATA
    classes[40:60, 20:50] = 2
    ground = Ground(90, 70, place, crs)
    sizes = ground.pixel_areas(0, 90)
    least = 12 * sizes[45, 35]
    features = written(tmp_path, classes, ground, least)
    total = 0.0
    for feature in features:
        assert feature["properties"]["area"] >= least * (1 - 1e-12)
        total += feature["properties"]["area"]
    before = find_areas(classes, ground)
    after = join_small(before, least)
    kept = after.map != NODATA
    assert not (kept & (classes == NODATA)).any()
    assert total == pytest.approx(sizes[kept].sum(), rel=1e-9)
    lost = (classes != NODATA) & ~kept
    everything = find_areas(np.where(classes == NODATA, NODATA, 0).astype(np.uint8), ground)
    numbers = np.concatenate([areas for _, areas in everything.blocks()])
    assert (everything.sizes[numbers[lost]] < least).all()
    assert before.sizes.sum() == pytest.approx(sizes.sum(), rel=1e-9)


def test_areas_are_found_across_blocks_of_rows(monkeypatch):
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 3, (50, 40)).astype(np.uint8)
    classes[10:20, 5:15] = NODATA
    whole = find_areas(classes, Ground(50, 40))
    monkeypatch.setattr("network.scenes.areas._BLOCK", 120)
    parts = find_areas(classes, Ground(50, 40))
    np.testing.assert_array_equal(whole.map, classes)
    np.testing.assert_array_equal(parts.map, classes)
    np.testing.assert_array_equal(np.sort(parts.sizes), np.sort(whole.sizes))
    assert len(parts.neighbors) == len(whole.neighbors)
    for least in (2, 9, 40):
        np.testing.assert_array_equal(
            np.unique(join_small(parts, least).sizes), np.unique(join_small(whole, least).sizes)
        )


def test_a_long_ring_becomes_text_in_parts(tmp_path, monkeypatch):
    classes = np.random.default_rng(0).integers(0, 2, (20, 30)).astype(np.uint8)
    ground = Ground(20, 30, from_origin(500_000, 5_400_000, 0.5, 0.5), UTM)
    whole = written(tmp_path, classes, ground)
    text = (tmp_path / "map.geojson").read_bytes()
    monkeypatch.setattr("network.scenes.geojson._VERTICES", 2)
    assert written(tmp_path, classes, ground) == whole
    assert (tmp_path / "map.geojson").read_bytes() == text
