"""``dataset.source="tiles"``: large images of one's own without patches."""

import json

import numpy as np
import pytest

from network.datasets.dataset import SegmentationDataset
from network.datasets.folder import FolderDataset
from network.datasets.layout import DISK
from network.datasets.transforms import TrainTransform
from network.errors import ConfigError
from network.files.images import write_image
from tests.conftest import succeed_here

HEIGHT, WIDTH = 150, 200
SIZES = {"east": (HEIGHT, WIDTH), "north": (64, 64), "west": (100, 70)}

CONFIG = """
from functools import partial
from network.datasets.folder import FolderDataset
from network.datasets.transforms import TrainTransform
from network.models import BiCoR

dataset = partial(FolderDataset, "town", ["low", "high"], masks="index", val="west", source="tiles",
                  patch_size=64)
net = partial(BiCoR, backbone="test_resnet", pretrained=False, embed_dim=16)
transform = partial(TrainTransform, crop_size=32)
train_batch_size = val_batch_size = 2
max_epoch = 1
accelerator = "cpu"
num_workers = 0
"""


@pytest.fixture
def town(tmp_path):
    rng = np.random.default_rng(0)
    for name, size in SIZES.items():
        image = rng.integers(0, 255, (*size, 3), np.uint8)
        write_image(tmp_path / f"town/images/{name}.png", image)
        write_image(tmp_path / f"town/masks/{name}.png", (image[..., 0] > 127).astype(np.uint8))
    return tmp_path / "town"


def layout(root, **options):
    facts = {"masks": "index", "val": "west", "source": "tiles", "patch_size": 64}
    return FolderDataset(root, ["low", "high"], **facts | options)


def test_a_large_image_is_drawn_from_as_often_as_it_would_have_patches(town):
    data = SegmentationDataset(layout(town), "train", TrainTransform(2, crop_size=32))
    names = [data.item(index).name for index in range(len(data))]
    assert names == ["east"] * 3 * 4 + ["north"]  # rows at 0, 64, 128; columns at 0, ..., 192
    assert data[3, 5]["image"].shape == (3, 32, 32)
    assert len(SegmentationDataset(layout(town, source="patches"), "train", training=True)) == 2


def test_validation_counts_every_pixel_of_a_held_out_image_once(town):
    data = SegmentationDataset(layout(town), "val", training=True)
    assert [data.item(index).name for index in range(len(data))] == [
        *("west_0_0", "west_0_1", "west_1_0", "west_1_1")
    ]
    masks = [data[index]["mask"].numpy() for index in range(len(data))]
    assert {mask.shape for mask in masks} == {(64, 64)}
    counted = np.concatenate([mask[mask != 2] for mask in masks])
    assert len(counted) == 100 * 70
    whole = SegmentationDataset(layout(town), "test")
    assert whole[0]["image"].shape == (3, 100, 70)
    assert (counted == 1).sum() == (whole[0]["mask"] == 1).sum()


def test_copies_are_the_default_of_tiles_alone(town):
    assert layout(town).cache == DISK
    assert layout(town, cache=True).cache is True
    assert layout(town, source="patches").cache is False
    with pytest.raises(ConfigError, match="source='scenes'"):
        layout(town, source="scenes")


def test_two_commands_from_large_images_to_scores_that_say_so(town):
    work = town.parent
    (work / "town.py").write_text(CONFIG)
    said = succeed_here(work, "train.py", "-c", "town.py", "class_weights=auto")
    assert "2 images and 2 masks to town/.prepared" in said.out
    succeed_here(work, "test.py", "-c", "town.py", "-o", "out", "class_weights=auto")
    results = json.loads((work / "out/results.json").read_text())
    assert results["splits"]["rule"] == {
        **{"source": "tiles", "patch_size": 64, "val": ["west"], "test": ["west"]}
    }
    assert results["images"] == 1
