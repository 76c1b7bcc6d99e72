"""Scale, mean and deviation of the training images, and where they are written."""

import numpy as np
import pytest
import yaml

from network.datasets.bands import Bands, band_facts
from network.datasets.folder import FolderDataset
from network.datasets.settings_file import change_settings
from network.datasets.statistics import PERCENTILES, Moments, Statistics, find_statistics
from network.errors import ConfigError
from network.files.images import write_image
from tests.bands.drawn import SIDE, scene, write_own, write_tif
from tests.conftest import files_of, refused, succeed_here

ARGUMENTS = ("-c", "own.py", "--statistics")


def training_values(dtype, bands):
    """What ``write_own`` draws to train on: [bands, pixels]."""
    drawn = [scene(dtype, bands, seed)[0].reshape(bands, -1) for seed in (0, 1)]
    return np.concatenate(drawn, axis=1).astype(np.float64)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_they_are_those_of_numpy_over_all_pixels(dtype, tmp_path):
    folder = write_own(tmp_path, dtype, 3, "bands: [1, 2, 3]")
    found = find_statistics(FolderDataset(folder), processes=2)
    values = training_values(dtype, 3)
    np.testing.assert_allclose(found.moments.mean, values.mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(found.moments.std, values.std(axis=1), rtol=1e-6)
    assert found.every == 1
    np.testing.assert_allclose(
        found.percentiles, np.percentile(values, PERCENTILES, axis=1), rtol=1e-12
    )


def test_a_large_offset_costs_no_digits():
    rng = np.random.default_rng(0)
    values = 1e9 + rng.standard_normal((2, 90_000))
    total = Moments.of(values[:, :0])
    for part in np.array_split(values, 37, axis=1):
        total += Moments.of(part)
    assert total.count == values.shape[1]
    np.testing.assert_allclose(total.mean - 1e9, (values - 1e9).mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(total.std, (values - 1e9).std(axis=1), rtol=1e-6)


def test_large_images_are_read_in_strips_and_percentiles_of_every_few_pixels(tmp_path, monkeypatch):
    monkeypatch.setattr("network.datasets.statistics._SAMPLES", 1000)
    monkeypatch.setattr("network.datasets.statistics._BLOCK", 5 * SIDE)
    monkeypatch.setattr("network.datasets.statistics._STRIP", 13 * SIDE)
    folder = write_own(tmp_path, "uint16", 2, "bands: [2, 1]")
    found = find_statistics(FolderDataset(folder), processes=1)
    values = training_values("uint16", 2)[::-1]
    assert found.every == 9
    np.testing.assert_allclose(found.moments.mean, values.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(found.moments.std, values.std(axis=1), rtol=1e-12)
    middle = found.percentiles[PERCENTILES.index(50)]
    np.testing.assert_allclose(middle, np.median(values, axis=1), rtol=0.05)


def test_what_is_no_data_counts_nowhere_and_its_share_is_said(tmp_path):
    folder = tmp_path / "own"
    for name in ("a", "b_val"):
        values = np.full((2, SIDE, SIDE), 5, np.int16)
        values[0, :, ::2] = 7
        values[1, :16] = -9999
        write_tif(folder / f"images/{name}.tif", values, nodata=-9999)
        write_image(folder / f"masks/{name}.png", np.zeros((SIDE, SIDE), np.uint8))
    layout = FolderDataset(folder, classes=["x", "y"], masks="index", val="*_val", bands=[1, 2])
    found = find_statistics(layout, processes=1)
    assert found.moments.mean.tolist() == [6, 5]
    assert found.moments.std.tolist() == [1, 0]
    assert found.no_data.tolist() == [0, 0.25]


@pytest.mark.parametrize(
    ("low", "high", "scale"),
    [
        (0, 8631, (0, 8700)),
        (12.0, 0.9931, (0, 1.0)),
        (3000, 3100, (0, 3100)),
        (-0.1801, 1.3, (-0.19, 1.3)),
        (0, 0, (0, 1)),
    ],
)
def test_a_scale_of_two_digits(low, high, scale):
    percentiles = np.zeros((len(PERCENTILES), 2))
    percentiles[PERCENTILES.index(1)] = [low, max(low, 0)]
    percentiles[PERCENTILES.index(99)] = [high, high / 2]
    nothing = Moments.of(np.zeros((2, 1)))
    found = Statistics(1, np.dtype("float32"), 1, nothing, np.zeros(2), percentiles, 1)
    assert found.scale(Bands()) == pytest.approx(scale)


def test_they_go_into_the_file_and_everything_else_in_it_stays(tmp_path):
    folder = write_own(tmp_path, "uint16", 4, "bands: [4, 3, 2, 1]  # as stored\nscale: 1 # old")
    path = folder / "dataset.yaml"
    before = path.read_text()
    result = succeed_here(tmp_path, "tools/check_data.py", *ARGUMENTS)
    assert "written to" in result.out
    after = path.read_text()
    assert after.startswith(before.replace("scale: 1 # old", "scale: 1 # old"))
    settings = yaml.safe_load(after)
    values = training_values("uint16", 4)[::-1]
    np.testing.assert_allclose(settings["mean"], values.mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(settings["std"], values.std(axis=1), rtol=1e-6)
    again = succeed_here(tmp_path, "tools/check_data.py", *ARGUMENTS)
    assert path.read_text() == after
    assert again.out == result.out


def test_eight_bits_need_no_scale(tmp_path):
    folder = write_own(tmp_path, "uint8", 4, "bands: [1, 2, 3, 4]")
    succeed_here(tmp_path, "tools/check_data.py", *ARGUMENTS)
    settings = yaml.safe_load((folder / "dataset.yaml").read_text())
    assert "scale" not in settings
    expected = training_values("uint8", 4).mean(axis=1) / 255
    np.testing.assert_allclose(settings["mean"], expected, rtol=1e-6)


def test_where_the_config_says_them_they_are_printed_for_it(tmp_path):
    write_own(tmp_path, "uint16", 2, "bands: [1, 2]")
    before = files_of(tmp_path)
    result = succeed_here(tmp_path, "tools/check_data.py", *ARGUMENTS, "dataset.scale=10000")
    assert "for the dataset in the config:\n  scale=10000, mean=[0." in result.out
    assert files_of(tmp_path) == before


@pytest.mark.parametrize(
    "text",
    ["classes: [a, b]\nmean:\n  - 1\n  - 2\n", "{classes: [a, b]}\n", "classes: [a, b]\n...\n"],
)
def test_a_file_that_cannot_be_changed_line_by_line_stays(text, tmp_path):
    path = tmp_path / "dataset.yaml"
    path.write_text(text)
    assert not change_settings(path, {"mean": [0.5], "std": [0.25]})
    assert path.read_text() == text


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_comments_and_line_ends_stay(end, tmp_path):
    lines = ["# all", "classes: [a, b] # two", "ignore_values: .nan", "mean: [1, 2]   # of old"]
    path = tmp_path / "dataset.yaml"
    path.write_bytes(end.join(lines).encode())
    assert change_settings(path, {"scale": 9, "mean": [0.5, 0.25]})
    expected = [*lines[:3], "mean: [0.5, 0.25]   # of old", "scale: 9", ""]
    assert path.read_bytes().decode() == end.join(expected)


def test_bands_of_one_value_are_refused(tmp_path):
    folder = write_own(tmp_path, "uint16", 2, "bands: [1, 2]")
    for path in (folder / "images").glob("*.tif"):
        values, _ = scene("uint16", 2, 0)
        values[1] = 41
        write_tif(path, values)
    refused(
        *(tmp_path, "band 2", "same value in all training images (41)", "out of bands"),
        script="tools/check_data.py",
        arguments=ARGUMENTS,
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"bands": []}, "numbers of bands"),
        ({"bands": [0, 1]}, "from 1 up"),
        ({"bands": list(range(1, 22))}, "from 1 to 20"),
        ({"bands": [1.5]}, "whole numbers"),
        ({"bands": "red"}, "whole numbers"),
        ({"bands": [1, 2], "mean": [0, 0, 0], "std": [1, 1, 1]}, "numbers for 2 bands"),
        ({"bands": [1, 2], "mean": [0, 0]}, "mean is given alone"),
        ({"bands": [1, 2], "band_names": ["red", "red"]}, "2 different names"),
        ({"display": [1, 2, 4]}, "from 1 to 3"),
        ({"display": [1, 2]}, "three positions"),
        ({"scale": 0}, "above 0"),
        ({"scale": [5, 5]}, "scale"),
        ({"scale": [1, 2, 3]}, "scale"),
        ({"scale": float("nan")}, "scale"),
        ({"alpha": "yes"}, "'band', 'mask'"),
    ],
)
def test_settings_that_cannot_be(settings, words):
    with pytest.raises(ConfigError, match=words):
        Bands(**band_facts(settings))


def test_without_a_normalisation_nothing_is_trained(tmp_path):
    write_own(tmp_path, "uint16", 3, "scale: 10000")
    refused(
        *(tmp_path, "has no mean and std", "python tools/check_data.py -c CONFIG --statistics"),
        arguments=("-c", "own.py"),
    )
