"""Scenes that are placed in other ways than by a transform and a CRS that everyone knows."""

import json
import shutil

import numpy as np
import pytest
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.rpc import RPC
from rasterio.transform import Affine, from_origin

from tests.scenes.files import GEOJSON, UTM, predict, write_tif

NO_PLACE = {"crs": None, "transform": None}
SITE = CRS.from_wkt('LOCAL_CS["site grid",UNIT["metre",1]]')


def pixels(height=40, width=60):
    return np.random.default_rng(0).integers(0, 255, (3, height, width), dtype=np.uint8)


def give(path, **placing):
    with rasterio.open(path, "r+") as file:
        for name, value in placing.items():
            setattr(file, name, value)
    return path


def control_points(count=4):
    corners = [(0, 0), (0, 60), (40, 0), (40, 60)][:count]
    return [GroundControlPoint(r, c, 5e5 + c / 2, 54e5 - r / 2) for r, c in corners]


def rational():
    one, line, sample = [1.0] + [0.0] * 19, [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]
    return RPC(
        height_off=0, height_scale=1, lat_off=48, lat_scale=1, long_off=9, long_scale=1,
        line_off=20, line_scale=20, samp_off=30, samp_scale=30, err_bias=None, err_rand=None,
        line_num_coeff=line + [0.0] * 17, samp_num_coeff=sample + [0.0] * 17,
        line_den_coeff=one, samp_den_coeff=one,
    )  # fmt: skip


def polygons(root, output, name):
    return json.loads((root / output / f"polygons/{name}.geojson").read_text())["features"]


def total_area(features):
    return sum(feature["properties"]["area"] for feature in features)


def longitudes(features):
    rings = (feature["geometry"]["coordinates"][0] for feature in features)
    return [lon for ring in rings for lon, _ in ring]


def test_control_points_are_carried_on_and_place_the_polygons(root):
    give(write_tif(root / "points.tif", pixels(), **NO_PLACE), gcps=(control_points(), UTM))
    result = predict(
        root,
        "points.tif",
        "-o",
        "points",
        "--polygons",
        "--polygons-format",
        "geojson",
        "--rgb",
        "--probabilities",
    )
    assert "points.tif: placed by 4 control points and no transform; its maps carry" in result.out
    assert "polygons lie as a polynomial through its 4 control points places them" in result.out
    for kind in ("", "rgb", "probabilities"):
        with rasterio.open(root / "points" / kind / "points.tif") as out:
            points, crs = out.gcps
            assert crs == UTM
            assert [(p.row, p.col, p.x, p.y) for p in points] == [
                (p.row, p.col, p.x, p.y) for p in control_points()
            ]
    features = polygons(root, "points", "points")
    assert total_area(features) == pytest.approx(600 / 0.9996**2, rel=1e-6)
    assert min(longitudes(features)) == pytest.approx(9, abs=1e-9)


def test_control_points_that_place_nothing_are_carried_on_and_it_is_said(root):
    give(write_tif(root / "two.tif", pixels(), **NO_PLACE), gcps=(control_points(2), UTM))
    result = predict(root, "two.tif", "-o", "two", *GEOJSON)
    assert "two.tif: placed by 2 control points" in result.out
    assert "two.tif: polygons, their areas and --min-area are in pixels" in result.out
    with rasterio.open(root / "two/two.tif") as out:
        assert len(out.gcps[0]) == 2
    assert total_area(polygons(root, "two", "two")) == 2400


def test_rpcs_are_carried_on_and_it_is_said(root):
    give(write_tif(root / "rational.tif", pixels(), **NO_PLACE), rpcs=rational())
    result = predict(root, "rational.tif", "-o", "rational", *GEOJSON)
    assert "rational.tif: placed by RPCs and no transform; its maps carry on these" in result.out
    assert "rational.tif: polygons, their areas and --min-area are in pixels" in result.out
    with (
        rasterio.open(root / "rational.tif") as source,
        rasterio.open(root / "rational/rational.tif") as out,
    ):
        assert out.rpcs == source.rpcs is not None


def test_arrays_of_coordinates_are_not_carried_on_and_it_is_said(root):
    path = write_tif(root / "arrays.tif", pixels(), **NO_PLACE)
    with rasterio.open(path, "r+") as file:
        file.update_tags(
            ns="GEOLOCATION", X_DATASET="lon.tif", Y_DATASET="lat.tif", SRS="EPSG:4326"
        )
    result = predict(root, "arrays.tif", "-o", "arrays")
    assert "placed by arrays of coordinates and no transform; its maps do not carry" in result.out


def test_points_beside_a_photograph_make_its_map_a_geotiff(root):
    photo = root / "photo.png"
    with rasterio.open(photo, "w", driver="PNG", height=40, width=60, count=3, dtype="uint8") as to:
        to.write(pixels())
        to.gcps = control_points(), CRS.from_user_input(UTM)
    assert (root / "photo.png.aux.xml").is_file()
    predict(root, "photo.png", "-o", "photo", *GEOJSON)
    with rasterio.open(root / "photo/photo.tif") as out:
        assert len(out.gcps[0]) == 4
    assert min(longitudes(polygons(root, "photo", "photo"))) == pytest.approx(9, abs=1e-9)


