"""Prepared datasets of tiny images in the layouts of the published ones."""

from dataclasses import dataclass
from zlib import crc32

import cv2
import numpy as np

from network.datasets.catalog import LOVEDA, POTSDAM, VAIHINGEN, DatasetSpec
from tests.conftest import REPOSITORY

SMALL = ("net.backbone=test_convnext", "net.pretrained=False", "net.embed_dim=32", "num_workers=0")


@dataclass
class Layout:
    """A prepared dataset of tiny images: where a training image and its mask lie, what to run."""

    spec: DatasetSpec
    script: str
    image: str
    mask: str
    test_image: str

    @property
    def arguments(self):
        config = REPOSITORY / f"config/{self.spec.name}/bicor.py"
        sizes = () if self.spec.name == "loveda" else ("dataset.patch_size=64",)
        return "-c", config, *SMALL, *sizes


LAYOUTS = {
    "vaihingen": Layout(
        VAIHINGEN,
        "test_vaihingen.py",
        "vaihingen/train/images_64/top_mosaic_09cm_area1_0_0.tif",
        "vaihingen/train/masks_64/top_mosaic_09cm_area1_0_0.png",
        "vaihingen/test/images_64/top_mosaic_09cm_area2_0_0.tif",
    ),
    "potsdam": Layout(
        POTSDAM,
        "test_potsdam.py",
        "potsdam/train/images_64/top_potsdam_2_11_0_0.tif",
        "potsdam/train/masks_64/top_potsdam_2_11_0_0.png",
        "potsdam/test/images_64/top_potsdam_2_13_0_0.tif",
    ),
    "loveda": Layout(
        LOVEDA,
        "test_loveda.py",
        "LoveDA/Train/Rural/images_png/0.png",
        "LoveDA/Train/Rural/masks_png_convert/0.png",
        "LoveDA/Test/Rural/images_png/4191.png",
    ),
}
HELD_OUT = {
    "vaihingen": "vaihingen/train/images_64/top_mosaic_09cm_area30_0_0.tif",
    "potsdam": "potsdam/train/images_64/top_potsdam_2_10_0_0.tif",
    "loveda": "LoveDA/Val/Rural/images_png/2522.png",
}
URBAN_MASK = "LoveDA/Train/Urban/masks_png_convert/1.png"
URBAN = ("Train/Urban/images_png/1", "Val/Urban/images_png/2523", "Test/Urban/images_png/4192")


def write_pair(data, image, spec, eroded=False):
    """An image with a mask of every class in columns; eroded: with boundaries between them."""
    rng = np.random.default_rng(crc32(image.encode()))
    path = data / image
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), rng.integers(0, 255, (64, 64, 3), np.uint8))
    mask = np.repeat(np.arange(64) * spec.num_classes // 64, 64).reshape(64, 64).T.astype(np.uint8)
    if eroded:
        mask[:, 20:24] = spec.ignore_index
    if "images_png" in image:
        folder = path.parent.with_name("masks_png_convert")
    else:
        folder = path.parent.with_name("masks_64")
    folder.mkdir(exist_ok=True)
    cv2.imwrite(str(folder / f"{path.stem}.png"), mask)


def write_layouts(root):
    """Each dataset with one training, one held-out and one test image (LoveDA: of each domain)."""
    for name, layout in LAYOUTS.items():
        for image in (layout.image, HELD_OUT[name]):
            write_pair(root / "data", image, layout.spec)
        write_pair(root / "data", layout.test_image, layout.spec, eroded=True)
    for image in URBAN:
        write_pair(root / "data", f"LoveDA/{image}.png", LOVEDA)
