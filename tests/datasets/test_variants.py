"""Variants of one dataset: the same images and labels in other forms, or refused with reason."""

import json
import shutil

import numpy as np
import pytest
import rasterio
import torch
import yaml
from PIL import Image

from network.datasets.dataset import SegmentationDataset
from network.datasets.folder import FolderDataset
from network.errors import UserError
from tests.conftest import run_here
from tests.files.forms import exif

SETTINGS = "dataset.yaml"
HIDDEN = 20
"""Rows of a mask that some variants ignore."""


def png(path, values, **options):
    Image.fromarray(values).save(path.with_suffix(".png"), **options)


def tif(path, values, **options):
    bands = np.atleast_3d(values).transpose(2, 0, 1)
    count, height, width = bands.shape
    profile = {"driver": "GTiff", "count": count, "height": height, "width": width, **options}
    with rasterio.open(path.with_suffix(".tif"), "w", dtype=bands.dtype, **profile) as target:
        target.write(bands)


def with_infrared(picture, bands=1):
    infrared = np.clip(picture[..., 1].astype(int) - 40, 0, 255).astype(np.uint8)
    return np.dstack([picture, *[infrared] * bands])


class Base:
    """The drawn dataset: pictures, masks in colors and in indices, settings."""

    def __init__(self, root):
        own = FolderDataset(root)
        self.palette = np.array(own.spec.palette, np.uint8)
        self.settings = yaml.safe_load((root / SETTINGS).read_text())
        self.pictures = {p.stem: np.asarray(Image.open(p)) for p in (root / "images").iterdir()}
        self.colors = {p.stem: np.asarray(Image.open(p)) for p in (root / "masks").iterdir()}
        self.indices = {stem: own.read_mask(root / f"masks/{stem}.png") for stem in self.colors}
        assert all(mask.max() < own.spec.num_classes for mask in self.indices.values())

    def write(self, root, variant):
        """A dataset in the form of a variant, beside what it was drawn as."""
        for kind in ("images", "masks"):
            (root / kind).mkdir(parents=True)
        for stem, picture in self.pictures.items():
            variant.get("image", png)(root / "images" / stem, picture)
            values = (self.indices if variant.get("indices") else self.colors)[stem]
            if "hide" in variant:
                values = values.astype(variant["hide"][0])
                values[:HIDDEN] = variant["hide"][1]
            variant.get("mask", png)(root / "masks" / stem, values)
        settings = dict(self.settings)
        if variant.get("indices"):
            del settings["ignore_colors"]
            settings |= {"masks": "index", "classes": list(settings["classes"])}
        settings |= variant.get("settings", lambda _: {})(settings)
        (root / SETTINGS).write_text(yaml.safe_dump(settings, sort_keys=False))

    def painted(self, path, values):
        image = Image.fromarray(values, "P")
        image.putpalette(self.palette.ravel().tolist())
        image.save(path.with_suffix(".png"))


@pytest.fixture(scope="module")
def base(folder_template):
    return Base(folder_template / "data/own")


def index(mask=png, **more):
    return {"indices": True, "mask": mask, **more}


