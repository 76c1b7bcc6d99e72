"""``dataset.source="tiles"``: ISPRS without patches."""

import json

import cv2
import numpy as np
import pytest
import torch

from network.datasets.colors import decode_colors
from network.datasets.datamodule import SegmentationDataModule
from network.datasets.dataset import SegmentationDataset
from network.datasets.isprs import PotsdamDataset, VaihingenDataset
from network.datasets.layout import DISK
from network.datasets.transforms import TrainTransform
from network.errors import ConfigError, DataError, MissingDataError
from network.files.images import write_image
from tests.conftest import REPOSITORY, succeed_here
from tests.layouts import SMALL

HEIGHT, WIDTH = 112, 144
NAME = "top_mosaic_09cm_area"


def write_tile(root, split, stem, mask_stem, seed, unlisted=0, eroded=None):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    mask = np.repeat(np.repeat(rng.integers(0, 6, (14, 18), np.uint8), 8, 0), 8, 1)
    spec = VaihingenDataset.SPEC
    colors = decode_colors(mask, spec)
    colors[0, :unlisted] = (1, 2, 3)
    write_image(root / f"{split}_images/{stem}.tif", image)
    write_image(root / f"{split}_masks/{mask_stem}.tif", colors)
    if eroded:
        colors[:, 10:20] = 0
        write_image(root / f"{split}_masks_eroded/{eroded}.tif", colors)


@pytest.fixture
def vaihingen(tmp_path):
    """Tiles 1, 3 and 30 (held out) of the training area, 2 of the test area."""
    root = tmp_path / "data/vaihingen"
    for seed, tile in enumerate((1, 3, 30)):
        write_tile(root, "train", f"{NAME}{tile}", f"{NAME}{tile}", seed)
    write_tile(root, "test", f"{NAME}2", f"{NAME}2", 9, eroded=f"{NAME}2_noBoundary")
    return root


def of_tiles(root, **options):
    return VaihingenDataset(root, patch_size=64, source="tiles", **options)


SPLIT = ("--output-img-dir", "data/vaihingen/{0}/images_64", "--output-mask-dir")
SPLIT += ("data/vaihingen/{0}/masks_64", "--split-size", 64, "--mode")


def cut(root, split, mode, stride):
    arguments = [str(a).format(split) for a in (*SPLIT, mode, "--stride", stride)]
    where = [f"data/vaihingen/{split}_{kind}" for kind in ("images", "masks")]
    work = root.parents[1]
    succeed_here(
        work,
        "tools/vaihingen_patch_split.py",
        *("--img-dir", where[0], "--mask-dir", where[1], *arguments),
    )


def test_an_epoch_has_as_many_steps_as_with_patches_and_windows_lie_anywhere(vaihingen):
    tiles = of_tiles(vaihingen)
    cut(vaihingen, "train", "train", 32)
    patches = SegmentationDataset(
        VaihingenDataset(vaihingen, patch_size=64), "train", training=True
    )
    # Rows at 0, 32, 64 and columns at 0, 32, 64, 96, of two tiles.
    assert len(SegmentationDataset(tiles, "train", training=True)) == len(patches) == 2 * 3 * 4
    image = cv2.imread(str(vaihingen / f"train_images/{NAME}1.tif"))[..., ::-1]
    transform = TrainTransform(6, 16, scales=[1.0], mosaic=0, max_class_share=1.0)
    transform.augment = lambda image, mask: {"image": image, "mask": mask}
    transform.augment.__dict__["set_random_seed"] = lambda seed: None
    data = SegmentationDataset(tiles, "train", transform)
    places = set()
    for seed in range(60):
        crop = data[0, seed]["image"].permute(1, 2, 0).numpy()
        found = cv2.matchTemplate(image, crop, cv2.TM_SQDIFF)
        assert found.min() < 1000  # of rounding; elsewhere it is above a million
        places.add(divmod(int(found.argmin()), found.shape[1]))
    rows, columns = (set(values) for values in zip(*places, strict=True))
    assert min(rows) < 16 < 80 < max(rows) <= HEIGHT - 16
    assert min(columns) < 16 < 112 < max(columns) <= WIDTH - 16


def test_potsdam_has_as_many_draws_as_its_patches_without_overlap(tmp_path):
    for seed, tile in enumerate(("2_11", "7_10", "2_10")):
        write_tile(tmp_path, "train", f"top_potsdam_{tile}_RGB", f"top_potsdam_{tile}_label", seed)
    tiles = PotsdamDataset(tmp_path, patch_size=64, source="tiles")
    assert [sample.name for sample in tiles.samples("train")] == ["top_potsdam_2_11"]
    assert [tiles.tile(sample) for sample in tiles.samples("val")] == ["2_10"]
    assert len(SegmentationDataset(tiles, "train", training=True)) == 2 * 3
    write_tile(tmp_path, "train", "top_potsdam_2_11_IRRG", "top_potsdam_2_11_label", 0)
    with pytest.raises(DataError, match=r"\*_RGB and \*_IRRG images"):
        tiles.samples("train")


