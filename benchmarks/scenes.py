"""Whole scenes: time and peak memory of ``predict.py`` against their size."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import rasterio
import torch
from rasterio.windows import Window

from benchmarks.measuring import Alone, Row, run_alone

SIDES = (5000, 10000, 20000)
BLOCK = 1000
CONFIG = """
from functools import partial

from torch import nn

from network.datasets.folder import FolderDataset


class PerPixel(nn.Module):
    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.weigh = nn.Conv2d(3, num_classes, 1)

    def forward(self, image):
        return self.weigh(image)


CLASSES = {name: [index, 0, 0] for index, name in enumerate("abcdef")}
dataset = partial(FolderDataset, root=".", classes=CLASSES, val="*")
net = partial(PerPixel)
"""


def run() -> list[Row]:
    """A network of one 1x1 convolution, so that what is measured is all but the network."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config.py").write_text(CONFIG)
        layer = torch.nn.Conv2d(3, 6, 1)
        stored = {f"net.weigh.{key}": value for key, value in layer.state_dict().items()}
        torch.save({"state_dict": stored}, folder / "net.ckpt")
        found = {side: _predicted(folder, side) for side in SIDES}
    first = SIDES[0]
    rows = []
    for side in SIDES:
        rows.append(Row(f"{side}x{side}", found[side].seconds, "s"))
        rows.append(Row(f"{side}x{side}, peak memory", found[side].peak / 1e6, "MB"))
    for side in SIDES[1:]:
        pixels = (side / first) ** 2
        memory = found[side].peak / found[first].peak
        time = found[side].seconds / found[first].seconds / pixels
        rows.append(
            Row(f"{side}x{side} / {first}x{first}, peak memory", memory, "x", "at most 1.2")
        )
        rows.append(Row(f"{side}x{side} / {first}x{first}, time per pixel", time, "x"))
    return rows


def _predicted(folder: Path, side: int) -> Alone:
    path = folder / f"scene_{side}.tif"
    block = np.random.default_rng(0).integers(0, 256, (3, BLOCK, BLOCK), dtype=np.uint8)
    block //= 32
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=side,
        width=side,
        count=3,
        dtype="uint8",
        crs="EPSG:32632",
        transform=rasterio.transform.from_origin(500000, 5400000, 0.1, 0.1),
        tiled=True,
        compress="deflate",
    ) as target:
        for top in range(0, side, BLOCK):
            for left in range(0, side, BLOCK):
                target.write(block, window=Window(left, top, BLOCK, BLOCK))
    arguments = ("-c", "config.py", "--ckpt", "net.ckpt", "-o", "out", path.name)
    measured = run_alone(folder, "predict.py", *arguments)
    path.unlink()
    return measured