SAME = {
    "png": {},
    "RGB TIFF": {"image": tif},
    "infrared as a fourth band": {"image": lambda p, x: tif(p, with_infrared(x))},
    "not RGB by its tag": {
        "image": lambda p, x: tif(p, x, photometric="minisblack", compress="deflate")
    },
    "ZSTD": {"image": lambda p, x: tif(p, x, compress="zstd")},
    "LERC": {"image": lambda p, x: tif(p, x, compress="lerc")},
    "five bands": {"image": lambda p, x: tif(p, with_infrared(x, 2), photometric="rgb")},
    "WEBP": {"image": lambda p, x: Image.fromarray(x).save(p.with_suffix(".webp"), lossless=True)},
    "colors with alpha": {"mask": lambda p, m: png(p, np.dstack([m, m[..., :1] // 2]))},
    "colors in a TIFF": {"mask": lambda p, m: tif(p, m, compress="lzw")},
    "indices": index(),
    "indices as floats": index(lambda p, m: tif(p, m.astype(np.float32))),
    "indices as int64": index(lambda p, m: tif(p, m.astype(np.int64))),
    "indices, ZSTD": index(lambda p, m: tif(p, m, compress="zstd")),
    "indices in three bands": index(lambda p, m: png(p, np.dstack([m] * 3))),
    "indices with alpha": index(lambda p, m: png(p, np.dstack([m, m + 100]))),
    "from one": index(lambda p, m: png(p, m + 1), settings=lambda _: {"first_label": 1}),
    "from one, 0 is no data": index(
        lambda p, m: tif(p, m + 1, nodata=0), settings=lambda _: {"first_label": 1}
    ),
}
HIDING = {
    "255": index(hide=(np.uint8, 255), settings=lambda _: {"ignore_values": [255]}),
    "-1": index(tif, hide=(np.int16, -1), settings=lambda _: {"ignore_values": [-1]}),
    "65535": index(tif, hide=(np.uint16, 65535), settings=lambda _: {"ignore_values": 65535}),
    "NaN": index(tif, hide=(np.float32, np.nan), settings=lambda _: {"ignore_values": [np.nan]}),
    "declared": index(lambda p, m: tif(p, m, nodata=-1), hide=(np.int16, -1)),
    "NaN, declared": index(lambda p, m: tif(p, m, nodata=np.nan), hide=(np.float32, np.nan)),
    "an ignored color": {"hide": (np.uint8, 0)},
}
REFUSED = {
    "turned": (
        {"image": lambda p, x: png(p, np.rot90(x, 2), exif=exif(3))},
        "its orientation tag is 3",
    ),
    "JPEG indices": (
        index(lambda p, m: Image.fromarray(m).save(p.with_suffix(".jpg"), quality=95)),
        "compressed with loss",
    ),
    "WEBP indices": (
        index(lambda p, m: Image.fromarray(np.dstack([m] * 3)).save(p.with_suffix(".webp"))),
        "compressed with loss",
    ),
    "resampled": (
        index(lambda p, m: tif(p, (m + np.roll(m, 5)).astype(np.float32) / 2)),
        "1.5",
    ),
    "from one, unsaid": (index(lambda p, m: png(p, m + 1)), "first_label=1"),
    "a class declared as no data": (index(lambda p, m: tif(p, m, nodata=2)), "the class 'LowVeg'"),
    "a name twice": (
        index(settings=lambda s: {"classes": [s["classes"][1], *s["classes"][1:]]}),
        "several classes are called 'Building'",
    ),
    "all ignored": (
        {"hide": (np.uint8, 0), "mask": lambda p, m: png(p, m * 0)},
        "is labeled, all are ignored",
    ),
}


def items(root):
    layout = FolderDataset(root)
    return [item for split in ("train", "val") for item in SegmentationDataset(layout, split)]


def same_items(root, expected):
    found = items(root)
    assert [item["name"] for item in found] == [item["name"] for item in expected]
    for one, two in zip(found, expected, strict=True):
        assert torch.equal(one["image"], two["image"])
        assert torch.equal(one["mask"], two["mask"])


@pytest.fixture(scope="module")
def drawn(base, tmp_path_factory):
    root = tmp_path_factory.mktemp("drawn") / "png"
    base.write(root, SAME["png"])
    return items(root)


@pytest.mark.parametrize("name", SAME)
def test_the_same_images_and_labels(base, drawn, tmp_path, name):
    base.write(tmp_path / "it", SAME[name])
    same_items(tmp_path / "it", drawn)


@pytest.mark.parametrize("of", ["color", "index"])
def test_palettes_are_colors_or_indices(base, drawn, tmp_path, of):
    variant = {"indices": True, "mask": base.painted}
    colors = {**base.settings, "masks": "color"}
    base.write(tmp_path / "it", variant | ({"settings": lambda _: colors} if of == "color" else {}))
    same_items(tmp_path / "it", drawn)


@pytest.mark.parametrize("name", HIDING)
def test_the_same_pixels_are_ignored(base, drawn, tmp_path, name):
    base.write(tmp_path / "it", HIDING[name])
    expected = [{**item, "mask": item["mask"].clone()} for item in drawn]
    for item in expected:
        item["mask"][:HIDDEN] = len(base.palette)
    same_items(tmp_path / "it", expected)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_right_is_refused(base, tmp_path, folder_template, name):
    variant, word = REFUSED[name]
    shutil.copy(folder_template / "bicor.py", tmp_path)
    base.write(tmp_path / "data/own", variant)
    for script in ("train.py", "tools/check_data.py"):
        result = run_here(tmp_path, script, "-c", "bicor.py")
        assert result.status == 1, script
        assert word in result.error
        assert "Traceback" not in result.error
    assert not (tmp_path / "model_weights").exists()


def scores(root, folder, *overrides):
    """Confusion matrix of a test on another folder with the network trained on data/own."""
    result = run_here(
        root, "test.py", "-c", "bicor.py", "-o", f"out_{folder.name}", f"dataset.root={folder}",
        "dataset.name=own", *overrides,
    )  # fmt: skip
    if result.status:
        raise UserError(result.error)
    return json.loads((root / f"out_{folder.name}/results.json").read_text())["scores"][0][
        "confusion"
    ]


def test_scores_are_the_same_too_and_another_order_is_refused(base, trained, tmp_path):
    root = tmp_path / "work"
    shutil.copytree(trained[0], root)
    names = {"a": "png", "b": "infrared as a fourth band", "c": "from one, 0 is no data"}
    for folder, name in names.items():
        base.write(tmp_path / folder, SAME[name])
    expected = scores(root, tmp_path / "a")
    assert sum(map(sum, expected)) > 0
    assert scores(root, tmp_path / "b") == expected
    assert scores(root, tmp_path / "c") == expected
    turned = {"settings": lambda s: {"classes": dict(reversed(s["classes"].items()))}}
    base.write(tmp_path / "turned", turned)
    with pytest.raises(UserError, match=r"class 0='ImSurf' .config: 'Clutter'"):
        scores(root, tmp_path / "turned")
