"""Splitting a tile of Potsdam's size against its codecs alone; reading colors both ways."""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2
import numpy as np

from benchmarks.measuring import Row, compare, megabytes
from network.datasets.catalog import POTSDAM
from network.datasets.colors import decode_colors, encode_colors
from network.datasets.layout import Sample
from network.datasets.windows import windows
from network.files.images import read_rgb, write_image
from network.preparation.demo_scenes import draw_scene
from network.preparation.patches import PatchSplit

SIDE, PATCH, SCENE = 6000, 1024, 1000


def run() -> list[Row]:
    """One tile of 6000x6000 to patches of 1024, one process without threads."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(0)
    try:
        with tempfile.TemporaryDirectory() as folder:
            found = _compare(Path(folder))
    finally:
        cv2.setNumThreads(threads)
    seconds = {name: measured.seconds for name, measured in found.items()}
    return [
        *(Row(name, value, "s") for name, value in seconds.items()),
        Row("split, added memory", megabytes(found["split"].added), "MB"),
        Row("split / codecs alone", seconds["split"] / seconds["codecs alone"], "x", "at most 1.3"),
        Row(
            "one comparison per color / table",
            seconds["colors, one comparison each"] / seconds["colors, by table"],
            "x",
        ),
    ]


def _compare(folder: Path) -> dict:
    tile = _draw_tile(folder)
    how = PatchSplit(POTSDAM, folder / "images", folder / "masks", PATCH, PATCH)
    image, colors = read_rgb(tile.image), read_rgb(tile.mask)
    mask = encode_colors(colors, POTSDAM)

    def codecs() -> None:
        cv2.imread(str(tile.image))
        cv2.imread(str(tile.mask))
        for window in windows(SIDE, SIDE, PATCH, PATCH):
            # Whole patches everywhere, as the splitter pads them.
            top, left = min(window.top, SIDE - PATCH), min(window.left, SIDE - PATCH)
            cut = np.s_[top : top + PATCH, left : left + PATCH]
            name = f"{window.row}_{window.col}"
            write_image(folder / f"codecs/images/{name}.tif", image[cut])
            write_image(folder / f"codecs/masks/{name}.png", mask[cut])

    return compare(
        {
            "split": lambda: how.split(tile),
            "codecs alone": codecs,
            "colors, by table": lambda: encode_colors(colors, POTSDAM),
            "colors, one comparison each": lambda: _by_comparison(colors),
        },
        rounds=5,
        warmup=1,
    )


def _draw_tile(folder: Path) -> Sample:
    """A tile of drawn scenes side by side."""
    scenes = [draw_scene(SCENE, SCENE, seed) for seed in range(4)]
    count = SIDE // SCENE
    image, mask = (
        np.vstack(
            [
                np.hstack([scenes[(row + col) % 4][part] for col in range(count)])
                for row in range(count)
            ]
        )
        for part in (0, 1)
    )
    sample = Sample("top_potsdam_2_10", folder / "tile_RGB.tif", folder / "tile_label.tif")
    write_image(sample.image, image)
    write_image(sample.mask, decode_colors(mask, POTSDAM))
    return sample


def _by_comparison(colors: np.ndarray) -> np.ndarray:
    mask = np.full(colors.shape[:2], POTSDAM.ignore_index, np.uint8)
    for index, color in enumerate(POTSDAM.palette):
        mask[np.all(colors == color, axis=-1)] = index
    return mask
