"""Whole scenes: seams, georeference, formats, faults."""

import json
import shutil

import cv2
import numpy as np
import pytest
import rasterio
import torch
import torch.nn.functional as F

from network.datasets.catalog import VAIHINGEN
from network.errors import ConfigError
from network.files.images import read_rgb, write_image
from network.preparation.demo_scenes import draw_scene
from network.scenes.arrays import Arrays, HostTensors, Tensors
from network.scenes.blending import Blender, blend, tile
from network.scenes.rasters import NODATA, Raster
from network.scenes.tiling import Band
from tests.conftest import REPOSITORY, files_of, refused, run_here
from tests.scenes.files import UTM, predict, write_tif


def whole(tiling, predict, image):
    """Blended probabilities put together, and how often each pixel came."""
    found = torch.full((3, tiling.height, tiling.width), torch.nan)
    times = torch.zeros(tiling.height, tiling.width)

    def read(top, left):
        inside = image[None, :, top : top + tiling.rows, left : left + tiling.cols]
        below, beside = tiling.rows - inside.shape[2], tiling.cols - inside.shape[3]
        return F.pad(inside, (0, beside, 0, below), value=9.0), (top, left)

    for region in blend(read, predict, tiling, 3):
        found[:, region.rows, region.cols] = region.probabilities
        times[region.rows, region.cols] += 1
        assert region.extra == (region.rows.start, region.cols.start)
    return found, times


@pytest.mark.parametrize("arrays", [Arrays(), HostTensors(), Tensors("cpu")])
@pytest.mark.parametrize("keep", [True, False])
def test_classes_are_those_of_the_sums_kept_or_not(arrays, keep):
    rng = np.random.default_rng(3)
    tiling = tile(150, 333, 64, 0.25)
    band = Band(tiling, 0, len(tiling.tops))
    plain = Blender(band, 5, Arrays())
    found = Blender(band, 5, arrays, classify=True, keep=keep)
    for _ in range(tiling.count):
        window = rng.random((5, tiling.rows, tiling.cols), np.float32)
        sums = plain.add(window).probabilities
        region = found.add(window if type(arrays) is Arrays else torch.from_numpy(window))
        np.testing.assert_array_equal(region.classes, sums.argmax(axis=0))
        assert (region.probabilities is not None) == keep
        if keep:
            np.testing.assert_array_equal(np.asarray(region.probabilities), sums)


@pytest.mark.parametrize(
    ("height", "width", "window", "overlap"),
    [
        (300, 421, 64, 0.25),
        (65, 64, 64, 0.5),
        (200, 1, 64, 0.25),
        (30, 500, 64, 0.0),
        (64, 64, 64, 0.25),
        (130, 333, 50, 0.9),
    ],
)
def test_a_pixelwise_network_gives_the_same_tiled_and_whole(height, width, window, overlap):
    torch.manual_seed(0)
    image = torch.randn(3, height, width)
    tiling = tile(height, width, window, overlap)
    assert max(tiling.rows, tiling.cols) <= window
    found, times = whole(tiling, lambda x: x.softmax(dim=1), image)
    assert (times == 1).all()
    expected = image.softmax(dim=0)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)
    assert torch.equal(found.argmax(dim=0), expected.argmax(dim=0))


def test_overlaps_are_averaged_with_hann_weights():
    values = iter([1.0, 5.0])
    found, _ = whole(
        tile(64, 96, 64, 0.5),
        lambda x: torch.full_like(x, next(values)),
        torch.zeros(3, 64, 96),
    )
    hann = np.sin(np.pi * (np.arange(64) + 0.5) / 64) ** 2
    first, second = hann[32:], hann[:32]
    expected = [1.0] * 32 + ((1 * first + 5 * second) / (first + second)).tolist() + [5.0] * 32
    np.testing.assert_allclose(found[0, 7], expected, rtol=1e-5)


def test_windows_cover_evenly_and_overlap_enough():
    tiling = tile(1000, 1025, 256, 0.25)
    for starts, length in ((tiling.tops, 1000), (tiling.lefts, 1025)):
        steps = np.diff(starts)
        assert starts[0] == 0
        assert 0 <= starts[-1] + 256 - length < 32
        assert (steps % 32 == 0).all()
        assert steps.max() <= 192
        assert steps.max() - steps.min() <= 32
    for window, overlap in ((31, 0.25), (64, -0.1), (64, 0.95)):
        with pytest.raises(ConfigError):
            tile(100, 100, window, overlap)


