"""Drawn images of any type and number of bands, and a config for them."""

import numpy as np
import rasterio

from network.files.images import write_image

SIDE = 64
TYPES = ("uint8", "uint16", "int16", "float32")
RANGES = {"uint8": (0, 255), "uint16": (300, 9000), "int16": (-2000, 7000), "float32": (-0.2, 1.4)}

CONFIG = """
from functools import partial
from network.datasets.folder import FolderDataset
from network.datasets.transforms import TrainTransform
from network.models import BiCoR

dataset = partial(FolderDataset, root="data/own")
net = partial(BiCoR, backbone="test_convnext", embed_dim=16, num_hbis=1)
transform = partial(TrainTransform, crop_size=32, brightness=0.1, contrast=0.2)
max_epoch = 1
train_batch_size = 2
repeat = 4
lr = 0.01
lookahead_k = 0
num_workers = 0
sample_images = 1
"""


def scene(dtype, bands, seed, side=SIDE):
    """Values [bands, side, side] around two levels by the mask [side, side], over a wide range."""
    rng = np.random.default_rng(seed)
    low, high = RANGES[dtype]
    mask = np.zeros((side, side), np.uint8)
    mask[:, rng.integers(20, 44) :] = 1
    share = 0.3 + 0.4 * mask * np.linspace(-1, 1, bands)[:, None, None] if bands > 1 else mask * 0.5
    share = share + 0.1 * rng.standard_normal((bands, side, side)) + 0.2
    values = (low + share * (high - low)).clip(low, high)
    return values.astype(dtype), mask


def write_tif(path, values, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = values.shape
    profile = {"driver": "GTiff", "count": count, "height": height, "width": width}
    profile |= {"dtype": values.dtype, "compress": "deflate", "photometric": "minisblack"}
    with rasterio.open(path, "w", **profile | options) as target:
        target.write(values)


def write_own(root, dtype, bands, settings="", **options):
    """Two training images and one held out in ``data/own``, with a config."""
    folder = root / "data/own"
    for seed, name in enumerate(("a", "b", "c_val")):
        values, mask = scene(dtype, bands, seed)
        write_tif(folder / f"images/{name}.tif", values, **options)
        write_image(folder / f"masks/{name}.png", mask)
    lines = ["classes: [one, two]  # in order", "masks: index", "val: '*_val'"]
    (folder / "dataset.yaml").write_text("\n".join([*lines, settings, ""]))
    (root / "own.py").write_text(CONFIG)
    return folder
