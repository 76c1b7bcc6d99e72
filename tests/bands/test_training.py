"""What the network gets of bands: crops, batches, first layers, pictures, and what is refused."""

import albumentations as A
import cv2
import numpy as np
import pytest
import rasterio
import timm
import torch

from network.datasets.bands import Bands
from network.datasets.datamodule import SegmentationDataModule
from network.datasets.dataset import Pair, SegmentationDataset
from network.datasets.display import display_note, displayed
from network.datasets.folder import FolderDataset
from network.datasets.light import Light
from network.datasets.transforms import TrainTransform
from network.errors import ConfigError
from network.files.band_images import BandSelection, read_image
from network.files.headers import read_header
from network.files.images import read_rgb, write_image
from network.models import BiCoR
from tests.bands.drawn import RANGES, SIDE, TYPES, scene, write_own, write_tif
from tests.conftest import REPOSITORY, refused, run_here, succeed_here

OWN = ("-c", "own.py")


def test_batches_of_8_bit_rgb_are_what_they_were(folder_template):
    layout = FolderDataset(folder_template / "data/own")
    transform = TrainTransform(layout.spec.ignore_index, crop_size=64)
    dataset = SegmentationDataset(layout, "train", transform)

    def read(index):
        sample = dataset.samples[index]
        return Pair(read_rgb(sample.image), layout.read_mask(sample.mask))

    data = SegmentationDataModule(layout, transform)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1) * 255
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1) * 255
    for seed in range(20):
        item = dataset[seed % len(dataset), seed]
        image, mask = transform(read, len(dataset), seed % len(dataset), seed)
        assert item["image"].dtype == torch.uint8
        np.testing.assert_array_equal(item["image"].permute(1, 2, 0).numpy(), image)
        np.testing.assert_array_equal(item["mask"].numpy(), mask)
        pixels = torch.from_numpy(image.copy()).permute(2, 0, 1)[None]
        normalised = data.normalise(item["image"][None])
        assert torch.equal(normalised, (pixels.float() - mean) / std)


@pytest.mark.parametrize("bands", [1, 2, 5, 20])
@pytest.mark.parametrize("dtype", TYPES)
def test_a_crop_has_its_type_and_every_band_its_place(dtype, bands):
    rows, cols = np.indices((SIDE, SIDE))
    step = 3 if dtype == "uint8" else 200
    image = np.dstack([rows + cols + band * step for band in range(bands)]).astype(dtype)
    pair = Pair(image, np.zeros((SIDE, SIDE), np.uint8))
    transform = TrainTransform(1, crop_size=48, mosaic=0.5)
    for seed in range(12):
        crop, _ = transform(lambda _: pair, 1, 0, seed)
        assert crop.dtype == image.dtype
        assert crop.shape == (48, 48, bands)
        steps = np.diff(crop.astype(float), axis=2)
        assert np.abs(steps - step).max(initial=0) <= 1, "bands are moved alike"


@pytest.mark.parametrize("dtype", TYPES)
def test_brightness_and_contrast_of_every_band(dtype):
    low, high = RANGES[dtype]
    image = np.moveaxis(scene(dtype, 2, 0)[0], 0, 2)
    rng = np.random.default_rng(3)
    found = Light(0.1, 0.5, (low, high))(image, rng)
    again = np.random.default_rng(3)
    factor = 1 + again.uniform(-0.5, 0.5, 2)
    added = again.uniform(-0.1, 0.1, 2) * (high - low)
    for band in range(2):
        values = image[..., band].astype(float)
        expected = values.mean() + (values - values.mean()) * factor[band] + added[band]
        if dtype != "float32":
            limits = np.iinfo(dtype)
            expected = np.rint(expected).clip(limits.min, limits.max)
        np.testing.assert_allclose(found[..., band], expected, atol=1e-3 if high < 2 else 1)
    assert found.dtype == image.dtype


def test_nothing_is_drawn_for_light_that_is_off():
    image = np.zeros((4, 4, 3), np.uint8)
    rng = np.random.default_rng(0)
    assert Light(0, 0, (0, 255))(image, rng) is image
    assert rng.random() == np.random.default_rng(0).random()