def test_validation_sees_the_held_out_tile_as_patches_that_do_not_overlap(vaihingen):
    cut(vaihingen, "train", "val", 64)
    patches = VaihingenDataset(vaihingen, patch_size=64)
    both = []
    for layout in (patches, of_tiles(vaihingen), of_tiles(vaihingen, cache=False)):
        data = SegmentationDataModule(layout, val_batch_size=2, num_workers=0)
        data.setup("fit")
        data.check_batches()
        both.append(list(data.val_dataloader()))
    assert sum(len(batch["name"]) for batch in both[0]) == 2 * 3
    for expected, *others in zip(*both, strict=True):
        for batch in others:
            assert batch["name"] == expected["name"]
            for key in ("image", "mask"):
                assert torch.equal(batch[key], expected[key])


def test_copies_are_the_default_and_hold_masks_alone(vaihingen):
    layout = of_tiles(vaihingen)
    assert layout.cache == DISK
    assert VaihingenDataset(vaihingen).cache is False
    SegmentationDataset(layout, "train", training=True)
    (folder,) = (path for path in (vaihingen / ".prepared").iterdir() if path.is_dir())
    assert folder.name.startswith("masks-")  # the images are uncompressed
    assert len([*folder.glob("*.npy")]) == 2


def test_colors_that_are_not_listed_are_ignored_and_refused_above_one_percent(vaihingen):
    pixels = HEIGHT * WIDTH
    few = pixels // 100
    assert few > WIDTH  # one row is below a percent
    write_tile(vaihingen, "train", f"{NAME}1", f"{NAME}1", 0, unlisted=20)
    mask = SegmentationDataset(of_tiles(vaihingen), "train", training=True).read(0).mask
    assert (mask[0, :20] == 6).all()
    assert (mask != 6).sum() == pixels - 20
    path = vaihingen / f"train_masks/{NAME}1.tif"
    colors = cv2.imread(str(path))
    colors[:2] = (1, 2, 3)
    write_image(path, colors[..., ::-1])
    with pytest.raises(DataError, match=f"{NAME}1.tif: 1.8% of its pixels have colors"):
        SegmentationDataset(of_tiles(vaihingen), "train", training=True)


def test_what_cannot_be_is_refused(vaihingen, tmp_path):
    with pytest.raises(ConfigError, match="source='tile'"):
        VaihingenDataset(vaihingen, source="tile")
    with pytest.raises(MissingDataError, match=r"train_images and .*train_masks"):
        of_tiles(tmp_path).samples("train")
    write_tile(vaihingen, "train", f"{NAME}2", f"{NAME}2", 0)
    with pytest.raises(DataError, match="2 are no train tiles"):
        of_tiles(vaihingen).samples("train")


def test_two_commands_from_tiles_to_scores_that_say_so(vaihingen):
    work = vaihingen.parents[1]
    tiles = ("-c", REPOSITORY / "config/vaihingen/bicor.py", *SMALL, "dataset.source=tiles")
    tiles += ("dataset.patch_size=64",)
    step = ("transform.crop_size=32", "max_epoch=1", "class_weights=auto")
    said = succeed_here(work, "train.py", *tiles, *step)
    assert "0 images and 2 masks to data/vaihingen/.prepared" in said.out
    assert (work / "model_weights/vaihingen/bicor/samples/epoch_001.png").is_file()
    succeed_here(work, "test_vaihingen.py", *tiles, "-o", "out", "test_window=128")
    results = json.loads((work / "out/results.json").read_text())
    assert results["splits"]["rule"]["source"] == "tiles"
    assert results["splits"]["patches"] == []
    assert results["splits"]["tiles"] == ["2"]
    assert results["windows"]["images"] == results["images"] == 1
    assert {score["masks"] for score in results["scores"]} == {"full", "eroded"}
    succeed_here(
        work, "test_vaihingen.py", *tiles, "-o", "val", "--split", "val", "test_window=128"
    )
    assert json.loads((work / "val/results.json").read_text())["splits"]["tiles"] == ["30"]
    said = succeed_here(work, "tools/check_data.py", *tiles[:2], *tiles[-2:])
    assert "vaihingen" in said.out