def test_a_geotiff_keeps_place_nodata_colors_and_names(root):
    predict(root, "scene.tif", "-o", "maps", "--window", 64, "--rgb", "--probabilities")
    with rasterio.open(root / "scene.tif") as source, rasterio.open(root / "maps/scene.tif") as out:
        assert (out.crs, out.transform, out.shape) == (source.crs, source.transform, source.shape)
        assert out.nodata == NODATA
        assert out.profile["tiled"]
        assert out.profile["compress"] == "deflate"
        classes = out.read(1)
        empty = source.dataset_mask() == 0
        np.testing.assert_array_equal(classes == NODATA, empty)
        assert empty.sum() >= 1200
        colormap = out.colormap(1)
        assert [colormap[i][:3] for i in range(6)] == list(VAIHINGEN.palette)
        assert out.tags(1)["CLASS_4"] == "Car"
        assert out.colorinterp[0].name == "palette"
    with rasterio.open(root / "maps/rgb/scene.tif") as out:
        colors = np.array([*VAIHINGEN.palette, (0, 0, 0)], np.uint8)
        expected = colors[np.where(classes == NODATA, 6, classes)]
        np.testing.assert_array_equal(out.read([1, 2, 3]).transpose(1, 2, 0), expected)
        np.testing.assert_array_equal(out.read(4), np.where(empty, 0, 255))
        assert [kind.name for kind in out.colorinterp] == ["red", "green", "blue", "alpha"]
        assert out.crs == UTM
    with rasterio.open(root / "maps/probabilities/scene.tif") as out:
        values = out.read()
        assert out.descriptions == VAIHINGEN.classes
        assert np.isnan(values[:, empty]).all()
        np.testing.assert_allclose(values[:, ~empty].sum(axis=0), 1, rtol=1e-5)
        np.testing.assert_array_equal(values.argmax(axis=0)[~empty], classes[~empty])


def test_photographs_give_the_masks_of_a_test(root):
    for path in (root / "data/own/images").glob("*.jpg"):  # decoders differ in the last bit
        write_image(path.with_suffix(".png"), read_rgb(path))
        path.unlink()
    predict(root, "data/own/images", "-o", "photos", "--rgb")
    result = run_here(root, "test.py", "-c", "bicor.py", "-o", "tested", "--rgb")
    assert result.status == 0, result.error
    assert len(list((root / "photos").glob("*.png"))) == 6
    for name in ("scene_001_val", "scene_005_val"):
        for ours, theirs in (("photos", "tested/masks"), ("photos/rgb", "tested/masks_rgb")):
            np.testing.assert_array_equal(
                cv2.imread(str(root / ours / f"{name}.png"), cv2.IMREAD_UNCHANGED),
                cv2.imread(str(root / theirs / f"{name}.png"), cv2.IMREAD_UNCHANGED),
            )


def test_what_borders_change_is_weighted_away():
    """A network that looks 8 pixels around itself and sees zeros beyond its window."""
    torch.manual_seed(0)
    image = torch.randn(3, 200, 230)
    kernel = torch.ones(3, 1, 17, 17) / 289

    def predict(x):
        return F.conv2d(x.abs(), kernel, padding=8, groups=3)

    expected = predict(image[None])[0]
    inside = np.s_[:, 64:-64, 64:-64]
    errors = {}
    for overlap in (0.0, 0.25, 0.5):
        found, _ = whole(tile(200, 230, 64, overlap), predict, image)
        errors[overlap] = (found - expected)[inside].abs().max().item()
    assert errors[0.0] > 0.2
    assert errors[0.25] < errors[0.0] / 5
    assert errors[0.5] < errors[0.0] / 5


@pytest.mark.parametrize("shape", [(1, 200), (37, 1), (20, 20), (1, 1)])
def test_the_smallest_images(root, shape):
    name = f"small_{shape[0]}_{shape[1]}"
    values = np.random.default_rng(0).integers(1, 255, (3, *shape), dtype=np.uint8)
    write_tif(root / f"{name}.tif", values)
    predict(root, f"{name}.tif", "-o", "small")
    with rasterio.open(root / f"small/{name}.tif") as out:
        assert out.shape == shape
        assert out.read(1).max() < 6


