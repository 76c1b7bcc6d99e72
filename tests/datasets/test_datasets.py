import cv2
import numpy as np
import pytest

from network.datasets.catalog import LOVEDA, POTSDAM, VAIHINGEN
from network.datasets.colors import UNKNOWN, decode_colors, encode_colors
from network.datasets.datamodule import SegmentationDataModule
from network.datasets.dataset import Pair, SegmentationDataset
from network.datasets.folder import FolderDataset
from network.datasets.isprs import VaihingenDataset
from network.datasets.samplers import EpochSampler, ShareSampler
from network.datasets.transforms import TrainTransform
from network.datasets.windows import windows
from network.errors import ConfigError, DataError

COLORS = {"road": (10, 20, 30), "house": (200, 0, 0)}


@pytest.fixture
def own_images(tmp_path):
    """Four images of 40x50 pixels, of which the last is held out."""
    rng = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for index in range(4):
        image = rng.integers(0, 255, (40, 50, 3), dtype=np.uint8)
        mask = np.zeros((40, 50, 3), np.uint8)
        mask[:, :20] = COLORS["road"]
        mask[:, 20:45] = COLORS["house"]
        name = f"image_{index}" + ("_val" if index == 3 else "")
        cv2.imwrite(str(tmp_path / f"images/{name}.png"), image[..., ::-1])
        cv2.imwrite(str(tmp_path / f"masks/{name}.png"), mask[..., ::-1])
    return tmp_path


def layout(root, **options):
    return FolderDataset(
        root, **{"classes": COLORS, "ignore_colors": [(0, 0, 0)], "val": "*_val", **options}
    )


@pytest.mark.parametrize("spec", [VAIHINGEN, POTSDAM, LOVEDA], ids=lambda spec: spec.name)
def test_colors_to_indices_and_back(spec):
    assert len(set(spec.palette) | set(spec.ignore_colors)) == spec.num_classes + 1
    indices = np.arange(spec.num_classes + 1, dtype=np.uint8)[None]
    colors = decode_colors(indices, spec)
    assert [tuple(c) for c in colors[0]] == [*spec.palette, (0, 0, 0)]
    np.testing.assert_array_equal(encode_colors(colors, spec), indices)


def test_a_color_off_by_one_is_unknown():
    colors = np.array([[[255, 255, 254], [255, 255, 255]]], np.uint8)
    assert encode_colors(colors, VAIHINGEN).tolist() == [[UNKNOWN, 0]]


def test_splits_of_a_folder(own_images):
    own = layout(own_images)
    assert [s.name for s in own.samples("train")] == ["image_0", "image_1", "image_2"]
    assert [s.name for s in own.samples("val")] == ["image_3_val"]
    assert own.samples("test") == own.samples("val")
    tested = layout(own_images, test="image_0")
    assert [s.name for s in tested.samples("train")] == ["image_1", "image_2"]
    assert [s.name for s in tested.samples("test")] == ["image_0"]


def test_a_sample(own_images):
    item = SegmentationDataset(layout(own_images), "val")[0]
    assert item["image"].shape == (3, 40, 50)
    assert item["mask"][0].tolist() == [0] * 20 + [1] * 25 + [2] * 5
    stored = cv2.imread(str(own_images / "images/image_3_val.png"))
    assert item["image"][0, 0, 0] == stored[0, 0, 2]


def test_settings_from_yaml_and_indices_with_a_palette(own_images):
    (own_images / "dataset.yaml").write_text(
        "classes: [road, house]\nmasks: index\nignore_values: [255]\nval: '*_val'\n"
    )
    from PIL import Image

    for path in (own_images / "masks").iterdir():
        mask = np.full((40, 50), 1, np.uint8)
        mask[0] = 255
        image = Image.fromarray(mask, mode="P")
        image.putpalette([7] * 768)
        image.save(path)
    own = FolderDataset(own_images)
    mask = own.read_mask(own.samples("val")[0].mask)
    assert (mask[0] == 2).all()
    assert (mask[1:] == 1).all()
    assert len(set(own.spec.palette)) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": {"road": (1, 2, 3), "house": (1, 2, 3)}}, "stands for two things"),
        ({"classes": {"road": (1, 2, 3), "house": (1, 2, 300)}}, "from 0 to 255"),
        ({"classes": ["road", "house"]}, "map each name to its color"),
        ({"unscored": ["rode"]}, "unscored names no class: rode"),
        ({"masks": "rgb"}, "'color' or 'index'"),
        ({"ignore_colors": 5}, "ignore_colors=5: a list of colors"),
        ({"val": [1]}, "val=.*: a list of names or patterns"),
        ({"masks": "index", "ignore_values": 1}, r"ignore_values \[1\] are indices of classes"),
        ({"std": (0.2, 0.2, 0)}, "std above 0"),
    ],
)
def test_contradicting_settings_are_refused(own_images, options, message):
    with pytest.raises(ConfigError, match=message):
        layout(own_images, **options)


