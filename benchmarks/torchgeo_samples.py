"""The same crops by torchgeo, where it is installed; it is no requirement."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

SIDE = 512
INSTALLED = find_spec("torchgeo") is not None
_GROUND = from_origin(360_000, 5_810_000, 0.05, 0.05)


def of_loveda(root: Path, count: int) -> Callable[[], object]:
    """Images and masks of ``torchgeo.datasets.LoveDA``, each cut once at random."""
    from torchgeo.datasets import LoveDA
    from torchvision.transforms.v2 import RandomCrop

    data = LoveDA(str(root), "train")
    crop = RandomCrop(SIDE)

    def cut(sample: dict) -> object:
        return crop(sample["image"], sample["mask"][None])

    return lambda: [cut(data[index % len(data)]) for index in range(count)]


def write_tile(root: Path, number: int, image: np.ndarray, mask: np.ndarray) -> None:
    """Write a tile as Potsdam's are stored, with the place on the ground that torchgeo needs.

    Args:
        root: folder of all tiles.
        number: of the tile; one lies beside the other.
        image: uint8 [H, W, 3].
        mask: class indices uint8 [H, W].
    """
    _write(root / "images" / f"{number}.tif", image.transpose(2, 0, 1), number)
    _write(root / "masks" / f"{number}.tif", mask[None], number)


def of_tiles(root: Path, count: int) -> Callable[[], object]:
    """Windows of a ``RasterDataset`` of images and one of masks, by ``RandomGeoSampler``."""
    from torchgeo.datasets import RasterDataset
    from torchgeo.samplers import RandomGeoSampler

    class Masks(RasterDataset):
        is_image = False

    data = RasterDataset(root / "images") & Masks(root / "masks")
    windows = RandomGeoSampler(data, SIDE, count)
    return lambda: [data[window] for window in windows]


def _write(path: Path, bands: np.ndarray, number: int) -> None:
    count, height, width = bands.shape
    path.parent.mkdir(parents=True, exist_ok=True)
    place = _GROUND * _GROUND.translation(number * width, 0)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=count,
        height=height,
        width=width,
        dtype=bands.dtype,
        interleave="pixel",
        crs="EPSG:32633",
        transform=place,
    ) as file:
        file.write(bands)