def test_all_nodata_is_all_nodata(root):
    write_tif(root / "empty.tif", np.zeros((3, 90, 80), np.uint8), nodata=0)
    predict(
        root,
        "empty.tif",
        "-o",
        "empties",
        "--window",
        64,
        "--polygons",
        "--polygons-format",
        "geojson",
    )
    with rasterio.open(root / "empties/empty.tif") as out:
        assert (out.read(1) == NODATA).all()
    assert json.loads((root / "empties/polygons/empty.geojson").read_text())["features"] == []


def test_deeper_values_are_scaled_and_bands_chosen(root):
    generator = np.random.default_rng(0)
    values = generator.integers(1000, 3001, (4, 50, 60)).astype(np.uint16)
    path = write_tif(root / "deep.tif", values, nodata=None)
    with Raster(path, value_range=(1000, 3000)) as raster:
        part = raster.read(10, 20, 30, 40)
        expected = np.rint((values[:3, 10:40, 20:60] - 1000.0) / 2000 * 255)
        np.testing.assert_array_equal(part.image, expected.transpose(1, 2, 0).astype(np.uint8))
        assert part.valid.all()
    with Raster(path, bands=[4, 1, 4]) as raster:
        image = raster.read(0, 0, 50, 60).image
        low, high = np.percentile(values[3], (2, 98))
        expected = np.rint(((values[3] - low) / (high - low)).clip(0, 1) * 255)
        assert np.abs(image[..., 0] - expected).max() <= 1
        np.testing.assert_array_equal(image[..., 0], image[..., 2])
    gray = write_tif(root / "gray.tif", values[0])
    with Raster(gray) as raster:
        assert raster.bands == [1, 1, 1]
    predict(root, "deep.tif", "-o", "deeper", "--bands", 2, 3, 4, "--range", 1000, 3000)
    flat = write_tif(root / "flat.tif", np.full((3, 40, 40), 7.5, np.float32))
    with Raster(flat) as raster:
        assert (raster.read(0, 0, 40, 40).image == 0).all()


def test_an_alpha_band_is_no_color(root):
    rgba = np.full((40, 50, 4), 120, np.uint8)
    rgba[:, :20, 3] = 0
    cv2.imwrite(str(root / "alpha.png"), rgba)
    predict(root, "alpha.png", "-o", "alphas")
    mask = cv2.imread(str(root / "alphas/alpha.png"), cv2.IMREAD_UNCHANGED)
    assert (mask[:, :20] == NODATA).all()
    assert (mask[:, 20:] < 6).all()


def test_a_corrupt_file_is_named_and_the_rest_goes_on(root):
    folder = root / "mixed"
    shutil.copytree(root / "data/own/images", folder)
    names = sorted(path.name for path in folder.iterdir())
    (folder / names[2]).write_bytes(b"no image at all")
    values = np.random.default_rng(0).integers(0, 256, (3, 300, 300), dtype=np.uint8)
    tif = write_tif(folder / "scene_900.tif", values, tiled=True, blockxsize=64, blockysize=64)
    tif.write_bytes(tif.read_bytes()[:150_000])
    cut = (folder / names[3]).read_bytes()
    (folder / names[3]).write_bytes(cut[: len(cut) // 2])
    result = predict(root, "mixed", "-o", "rest", status=1)
    assert "Traceback" not in result.error
    assert f"cannot read mixed/{names[2]}" in result.error
    assert f"3 of {len(names) + 1} images could not be predicted" in result.error
    assert "cannot read mixed/scene_900.tif" in result.error
    assert not (root / "rest/scene_900.tif").exists()
    done = {path.stem for path in (root / "rest").glob("*.png")}
    assert done == {name.rpartition(".")[0] for name in names if name not in names[2:4]}
    assert not list((root / "rest").glob(".*"))


def test_what_is_finished_is_left_out(root):
    predict(root, "data/own/images", "-o", "again")
    before = files_of(root / "again")
    stamps = {path: path.stat().st_mtime_ns for path in (root / "again").glob("*.png")}
    name = min(stamps).name
    (root / "again" / name).unlink()
    result = predict(root, "data/own/images", "-o", "again")
    assert result.out.count("finished before") == 5
    assert files_of(root / "again") == before
    kept = [path for path in stamps if path.name != name]
    assert all(path.stat().st_mtime_ns == stamps[path] for path in kept)
    result = predict(root, "data/own/images", "-o", "again", "-t", "lr")
    assert "other settings" in result.out
    assert "finished before" not in result.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere.tif",), ("no file or folder nowhere.tif",)),
        (("scene.tif", "--bands", "9", "1", "2"), ("has 3 bands",)),
        (("scene.tif", "--bands", "1", "2"), ("has 3 bands", "takes 3")),
        (("scene.tif", "--window", "10"), ("--window 10: at least 32 pixels",)),
        (("scene.tif", "--overlap", "1"), ("--overlap 1: from 0 to 0.9",)),
        (("scene.tif", "--polygons", "--min-area", "-1"), ("--min-area -1",)),
        (("scene.tif", "--ckpt", "nowhere.ckpt"), ("no checkpoint nowhere.ckpt",)),
        (("scene.tif", "max_epoc=3"), ("unknown setting", "max_epoch")),
        (("seed=3",), ("no image to predict",)),
    ],
)
def test_what_cannot_be_predicted_is_refused(root, arguments, words, tmp_path):
    arguments = ("-c", "bicor.py", "-o", tmp_path / "none", *arguments)
    refused(root, *words, script="predict.py", arguments=arguments)
    assert not list(tmp_path.rglob("*.tif"))