def test_empty_yaml_settings_are_not_given(own_images):
    (own_images / "dataset.yaml").write_text("ignore_colors:\nunscored: road\n")
    own = FolderDataset(own_images, classes=COLORS, val="*_val")
    assert own.spec.ignore_colors == ()
    assert own.spec.unscored == ("road",)


def test_indices_from_one_are_refused(own_images):
    mask = own_images / "masks/image_3_val.png"
    cv2.imwrite(str(mask), np.repeat(np.array([[1, 2]], np.uint8), 20, 0))
    own = layout(own_images, classes=["road", "house"], masks="index")
    with pytest.raises(DataError, match=r"50\.0%.*2 \(50\.0%\)"):
        own.read_mask(mask)


def test_masks_of_indices_read_as_colors(own_images):
    mask = own_images / "masks/image_3_val.png"
    cv2.imwrite(str(mask), np.ones((40, 50), np.uint8))
    with pytest.raises(DataError, match="set masks='index'"):
        layout(own_images).read_mask(mask)


def test_hidden_files_are_no_images(own_images):
    for name in ("._image_0.png", ".image_0.x7f3.png"):
        (own_images / "images" / name).write_bytes(b"")
    assert len(layout(own_images).samples("train")) == 3


def test_unknown_yaml_settings_are_refused(own_images):
    (own_images / "dataset.yaml").write_text("clases: {}\n")
    with pytest.raises(ConfigError, match=r"dataset\.yaml has unknown settings: clases"):
        FolderDataset(own_images)


def test_whole_tiles_are_held_out(tmp_path):
    for kind, suffix in (("images", "tif"), ("masks", "png")):
        folder = tmp_path / f"train/{kind}_64"
        folder.mkdir(parents=True)
        for area in (1, 3, 30):
            for row in range(2):
                (folder / f"top_mosaic_09cm_area{area}_{row}_0.{suffix}").touch()
    own = VaihingenDataset(tmp_path, patch_size=64)
    names = {split: {s.name for s in own.samples(split)} for split in ("train", "val")}
    assert names["val"] == {"top_mosaic_09cm_area30_0_0", "top_mosaic_09cm_area30_1_0"}
    assert len(names["train"]) == 4
    assert not names["train"] & names["val"]
    with pytest.raises(DataError, match="no patch is left for 'val'"):
        VaihingenDataset(tmp_path, patch_size=64, val_tiles=["5"]).samples("val")


@pytest.mark.parametrize(
    ("height", "width", "size", "stride"), [(10, 7, 4, 3), (3, 9, 4, 4), (4, 4, 4, 1)]
)
def test_windows_cover_every_pixel(height, width, size, stride):
    seen = np.zeros((height, width), int)
    for window in windows(height, width, size, stride):
        assert window.top < height
        assert window.left < width
        seen[window.slices] += 1
    assert seen.min() >= 1


def test_windows_with_gaps_are_refused():
    with pytest.raises(ConfigError, match="stride from 1 to 4"):
        list(windows(9, 9, 4, 5))


def checkerboard(side=80, mask_value=0):
    image = np.indices((side, side)).sum(0) % 256
    return Pair(
        np.repeat(image[..., None], 3, 2).astype(np.uint8),
        np.full((side, side), mask_value, np.uint8),
    )


def test_the_same_seed_gives_the_same_crop(own_images):
    transform = TrainTransform(ignore_index=2, crop_size=32, mosaic=0.5)
    dataset = SegmentationDataset(layout(own_images), "train", transform)
    first = [dataset[(0, seed)]["image"] for seed in range(8)]
    again = [dataset[(0, seed)]["image"] for seed in reversed(range(8))][::-1]
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any((first[0] != other).any() for other in first[1:])


