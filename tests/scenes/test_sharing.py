"""One window at a time or several, one process or several: the same maps."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
from rasterio.shutil import copy

from network.scenes.tiling import bands, tile
from network.scenes.work import Together
from tests.conftest import refused
from tests.scenes.files import predict, write_tif

WINDOWS = ("--window", "64", "--overlap", "0.5", "--probabilities")


@pytest.fixture(scope="module")
def flight(root):
    """A folder of a large image, of which a part holds no data, and two small ones."""
    rng = np.random.default_rng(1)
    for name, size in (("large", (300, 170)), ("one", (70, 90)), ("two", (40, 100))):
        coarse = rng.integers(1, 255, (3, *(-(-side // 8) for side in size)), np.uint8)
        values = coarse.repeat(8, 1).repeat(8, 2)[:, : size[0], : size[1]]
        if name == "large":
            values[:, 120:180, 20:90] = 0
        write_tif(root / f"flight/{name}.tif", values, nodata=0)
    predict(root, "flight", "-o", "alone", *WINDOWS)
    return root / "alone"


def same_maps(expected, found, count=6):
    names = [path.relative_to(expected) for path in expected.rglob("*.tif")]
    names = [name for name in names if (found / name).exists()]
    assert len(names) == count
    for name in names:
        with rasterio.open(expected / name) as first, rasterio.open(found / name) as second:
            values = first.read(), second.read()
        if name.parts[0] == "probabilities":
            np.testing.assert_allclose(*values, atol=1e-5, rtol=0)
        else:
            np.testing.assert_array_equal(*values)


@pytest.mark.parametrize("options", [("--batch", "3"), ("--processes", "2", "--batch", "2")])
def test_the_maps_are_the_same(root, flight, options, tmp_path):
    predict(root, "flight", "-o", tmp_path / "maps", *WINDOWS, *options)
    same_maps(flight, tmp_path / "maps")
    kept = [path for path in (tmp_path / "maps").rglob("*") if path.name.startswith(".")]
    assert kept == []
    said = predict(root, "flight", "-o", tmp_path / "maps", *WINDOWS)
    assert said.out.count("finished before") == 3  # how it was shared is none of the settings


@pytest.mark.parametrize("options", [(), ("--processes", "2")])
def test_classes_alone_are_those_beside_probabilities(root, flight, options, tmp_path):
    alone = [option for option in WINDOWS if option != "--probabilities"]
    predict(root, "flight", "-o", tmp_path / "maps", *alone, *options)
    same_maps(flight, tmp_path / "maps", count=3)


def test_large_images_are_cut_into_bands_wherever_their_pixels_lie(root, tmp_path):
    small, large = tmp_path / "small.tif", tmp_path / "large.tif"
    noise = np.random.default_rng(0).integers(0, 255, (3, 600, 600), np.uint8)
    write_tif(large, noise)
    write_tif(small, noise[:, :200, :200])
    elsewhere = tmp_path / "elsewhere.vrt"
    copy(large, elsewhere, driver="VRT")
    assert elsewhere.stat().st_size < small.stat().st_size
    for big in (large, elsewhere):
        worker = Together(SimpleNamespace(count=2), [small, big])
        assert (worker.count(small), worker.count(big)) == (1, 2)


def test_a_fault_in_a_process_is_that_of_its_file(root, tmp_path):
    folder = tmp_path / "flight"
    write_tif(folder / "good.tif", np.full((3, 70, 90), 7, np.uint8))
    path = write_tif(folder / "torn.tif", np.full((3, 200, 90), 9, np.uint8), nodata=None)
    path.write_bytes(path.read_bytes()[:-9000])
    result = predict(root, folder, "-o", tmp_path / "maps", "--processes", "2", status=1)
    assert "torn.tif" in result.error
    assert "Traceback" not in result.error
    assert (tmp_path / "maps/good.tif").is_file()
    assert not (tmp_path / "maps/torn.tif").exists()


def test_bands_cover_all_rows_and_share_rows_with_their_neighbors_alone():
    tiling = tile(300, 100, window=64, overlap=0.5)
    assert tiling.tops == [0, 32, 64, 96, 128, 160, 192, 224, 256]
    for count in (1, 2, 3, 4):
        found = bands(tiling, count)
        assert len(found) == count
        assert [found[0].first, found[-1].last] == [0, 9]
        for upper, lower in itertools.pairwise(found):
            assert upper.last == lower.first
            assert upper.below == lower.above
            assert upper.below.stop - upper.below.start == 32
            assert upper.above.stop <= upper.below.start
    # Rows of windows 0 to 3 and 4 to 8: of those the lower reaches 128 to 160 as the upper does.
    assert [found.below for found in bands(tiling, 2)] == [slice(128, 160), slice(300, 300)]
    assert len(bands(tile(64, 64, 64, 0.5), 2)) == 1


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--batch", "0"), "--batch 0: at least 1"),
        (("--processes", "0"), "--processes 0: at least 1"),
    ],
)
def test_what_cannot_be_is_refused(root, options, word, tmp_path):
    arguments = ("-c", "bicor.py", "scene.tif", "-o", tmp_path / "none", *options)
    refused(root, word, script="predict.py", arguments=arguments)
    assert not list(tmp_path.rglob("*.tif"))


def test_torchrun_is_refused_as_each_process_would_do_all(root, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("WORLD_SIZE", "2")
    arguments = ("-c", "bicor.py", "scene.tif", "-o", tmp_path / "none")
    refused(root, "--processes 2", script="predict.py", arguments=arguments)