def test_outputs_that_would_meet_or_cannot_be_written_are_refused(root):
    shutil.copy(root / "scene.tif", root / "data/scene.tif")
    (root / "file").write_text("in the way")
    refused(
        root,
        *("scene.tif and data/scene.tif", "one file"),
        script="predict.py",
        arguments=("-c", "bicor.py", "-o", "none", "scene.tif", "data/scene.tif"),
    )
    refused(
        root,
        "cannot write file/predictions.json",
        script="predict.py",
        arguments=("-c", "bicor.py", "-o", "file", "scene.tif"),
    )


def test_the_example_of_the_documentation_runs(root, monkeypatch):
    text = (REPOSITORY / "docs/scenes.md").read_text()
    code = text.split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(root)
    code = code.replace("config/vaihingen/bicor.py", "bicor.py").replace(
        "orthophoto.tif", "scene.tif"
    )
    exec(code, {})


@pytest.fixture(scope="module")
def town():
    image, _ = draw_scene(640, 640, 3)
    return torch.from_numpy(image).permute(2, 0, 1).float()


def changes_at_edges_and_elsewhere(town, overlap):
    """Share of the pixels with another class beside them.

    The network looks around itself, and what it sees depends on the place in the window.
    """
    centers = F.avg_pool2d(town, 128).flatten(1).T[[1, 5, 8, 12, 17, 23]]

    def predict(x):
        ramp = torch.linspace(-20, 20, 128)
        blurred = F.avg_pool2d(x, 31, stride=1, padding=15) + ramp + ramp[:, None]
        distances = (blurred - centers.view(6, 3, 1, 1)).square().sum(dim=1)
        return (-distances / 500).softmax(dim=0)[None]

    def read(top, left):
        return town[None, :, top : top + tiling.rows, left : left + tiling.cols], None

    tiling = tile(640, 640, 128, overlap)
    classes = np.empty((640, 640), int)
    for region in blend(read, predict, tiling, 6):
        classes[region.rows, region.cols] = region.probabilities.argmax(dim=0)
    edges = {start + end for start in tiling.lefts for end in (0, 128)} - {0, 640}
    at = [edge - 1 for edge in edges]
    lines = np.stack([(np.diff(classes, axis=a) != 0).mean(axis=1 - a) for a in (0, 1)])
    return lines[:, at].ravel(), np.delete(lines, at, axis=1).ravel()


def test_classes_do_not_change_more_often_at_the_edges_of_windows(town):
    seams = {}
    for overlap in (0.25, 0):
        at_edges, elsewhere = changes_at_edges_and_elsewhere(town, overlap)
        chance = 2 * elsewhere.std() / len(at_edges) ** 0.5
        seams[overlap] = at_edges.mean() > elsewhere.mean() + chance
        assert elsewhere.mean() > 0.005
    assert seams == {0.25: False, 0: True}