def test_mask_follows_image():
    rng = np.random.default_rng(0)
    mask = rng.integers(0, 3, (80, 80)).astype(np.uint8)
    pair = Pair(np.repeat(mask[..., None] * 50, 3, 2), mask)
    transform = TrainTransform(ignore_index=3, crop_size=32, scales=[1.0], mosaic=0.5)
    for seed in range(10):
        image, labels = transform(lambda _: pair, 4, 0, seed)
        np.testing.assert_array_equal(image[..., 0], labels * 50)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_a_window_is_cut_before_it_is_resized(scale):
    """A ramp of slope 1 has slope 1 / scale after the resize, whatever the window."""
    ramp = np.repeat(np.arange(128, dtype=np.uint8)[None], 128, 0)
    pair = Pair(np.repeat(ramp[..., None], 3, 2), np.zeros((128, 128), np.uint8))
    transform = TrainTransform(
        ignore_index=3, crop_size=32, scales=[scale], mosaic=0, max_class_share=1
    )
    image, _ = transform(lambda _: pair, 1, 0, 0)
    gray = image[..., 0].astype(float)
    slope = max(abs(np.diff(gray, axis=0)).mean(), abs(np.diff(gray, axis=1)).mean())
    assert slope == pytest.approx(1 / scale, rel=0.1)


def test_small_images_are_mirrored_and_the_rest_is_ignored():
    transform = TrainTransform(ignore_index=3, crop_size=48, scales=[1.0], mosaic=0)
    image, mask = transform(lambda _: checkerboard(40), 1, 0, 0)
    assert image.shape == (48, 48, 3)
    assert (mask == 3).sum() == 48 * 48 - 40 * 40
    assert (mask == 0).sum() == 40 * 40


def test_a_window_of_one_class_is_drawn_again():
    mask = np.zeros((64, 512), np.uint8)
    mask[:, 256:] = 1
    pair = Pair(np.zeros((64, 512, 3), np.uint8), mask)
    options = {"ignore_index": 2, "crop_size": 64, "scales": [1.0], "mosaic": 0}
    shares = {}
    for redraws in (0, 10):
        transform = TrainTransform(**options, max_class_share=0.75, redraws=redraws)
        masks = [transform(lambda _: pair, 1, 0, seed).mask for seed in range(60)]
        shares[redraws] = np.mean([max(m.mean(), 1 - m.mean()) > 0.75 for m in masks])
    assert shares[10] < 0.7 * shares[0]


def rare_corner():
    """Class 0 with 4 x 4 pixels of classes 1 and 2 in two corners, and some that are ignored."""
    mask = np.zeros((256, 256), np.uint8)
    mask[:4, :4], mask[-4:, -4:] = 1, 2
    mask[100:140, 100:140] = 3
    return Pair(np.repeat(mask[..., None], 3, 2), mask)


@pytest.mark.parametrize(("balance", "mosaic"), [(0.0, 0), (0.6, 0), (1.0, 0), (1.0, 1)])
def test_balanced_windows_hold_a_class_that_was_drawn_evenly(balance, mosaic):
    transform = TrainTransform(
        3, 32, scales=[1.0], mosaic=mosaic, max_class_share=1, balance=balance
    )
    crops = [transform(lambda _: rare_corner(), 1, 0, seed).mask for seed in range(600)]
    shares = [np.mean([(crop == c).any() for crop in crops]) for c in (1, 2)]
    # By chance a corner is in 16 of 225^2 windows, after it was drawn in all; a mosaic has four.
    one = balance / 3 + (1 - balance) * 16 / 225**2
    expected = 1 - (1 - one) ** (4 if mosaic else 1)
    assert shares == [pytest.approx(expected, abs=0.06)] * 2


def test_balanced_windows_lie_anywhere_around_the_pixel():
    mask = np.zeros((96, 96), np.uint8)
    mask[48, 30] = 1
    rows, cols = np.mgrid[:96, :96].astype(np.uint8)
    pair = Pair(np.dstack([rows, cols, cols]), mask)
    transform = TrainTransform(3, 16, scales=[1.0], mosaic=0, max_class_share=1, balance=1.0)
    crops = [transform(lambda _: pair, 1, 0, seed) for seed in range(400)]
    around = [crop.image for crop in crops if (crop.mask == 1).any()]
    assert len(around) > 150
    assert {image[..., 0].min() for image in around} == set(range(33, 49))
    assert {image[..., 1].min() for image in around} == set(range(15, 31))


