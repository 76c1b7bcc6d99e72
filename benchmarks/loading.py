"""Training samples per second and process: from files, prepared copies and whole tiles."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from benchmarks import torchgeo_samples
from benchmarks.measuring import Row, compare
from network.datasets import disk_cache
from network.datasets.catalog import LOVEDA, POTSDAM, VAIHINGEN
from network.datasets.colors import decode_colors
from network.datasets.dataset import SegmentationDataset
from network.datasets.folder import FolderDataset
from network.datasets.isprs import PotsdamDataset
from network.datasets.isprs_tiles import pair_tiles
from network.datasets.layout import DatasetLayout
from network.datasets.loveda import LoveDADataset
from network.datasets.transforms import TrainTransform
from network.files.images import write_image
from network.preparation.demo_scenes import draw_scene
from network.preparation.patches import PatchSplit, split_tiles

IMAGES, SAMPLES, GRAIN = 6, 32, 2.0
LOVEDA_SIDE, OWN_SIDE = 1024, 2000
TILES, TILE_SIDE = ("2_10", "2_11"), 6000
CLASSES = tuple(VAIHINGEN.classes)


def run() -> list[Row]:
    """Crops of 512, one process without threads."""
    threads, most_open = cv2.getNumThreads(), disk_cache.MOST_OPEN
    cv2.setNumThreads(0)
    try:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            tiles = _tiles(root / "potsdam")
            disk_cache.MOST_OPEN = 1  # as of thousands of files, which do not stay open
            own = [row for kind in ("png", "jpg") for row in _own(root / kind, f".{kind}")]
            return [*_loveda(root / "loveda"), *own, *tiles]
    finally:
        cv2.setNumThreads(threads)
        disk_cache.MOST_OPEN = most_open


def _loveda(root: Path) -> list[Row]:
    for number in range(IMAGES):
        image, mask = _grainy(LOVEDA_SIDE, number)
        for split, first in (("Train", 0), ("Val", 2522)):
            for domain in ("Rural", "Urban"):
                folder = root / split / domain
                name = f"{first + 2 * number + (domain == 'Urban')}.png"
                cv2.imwrite(str(_made(folder / "images_png") / name), image[..., ::-1])
                cv2.imwrite(str(_made(folder / "masks_png_convert") / name), mask)
                cv2.imwrite(str(_made(folder / "masks_png") / name), mask + 1)
    title = f"LoveDA, PNG of {LOVEDA_SIDE}"
    others = {}
    if torchgeo_samples.INSTALLED:
        others["torchgeo, crops alone"] = torchgeo_samples.of_loveda(root, SAMPLES)
    return _rows(title, lambda cache: LoveDADataset(root, cache=cache), others)


def _own(root: Path, suffix: str) -> list[Row]:
    for number in range(IMAGES):
        image, mask = _grainy(OWN_SIDE, number)
        write_image(root / f"images/scene_{number}{suffix}", image)
        write_image(root / f"masks/scene_{number}.png", mask)

    def layout(cache: bool | str) -> DatasetLayout:
        return FolderDataset(root, CLASSES, masks="index", val="scene_0", cache=cache)

    return _rows(f"own folder, {suffix[1:].upper()} of {OWN_SIDE}", layout)


def _tiles(root: Path) -> list[Row]:
    """A tile of Potsdam's size, as it is published and cut into patches by the splitter."""
    for number, tile in enumerate(TILES):
        scenes = [_grainy(TILE_SIDE // 6, 4 * number + part) for part in range(2)]
        image, mask = (
            np.tile(np.hstack([scene[kind] for scene in scenes]), (6, 3) + (1,) * (1 - kind))
            for kind in (0, 1)
        )
        stem = f"top_potsdam_{tile}"
        write_image(root / f"train_images/{stem}_RGB.tif", image)
        write_image(root / f"train_masks/{stem}_label.tif", decode_colors(mask, POTSDAM))
        if torchgeo_samples.INSTALLED:
            torchgeo_samples.write_tile(root / "placed", number, image, mask)
    tiles = pair_tiles(
        PotsdamDataset.FILES, root / "train_images", root / "train_masks", image_suffix="_RGB"
    )
    folders = (root / f"train/{kind}_1024" for kind in ("images", "masks"))
    split_tiles(tiles, PatchSplit(POTSDAM, *folders), processes=1)
    sources = {
        "from patches": PotsdamDataset(root),
        'from patches, cache="disk"': PotsdamDataset(root, cache="disk"),
        "from tiles": PotsdamDataset(root, source="tiles"),
    }
    calls = {name: _drawing(layout) for name, layout in sources.items()}
    if torchgeo_samples.INSTALLED:
        calls["torchgeo, windows alone"] = torchgeo_samples.of_tiles(root / "placed", SAMPLES)
    speed = {
        f"Potsdam, {name}": SAMPLES / measured.seconds
        for name, measured in compare(calls, 5, 1).items()
    }
    patches, copies, whole, *_ = speed.values()
    return [
        *(Row(name, value, "samples/s") for name, value in speed.items()),
        Row("Potsdam: tiles / patches", whole / patches, "x", "at least 0.8"),
        Row('Potsdam: tiles / patches, cache="disk"', whole / copies, "x", "at least 0.8"),
    ]


def _rows(
    title: str,
    layout: Callable[[bool | str], DatasetLayout],
    others: dict[str, Callable[[], object]] | None = None,
) -> list[Row]:
    variants = {"as they are": False, 'cache="disk"': "disk"}
    calls = {name: _drawing(layout(cache)) for name, cache in variants.items()} | (others or {})
    speed = [SAMPLES / measured.seconds for measured in compare(calls, 3, 1).values()]
    rows = [
        Row(f"{title}, {name}", value, "samples/s", "at least 100" if "disk" in name else "")
        for name, value in zip(calls, speed, strict=True)
    ]
    return [*rows, Row(f"{title}: disk / as they are", speed[1] / speed[0], "x", "at least 8")]


def _drawing(layout: DatasetLayout) -> Callable[[], object]:
    data = SegmentationDataset(layout, "train", TrainTransform(layout.spec.ignore_index))
    return lambda: [data[i % len(data), i] for i in range(SAMPLES)]


def _grainy(side: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """A drawn scene with a camera's noise, so that a PNG of it is as large as LoveDA's."""
    image, mask = draw_scene(side, side, number)
    noise = np.random.default_rng(number).normal(0, GRAIN, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8), np.minimum(mask, LOVEDA.num_classes - 1)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