@pytest.mark.parametrize(
    ("augmentation", "dtype", "bands", "scale", "words"),
    [
        (
            A.HueSaturationValue(p=0.01),
            "uint8",
            5,
            (0, 255),
            "Value cannot do 5 bands",
        ),
        (A.OneOf([A.CLAHE(), A.ToGray()]), "uint8", 4, (0, 255), "cannot do 4 bands of uint8"),
        (A.GaussianBlur(), "int16", 3, (0, 32767), "GaussianBlur cannot do 3 bands of int16"),
        (A.RandomBrightnessContrast(), "uint16", 3, (0, 10000), "from 0 to 65535"),
        (A.RandomBrightnessContrast(), "float32", 3, (0, 9000), "from 0 to 1, and the dataset's"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, A.BasicTransform) else None,
)
def test_what_albumentations_cannot_do_is_refused(augmentation, dtype, bands, scale, words):
    transform = TrainTransform(1, augmentations=[augmentation])
    with pytest.raises(ConfigError, match=words):
        transform.check(np.zeros((SIDE, SIDE, bands), dtype), scale)


@pytest.mark.parametrize(
    ("augmentation", "dtype", "scale"),
    [
        (A.Rotate(border_mode=cv2.BORDER_CONSTANT), "uint16", (0, 10000)),
        (A.Affine(scale=(0.5, 2)), "int16", (-2000, 9000)),
        (A.Rotate(), "float32", (0, 9000)),
        (A.RandomBrightnessContrast(), "float32", (0, 1)),
        (A.RandomBrightnessContrast(), "uint8", (0, 255)),
    ],
)
def test_what_it_can_do_is_taken(augmentation, dtype, scale):
    transform = TrainTransform(1, augmentations=[augmentation])
    transform.check(np.zeros((SIDE, SIDE, 5), dtype), scale)


def test_brightness_of_another_scale_is_refused():
    transform = TrainTransform(1, brightness=0.1)
    transform.check(np.zeros((SIDE, SIDE, 3), np.uint8), (0.0, 255.0))
    with pytest.raises(ConfigError, match="give the transform that value_range"):
        transform.check(np.zeros((SIDE, SIDE, 3), np.uint16), (0.0, 9000.0))


def test_it_is_told_before_anything_is_written(tmp_path):
    write_own(tmp_path, "uint8", 4, "bands: [1, 2, 3, 4]\nmean: [0, 0, 0, 0]\nstd: [1, 1, 1, 1]")
    with (tmp_path / "own.py").open("a") as config:
        config.write("import albumentations as A\n")
        config.write("transform = partial(transform, augmentations=[A.CLAHE(p=0.001)])\n")
    refused(tmp_path, "CLAHE cannot do 4 bands of uint8", arguments=OWN)


@pytest.mark.parametrize("bands", [1, 4])
def test_pretrained_first_layers_are_adapted_as_timm_does_it(bands, tmp_path):
    whole = timm.create_model("test_convnext")
    torch.save(whole.state_dict(), tmp_path / "weights.pth")
    net = BiCoR("test_convnext", 2, embed_dim=16, in_chans=bands,
                pretrained=tmp_path / "weights.pth")  # fmt: skip
    first = whole.stem[0].weight
    found = next(p for n, p in net.backbone.named_parameters() if n.endswith("stem_0.weight"))
    expected = first.sum(dim=1, keepdim=True) if bands == 1 else first[:, [0, 1, 2, 0]] * 3 / 4
    torch.testing.assert_close(found, expected)


def test_another_scale_or_other_bands_than_those_of_the_training_are_refused(tmp_path):
    settings = "bands: [1, 2]\nscale: 9000\nmean: [0.4, 0.4]\nstd: [0.2, 0.2]\n"
    folder = write_own(tmp_path, "uint16", 3, settings)
    succeed_here(tmp_path, "train.py", *OWN)
    image = folder / "images/c_val.tif"
    for change, words in (
        ("dataset.scale=5000", "scale=[0.0, 9000.0] (config: [0.0, 5000.0])"),
        ("dataset.bands=[1, 3]", "band_numbers=[1, 2] (config: [1, 3])"),
        ("dataset.alpha=mask", "alpha='' (config: 'mask')"),
    ):
        for script, more in (
            ("test.py", ("-o", "new")),
            ("predict.py", (image, "-o", "new")),
            ("train.py", ("--resume", "auto", "max_epoch=2")),
        ):
            refused(tmp_path, words, script=script, arguments=(*OWN, *more, change))
    predict = (*OWN, image, "-o", "new")
    refused(tmp_path, "--range has no effect", script="predict.py",
            arguments=(*predict, "--range", "0", "9000"))  # fmt: skip
    assert run_here(tmp_path, "predict.py", *predict, "--bands", "2", "1").status == 0
    floats = tmp_path / "floats.tif"
    write_tif(floats, scene("uint16", 3, 2)[0].astype(np.float32))
    result = succeed_here(tmp_path, "predict.py", *OWN, floats, "-o", "floats")
    assert "floats.tif holds float32, and the network was trained on uint16" in result.out
    with rasterio.open(tmp_path / "floats/floats.tif") as file:
        whole = succeed_here(tmp_path, "predict.py", *OWN, image, "-o", "whole")
        assert "trained on" not in whole.out
        with rasterio.open(tmp_path / "whole/c_val.tif") as other:
            np.testing.assert_array_equal(file.read(), other.read())
    narrow = tmp_path / "narrow.tif"
    write_tif(narrow, scene("uint16", 1, 0)[0])
    result = run_here(tmp_path, "predict.py", *OWN, narrow, "-o", "other")
    assert result.status == 1
    assert "narrow.tif has 1 bands, and of the dataset's bands=[1, 2] it lacks 2" in result.error


def test_pictures_show_the_chosen_bands_stretched(tmp_path):
    values = np.arange(101, dtype=np.uint16).reshape(1, 101, 1) * np.array([10, 20, 30, 40])
    values = values.astype(np.uint16)
    bands = Bands(bands=(1, 2, 3, 4), display=(4, 2, 1), scale=(0, 10000), mean=(), std=(),
                  band_names=("b", "g", "r", "n"))  # fmt: skip
    shown = displayed(values, bands)
    expected = np.rint((np.arange(101) - 2).clip(0, 96) / 96 * 255)
    np.testing.assert_array_equal(shown, np.repeat(expected[None, :, None], 3, axis=2))
    assert display_note(bands) == "n, g, b; 2% to 98%"
    valid = np.ones((1, 101), bool)
    valid[0, 90:] = False
    assert displayed(values, bands, valid)[0, 88, 0] == 255


def test_pictures_of_8_bits_are_shown_as_they_are():
    rgb = np.random.default_rng(0).integers(0, 256, (5, 6, 4), np.uint8)
    assert displayed(rgb[..., :3], Bands()).tobytes() == rgb[..., :3].tobytes()
    four = Bands(bands=(1, 2, 3, 4), display=(4, 1, 2), mean=(), std=())
    np.testing.assert_array_equal(displayed(rgb, four), rgb[..., [3, 0, 1]])
    gray = Bands(bands=(7,), mean=(), std=())
    np.testing.assert_array_equal(displayed(rgb[..., :1], gray), rgb[..., [0, 0, 0]])
    assert display_note(Bands()) == ""


@pytest.mark.parametrize("dtype", TYPES)
def test_patches_of_many_bands_are_mapped(dtype, tmp_path):
    values = np.moveaxis(scene(dtype, 5, 0)[0], 0, 2)
    write_image(tmp_path / "a.tif", values)
    assert read_header(tmp_path / "a.tif").plain[:4] == (SIDE, SIDE, 5, dtype)
    scale = None if dtype == "uint8" else (0, 9000)
    mapped = read_image(tmp_path / "a.tif", BandSelection((1, 2, 3, 4, 5), scale))
    assert isinstance(mapped.values, np.memmap)
    np.testing.assert_array_equal(mapped.values, values)
    chosen = read_image(tmp_path / "a.tif", BandSelection((5, 1), scale))
    np.testing.assert_array_equal(chosen.values, values[..., [4, 0]])


def test_potsdam_with_near_infrared(tmp_path):
    rng = np.random.default_rng(0)
    tile = rng.integers(0, 256, (4, 80, 96), np.uint8)
    for kind, suffix in (("images", "RGBIR"), ("masks", "label")):
        (tmp_path / kind).mkdir()
        for name in ("2_10", "2_11"):
            path = tmp_path / f"{kind}/top_potsdam_{name}_{suffix}.tif"
            if kind == "images":
                write_tif(path, tile, photometric="rgb", alpha="unspecified")
                write_tif(path.with_name(path.name.replace("RGBIR", "RGB")), tile[:3])
            else:
                write_image(path, np.full((80, 96, 3), (255, 255, 255), np.uint8))
    root = tmp_path / "data/potsdam_rgbir/train"
    split = (
        *("--img-dir", "images", "--mask-dir", "masks", "--split-size", 64, "--stride", 64),
        *("--output-img-dir", root / "images_64", "--output-mask-dir", root / "masks_64"),
    )
    command = ("tools/potsdam_patch_split.py", *split)
    assert "--rgb-image" in run_here(tmp_path, *command, "--bands", 4, "--rgb-image").error
    succeed_here(tmp_path, *command, "--bands", 4)
    patch = read_image(root / "images_64/top_potsdam_2_11_0_0.tif", BandSelection((1, 2, 3, 4)))
    assert isinstance(patch.values, np.memmap)
    np.testing.assert_array_equal(patch.values, np.moveaxis(tile[:, :64, :64], 0, 2))
    small = ("net.backbone=test_convnext", "net.pretrained=False", "net.embed_dim=32",
             "num_workers=0", "dataset.patch_size=64", "transform.crop_size=64", "max_epoch=1",
             "monitor=val_OA")  # fmt: skip
    config = ("-c", REPOSITORY / "config/potsdam/bicor_rgbir.py")
    succeed_here(tmp_path, "train.py", *config, *small)