def test_a_drawn_class_is_kept_while_windows_are_drawn_again():
    mask = np.zeros((64, 64), np.uint8)
    mask[:2, :2] = 1
    pair = Pair(np.repeat(mask[..., None], 3, 2), mask)
    transform = TrainTransform(3, 16, scales=[1.0], mosaic=0, max_class_share=0.75, balance=1.0)
    held = [(transform(lambda _: pair, 1, 0, seed).mask == 1).any() for seed in range(200)]
    assert np.mean(held) == pytest.approx(0.5, abs=0.1)


def test_balanced_windows_where_nothing_is_labeled():
    pair = Pair(np.zeros((64, 64, 3), np.uint8), np.full((64, 64), 3, np.uint8))
    transform = TrainTransform(3, 32, balance=1.0)
    assert (transform(lambda _: pair, 1, 0, 0).mask == 3).all()


@pytest.mark.parametrize("balance", [-0.1, 1.1])
def test_a_balance_that_is_no_probability(balance):
    with pytest.raises(ConfigError, match=r"transform\.balance"):
        TrainTransform(3, balance=balance)


def test_a_mosaic_has_four_images():
    pairs = [
        Pair(np.full((64, 64, 3), i, np.uint8), np.full((64, 64), i, np.uint8)) for i in range(200)
    ]
    transform = TrainTransform(ignore_index=250, crop_size=32, scales=[1.0], mosaic=1)
    _, mask = transform(lambda i: pairs[i], 200, 7, 1)
    values, counts = np.unique(mask, return_counts=True)
    assert 7 in values
    assert len(values) == 4
    assert counts.min() >= 8 * 8


def test_every_epoch_has_every_image_in_another_order():
    sampler = EpochSampler(5, repeat=2, seed=1)
    epochs = []
    for epoch in range(2):
        sampler.set_epoch(epoch)
        epochs.append(list(sampler))
        assert sorted(index for index, _ in epochs[-1]) == sorted([*range(5)] * 2)
        assert len({seed for _, seed in epochs[-1]}) == 10
    assert epochs[0] != epochs[1]
    sampler.set_epoch(0)
    assert list(sampler) == epochs[0]


def test_processes_share_validation_images_without_repeating_any(monkeypatch):
    shares = []
    for rank in range(3):
        monkeypatch.setattr(
            "network.datasets.samplers.rank_and_processes", lambda rank=rank: (rank, 3)
        )
        sampler = ShareSampler(7)
        shares.append(list(sampler))
        assert len(sampler) == len(shares[-1])
    assert sorted(index for share in shares for index in share) == list(range(7))


def test_batches_do_not_depend_on_the_number_of_workers(own_images):
    batches = []
    for workers in (0, 2):
        data = SegmentationDataModule(
            layout(own_images),
            TrainTransform(ignore_index=2, crop_size=32),
            train_batch_size=2,
            repeat=2,
            num_workers=workers,
            seed=3,
        )
        data.setup("fit")
        batches.append([(b["name"], b["image"], b["mask"]) for b in data.train_dataloader()])
    assert len(batches[0]) == 3
    for (names, images, masks), (others, other_images, other_masks) in zip(*batches, strict=True):
        assert names == others
        assert (images == other_images).all()
        assert (masks == other_masks).all()


def test_normalisation_on_the_device(own_images):
    data = SegmentationDataModule(layout(own_images), num_workers=0)
    data.setup("validate")
    batch = next(iter(data.val_dataloader()))
    ready = data.on_after_batch_transfer(batch)
    expected = (batch["image"][0, 1, 0, 0].item() / 255 - 0.456) / 0.224
    assert ready["image"][0, 1, 0, 0].item() == pytest.approx(expected, abs=1e-5)
    assert str(ready["mask"].dtype) == "torch.int64"


def test_images_of_different_sizes_cannot_share_a_batch(own_images):
    for folder in ("images", "masks"):
        path = own_images / folder / "image_0.png"
        cv2.imwrite(str(path), cv2.imread(str(path))[:36])
    data = SegmentationDataModule(
        layout(own_images, val="image_*"), val_batch_size=2, num_workers=0
    )
    data.setup("validate")
    with pytest.raises(DataError, match="val_batch_size=1"):
        list(data.val_dataloader())