def test_a_world_file_places_polygons_in_its_units(root):
    with rasterio.open(
        root / "world.png", "w", driver="PNG", height=40, width=60, count=3, dtype="uint8"
    ) as target:
        target.write(pixels())
    (root / "world.pgw").write_text("0.5\n0\n0\n-0.5\n1000.25\n1999.75\n")
    result = predict(root, "world.png", "-o", "world", *GEOJSON)
    assert "are in the units of its transform, for there is no CRS" in result.out
    with rasterio.open(root / "world/world.tif") as out:
        assert out.transform == from_origin(1000, 2000, 0.5, 0.5)
    features = polygons(root, "world", "world")
    assert total_area(features) == pytest.approx(600)
    assert min(longitudes(features)) == 1000


def test_a_crs_without_a_transform_is_no_place(root):
    write_tif(root / "placeless.tif", pixels(), transform=None)
    result = predict(root, "placeless.tif", "-o", "placeless", *GEOJSON)
    assert "placeless.tif: polygons, their areas and --min-area are in pixels" in result.out
    assert total_area(polygons(root, "placeless", "placeless")) == 2400
    with rasterio.open(root / "placeless/placeless.tif") as out:
        assert out.crs == UTM


def test_photographs_without_any_place_are_not_remarked_upon(root):
    shutil.copy(next((root / "data/own/images").iterdir()), root / "plain.jpg")
    assert "note:" not in predict(root, "plain.jpg", "-o", "plain", *GEOJSON).out


def test_a_local_crs_and_a_pole_stop_no_folder(root):
    folder = root / "places"
    write_tif(folder / "local.tif", pixels(), crs=SITE, transform=from_origin(1e3, 1e3, 0.1, 0.1))
    write_tif(
        folder / "pole.tif", pixels(), crs="EPSG:3995", transform=from_origin(-300, 200, 10, 10)
    )
    write_tif(folder / "utm.tif", pixels())
    result = predict(
        root,
        "places",
        "-o",
        "placed",
        "--polygons",
        "--polygons-format",
        "geojson",
        "--min-area",
        0.5,
        status=1,
    )
    assert "1 of 3 images could not be predicted: places/pole.tif" in result.error
    assert "pole.tif reaches around a pole" in result.error
    assert "--polygons" in result.error
    assert (
        "local.tif: polygons, their areas and --min-area are in the units of its CRS" in result.out
    )
    assert total_area(polygons(root, "placed", "local")) == pytest.approx(24)
    assert total_area(polygons(root, "placed", "utm")) == pytest.approx(600 / 0.9996**2, rel=1e-6)
    assert not (root / "placed/pole.tif").exists()
    with rasterio.open(root / "placed/local.tif") as out:
        assert out.crs == SITE


@pytest.mark.parametrize(
    "place", [Affine(0.5, 0, 5e5, 0, 0.5, 54e5), Affine(0.4, 0.3, 5e5, 0.3, -0.4, 54e5)]
)
def test_maps_keep_a_transform_that_is_south_up_or_turned(root, place):
    write_tif(root / "turned.tif", pixels(), transform=place)
    predict(root, "turned.tif", "-o", f"turned_{place.b}")
    with rasterio.open(root / f"turned_{place.b}/turned.tif") as out:
        assert out.transform.almost_equals(place)


@pytest.mark.parametrize("nodata", [None, float("nan")], ids=["untagged", "tagged"])
@pytest.mark.parametrize("band", [0, 2])
def test_pixels_that_are_nan_hold_no_data(root, nodata, band):
    values = pixels().astype(np.float32) / 255
    values[band, :, :20] = np.nan
    name = f"nan_{nodata}_{band}"
    write_tif(root / f"{name}.tif", values, nodata=nodata)
    predict(
        root,
        f"{name}.tif",
        "-o",
        "nans",
        "--polygons",
        "--polygons-format",
        "geojson",
        "--probabilities",
        "--rgb",
    )
    with rasterio.open(root / f"nans/{name}.tif") as out:
        classes = out.read(1)
    assert (classes[:, :20] == 255).all()
    assert (classes[:, 20:] < 6).all()
    with rasterio.open(root / f"nans/probabilities/{name}.tif") as out:
        np.testing.assert_array_equal(np.isnan(out.read()).any(axis=0), classes == 255)
    with rasterio.open(root / f"nans/rgb/{name}.tif") as out:
        assert (out.read()[:, :, :20] == 0).all()
    area = total_area(polygons(root, "nans", name))
    assert area == pytest.approx(1600 / 4 / 0.9996**2, rel=1e-6)
