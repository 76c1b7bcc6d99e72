"""Training samples per second and worker, against resizing whole patches with Pillow."""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from benchmarks.measuring import Row, compare
from network.datasets.catalog import VAIHINGEN
from network.datasets.dataset import SegmentationDataset
from network.datasets.isprs import VaihingenDataset
from network.datasets.layout import Sample
from network.datasets.transforms import TrainTransform
from network.files.images import write_image
from network.preparation.demo_scenes import draw_scene

PATCHES, SIDE, CROP, SAMPLES = 8, 1024, 512, 64
SCALES = (0.75, 1.0, 1.25, 1.5)
MOSAIC = 0.25
MAX_CLASS_SHARE = 0.75


def run() -> list[Row]:
    """Patches of 1024 pixels to crops of 512, one process without threads."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(0)
    try:
        with tempfile.TemporaryDirectory() as folder:
            write_patches(Path(folder))
            layout = VaihingenDataset(folder)
            ours = SegmentationDataset(layout, "train", TrainTransform(VAIHINGEN.ignore_index))
            samples = ours.samples
            found = compare(
                {
                    "ours": lambda: [ours[i % len(samples), i] for i in range(SAMPLES)],
                    "Pillow, resize then crop": lambda: [
                        resize_then_crop(samples, i) for i in range(SAMPLES)
                    ],
                },
                rounds=5,
                warmup=1,
            )
    finally:
        cv2.setNumThreads(threads)
    rows = [Row(name, SAMPLES / measured.seconds, "samples/s") for name, measured in found.items()]
    return [*rows, Row("ours / Pillow", rows[0].value / rows[1].value, "x", "at least 4")]


def write_patches(root: Path) -> None:
    """Drawn patches with masks of indices, as the patch splitters write them."""
    for number in range(PATCHES):
        image, mask = draw_scene(SIDE, SIDE, number)
        for tile in ("1", "30") if number == 0 else ("1",):
            name = f"top_mosaic_09cm_area{tile}_0_{number}"
            write_image(root / f"train/images_{SIDE}/{name}.tif", image)
            write_image(root / f"train/masks_{SIDE}/{name}.png", mask)


def resize_then_crop(samples: list[Sample], index: int) -> tuple[np.ndarray, np.ndarray]:
    """The same augmentation in the usual order: the whole patch is resized, then cut."""
    rng = np.random.default_rng(index)
    if rng.random() >= MOSAIC:
        image, mask = _crop(samples[index % len(samples)], CROP, CROP, rng)
    else:
        row, col = (int(v) for v in rng.integers(CROP // 4, CROP - CROP // 4 + 1, size=2))
        rows = [
            [_crop(samples[rng.integers(len(samples))], height, width, rng) for width in widths]
            for height, widths in ((row, (col, CROP - col)), (CROP - row, (col, CROP - col)))
        ]
        image, mask = (
            np.vstack([np.hstack([part[i] for part in parts]) for parts in rows]) for i in (0, 1)
        )
    for axis in (0, 1):
        if rng.random() < 0.5:
            image, mask = np.flip(image, axis), np.flip(mask, axis)
    turns = int(rng.integers(4))
    return tuple(np.ascontiguousarray(np.rot90(part, turns)) for part in (image, mask))


def _crop(
    sample: Sample, height: int, width: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    image, mask = Image.open(sample.image).convert("RGB"), Image.open(sample.mask)
    scale = float(rng.choice(SCALES))
    size = (round(image.width * scale), round(image.height * scale))
    image = np.asarray(image.resize(size, Image.Resampling.BILINEAR))
    mask = np.asarray(mask.resize(size, Image.Resampling.NEAREST))
    for _ in range(11):
        top = rng.integers(mask.shape[0] - height + 1)
        left = rng.integers(mask.shape[1] - width + 1)
        cut = np.s_[top : top + height, left : left + width]
        pixels = np.bincount(mask[cut].ravel(), minlength=7)[:6]
        if pixels.max() <= MAX_CLASS_SHARE * max(1, pixels.sum()):
            break
    return image[cut], mask[cut]
