"""``cache="disk"``: the same samples, from copies that are whole and up to date."""

import errno
import os
import pickle
import shutil

import numpy as np
import pytest
import rasterio
import torch

from network.datasets.datamodule import SegmentationDataModule
from network.datasets.dataset import SegmentationDataset
from network.datasets.disk_cache import FOLDER, DiskCache
from network.datasets.folder import FolderDataset
from network.datasets.isprs import VaihingenDataset
from network.datasets.layout import DatasetLayout, pair_files
from network.datasets.loveda import LoveDADataset
from network.datasets.transforms import TrainTransform
from network.errors import ConfigError, DataError, OutputError
from network.files.images import list_images, write_image
from network.files.modules import remembered
from tests.bands.drawn import scene, write_tif
from tests.conftest import files_of
from tests.layouts import LAYOUTS, write_pair

SIDE = 48


def pictures(root, suffix=".png", count=3):
    """Images whose masks hold 0, 1 and, in one pixel, 255."""
    rng = np.random.default_rng(1)
    for name in [*map(str, range(count)), "9_val"]:
        write_image(root / f"images/{name}{suffix}", rng.integers(0, 255, (SIDE, 64, 3), np.uint8))
        mask = rng.integers(0, 2, (SIDE, 64)).astype(np.uint8)
        mask[0, 0] = 255
        write_image(root / f"masks/{name}.png", mask)
    return root


def own(root, cache="disk", **settings):
    facts = {"classes": ["a", "b"], "masks": "index", "val": "*_val", "ignore_values": 255}
    return FolderDataset(root, cache=cache, **facts | settings)


def with_holes(root, cache):
    """Four bands of floating point, in some of which some values are no data."""
    for seed, name in enumerate(("a", "b", "c_val")):
        values, mask = scene("float32", 4, seed)
        values[1, 5:9, 5:20] = np.nan
        write_tif(root / f"images/{name}.tif", values)
        write_image(root / f"masks/{name}.png", mask)
    facts = {"bands": [4, 2, 1], "scale": [0, 1], "mean": [0.5] * 3, "std": [0.1] * 3}
    return FolderDataset(root, ["a", "b"], masks="index", val="*_val", cache=cache, **facts)


def loveda(root, cache):
    for split, number in (("Train", 0), ("Val", 2522)):
        for domain in ("Rural", "Urban"):
            write_pair(root, f"{split}/{domain}/images_png/{number}.png", LAYOUTS["loveda"].spec)
            number += 1
    return LoveDADataset(root, cache=cache)


def vaihingen(root, cache):
    for tile in (1, 3, 30):
        name = f"train/images_64/top_mosaic_09cm_area{tile}_0_0.tif"
        write_pair(root, name, LAYOUTS["vaihingen"].spec)
    return VaihingenDataset(root, patch_size=64, cache=cache)


KINDS = {
    "PNG": lambda root, cache: own(pictures(root), cache),
    "JPEG": lambda root, cache: own(pictures(root, ".jpg"), cache),
    "TIFF": lambda root, cache: own(pictures(root, ".tif"), cache),
    "no data": with_holes,
    "LoveDA": loveda,
    "Vaihingen": vaihingen,
}


def same(first, second):
    assert first.keys() == second.keys()
    for name, value in first.items():
        other = second[name]
        assert value == other if name == "name" else torch.equal(value, other), name
        assert name == "name" or value.dtype == other.dtype


@pytest.mark.parametrize("kind", KINDS)
def test_every_sample_is_bitwise_the_same_with_and_without_copies(kind, tmp_path):
    layouts = [KINDS[kind](tmp_path, cache) for cache in (False, True, "disk")]
    plain, kept, disk = (
        SegmentationDataset(each, "train", TrainTransform(each.spec.ignore_index, 32, balance=0.5))
        for each in layouts
    )
    for key in [(i, seed) for i in range(len(plain)) for seed in range(8)]:
        same(plain[key], kept[key])
        same(plain[key], disk[key])
    whole = [SegmentationDataset(each, "val", training=True) for each in layouts]
    same(whole[0][0], whole[2][0])
    assert ("valid" in whole[2][0]) == (kind == "no data")
    assert isinstance(disk.read(0).mask.base, np.memmap)
    assert (tmp_path / FOLDER).is_dir()


def test_copies_are_made_once_and_their_size_is_said_before(tmp_path, capsys):
    layout = own(pictures(tmp_path))
    SegmentationDataset(layout, "train", training=True)
    said = capsys.readouterr().out
    assert f"3 images and 3 masks to {tmp_path / FOLDER}, 0.0 MB" in said
    before = {path: path.stat() for path in (tmp_path / FOLDER).rglob("*")}
    SegmentationDataset(own(tmp_path), "train", training=True)
    assert capsys.readouterr().out == ""
    assert {path: path.stat() for path in (tmp_path / FOLDER).rglob("*")} == before


def test_uncompressed_images_are_not_copied(tmp_path):
    SegmentationDataset(own(pictures(tmp_path, ".tif")), "train", training=True)
    assert [path.name[:5] for path in (tmp_path / FOLDER).iterdir() if path.is_dir()] == ["masks"]


def test_what_is_read_once_makes_no_copies(tmp_path):
    layout = own(pictures(tmp_path))
    assert len(SegmentationDataset(layout, "test")) == 1
    assert not (tmp_path / FOLDER).exists()


def test_copies_are_no_data(tmp_path):
    SegmentationDataset(own(pictures(tmp_path)), "train", training=True)
    anywhere = own(tmp_path, image_files="**/images/*", mask_files="**/masks/*")
    assert [sample.name for sample in anywhere.samples("train")] == ["0", "1", "2"]
    assert {path.suffix for path in list_images(tmp_path / "images")} == {".png"}


@pytest.mark.parametrize("kind", ["images", "masks"])
def test_a_file_that_changed_is_decoded_again_and_no_other(kind, tmp_path, capsys):
    layout = own(pictures(tmp_path))
    SegmentationDataset(layout, "train", training=True)
    before = files_of(tmp_path / FOLDER)
    path = tmp_path / f"{kind}/1.png"
    shape = (SIDE, 64, 3) if kind == "images" else (SIDE, 64)
    time = path.stat().st_mtime_ns
    write_image(path, np.ones(shape, np.uint8))
    os.utime(path, ns=(time, time))  # the size alone tells
    capsys.readouterr()
    dataset = SegmentationDataset(layout, "train", training=True)
    images = int(kind == "images")
    assert f"decoding {images} images and 1 masks" in capsys.readouterr().out
    pair = dataset.read(1)
    assert ((pair.image if kind == "images" else pair.mask) == 1).all()
    after = files_of(tmp_path / FOLDER)
    assert len(after) == len(before)
    changed = {name.name[:2] for name in after.items() ^ before.items() for name in name[:1]}
    assert changed == {"1-", "in"}  # the copies of 1, and index.json
    os.utime(path, ns=(time, time + 1))  # the time alone tells
    SegmentationDataset(layout, "train", training=True)
    assert f"decoding {images} images and 1 masks" in capsys.readouterr().out


def test_a_mask_of_no_data_that_comes_later_counts(tmp_path):
    layout = own(pictures(tmp_path))
    dataset = SegmentationDataset(layout, "train", training=True)
    assert (dataset.read(0).mask < 2).sum() == SIDE * 64 - 1
    profile = {"driver": "GTiff", "count": 1, "height": SIDE, "width": 64, "dtype": "uint8"}
    with rasterio.open(tmp_path / "images/0.png.msk", "w", **profile) as file:
        file.update_tags(INTERNAL_MASK_FLAGS_1="2")
        file.write(np.repeat(np.uint8([[[0] * 32 + [255] * 32]]), SIDE, axis=1))
    again = SegmentationDataset(layout, "train", training=True)
    assert (again.read(0).mask[:, :32] == 2).all()
    same(again[0], SegmentationDataset(own(tmp_path, False), "train")[0])


def test_other_labels_and_bands_have_copies_of_their_own(tmp_path, capsys):
    pictures(tmp_path)
    first = SegmentationDataset(own(tmp_path), "train", training=True).read(0)
    turned = own(tmp_path, labels={1: "a", 0: "b", 255: "ignore"}, ignore_values=None)
    second = SegmentationDataset(turned, "train", training=True).read(0)
    np.testing.assert_array_equal(second.mask, np.array([1, 0, 2])[first.mask])
    bands = own(tmp_path, bands=[3, 2, 1])
    third = SegmentationDataset(bands, "train", training=True).read(0)
    np.testing.assert_array_equal(third.image, first.image[..., ::-1])
    assert "also holds copies for other settings" in capsys.readouterr().out
    SegmentationDataset(own(tmp_path, val="0"), "train", training=True)  # changes no decoding
    assert "decoding 1 images and 1 masks" in capsys.readouterr().out


class Shifted(DatasetLayout):
    """A layout of one's own, that reads its masks by code."""

    cache = "disk"
    shift = 1

    def __init__(self, root, spec):
        self.root, self.spec = root, spec

    def samples(self, split, report=None):
        return pair_files(*(list_images(self.root / kind) for kind in ("images", "masks")))

    def encode_indices(self, raw):
        return np.where(raw == 255, 2, (raw + self.shift) % 2).astype(np.uint8)


def test_what_a_layout_of_ones_own_makes_of_values_counts(tmp_path):
    layout = Shifted(pictures(tmp_path), own(tmp_path).spec)
    first = SegmentationDataset(layout, "train", training=True).read(0).mask
    layout.shift = 2
    second = SegmentationDataset(layout, "train", training=True).read(0).mask
    np.testing.assert_array_equal(second, np.array([1, 0, 2])[first])


def test_all_faulty_files_are_named_and_nothing_is_kept(tmp_path):
    pictures(tmp_path)
    (tmp_path / "images/0.png").write_bytes(b"\x89PNG\r\n\x1a\nno image")
    write_image(tmp_path / "masks/2.png", np.zeros((SIDE, 63), np.uint8))
    with pytest.raises(DataError, match=r"2 faults(.|\n)*0\.png(.|\n)*63x48"):
        SegmentationDataset(own(tmp_path), "train", training=True)
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == [".lock"]


def write_fault(monkeypatch, code):
    """The second array that is written meets a fault of the disk."""
    calls = []

    def failing(file, header):
        calls.append(file)
        if len(calls) == 2:
            raise OSError(code, os.strerror(code))

    monkeypatch.setattr("network.files.array_store.npy.write_array_header_1_0", failing)


def test_a_disk_that_is_full_is_told_before_or_leaves_nothing(tmp_path, monkeypatch):
    layout = own(pictures(tmp_path))
    usage = shutil._ntuple_diskusage(10**6, 10**6 - 100, 100)
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda _: usage)
        with pytest.raises(OutputError, match=r"need 0\.0 MB in .*0\.0 MB are free.*cache=False"):
            SegmentationDataset(layout, "train", training=True)
    with monkeypatch.context() as patch:
        write_fault(patch, errno.ENOSPC)
        with pytest.raises(OutputError, match=r"\.npy: No space left on device.*cache=False"):
            SegmentationDataset(layout, "train", training=True)
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == [".lock"]
    assert len(SegmentationDataset(layout, "train", training=True)) == 3


def test_a_folder_that_cannot_be_written_is_told_and_one_with_copies_is_enough(
    tmp_path, monkeypatch
):
    layout = own(pictures(tmp_path))
    (tmp_path / FOLDER).touch()
    with pytest.raises(OutputError, match=rf"cannot write .*{FOLDER}.*cache=False"):
        SegmentationDataset(layout, "train", training=True)
    (tmp_path / FOLDER).unlink()
    SegmentationDataset(layout, "train", training=True)
    monkeypatch.setattr("network.datasets.disk_cache.locked", None)
    monkeypatch.setattr("pathlib.Path.mkdir", None)
    assert len(SegmentationDataset(layout, "train", training=True)) == 3


def test_an_index_names_copies_only_when_they_are_there(tmp_path, monkeypatch, capsys):
    layout = own(pictures(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr("network.files.array_store.write_json", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):  # as if killed
            SegmentationDataset(layout, "train", training=True)
    capsys.readouterr()
    SegmentationDataset(layout, "train", training=True)
    assert "decoding 3 images and 3 masks" in capsys.readouterr().out
    (copy,) = (tmp_path / FOLDER).glob("masks-*/1-*.npy")
    copy.write_bytes(copy.read_bytes()[:-1])
    dataset = SegmentationDataset(layout, "train", training=True)
    assert "decoding 0 images and 1 masks" in capsys.readouterr().out
    copy.unlink()
    with pytest.raises(DataError, match="gone or damaged"):
        dataset.read(1)


def test_the_folder_may_move_with_its_copies(tmp_path, capsys):
    SegmentationDataset(own(pictures(tmp_path / "here")), "train", training=True)
    (tmp_path / "here").rename(tmp_path / "there")
    capsys.readouterr()
    SegmentationDataset(own(tmp_path / "there"), "train", training=True)
    assert capsys.readouterr().out == ""


def test_processes_that_start_together_fill_the_folder_once(tmp_path, monkeypatch, capsys):
    layout = own(pictures(tmp_path))
    late = DiskCache(layout)
    missing = late._missing

    def asked(samples):  # between its first look and the lock, another process has made them
        monkeypatch.setattr(late, "_missing", missing)
        found = missing(samples)
        DiskCache(layout).prepare(samples)
        return found

    monkeypatch.setattr(late, "_missing", asked)
    late.prepare(layout.samples("train"))
    assert capsys.readouterr().out.count("decoding") == 1
    assert late.mask(tmp_path / "images/0.png", tmp_path / "masks/0.png").shape == (SIDE, 64)


def test_what_cannot_be_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cache='disc'"):
        own(pictures(tmp_path), "disc")
    layout = Shifted(None, own(tmp_path).spec)
    with pytest.raises(ConfigError, match="attribute root"):
        DiskCache(layout)


def test_few_files_stay_open_and_none_is_sent_to_loading_processes(tmp_path, monkeypatch):
    monkeypatch.setattr("network.datasets.disk_cache.MOST_OPEN", 3)
    plain, disk = (
        SegmentationDataset(own(pictures(tmp_path), cache), "train", training=True)
        for cache in (False, "disk")
    )
    for index in (0, 1, 2, 0, 1):
        same(plain[index], disk[index])
        assert len(disk._disk._open) <= 3
    sent = pickle.dumps(disk)
    assert len(sent) - len(pickle.dumps(remembered())) < SIDE * 64 * 3
    same(plain[2], pickle.loads(sent)[2])


def test_batches_do_not_depend_on_loading_processes(tmp_path):
    layout = own(pictures(tmp_path))
    batches = []
    for workers in (0, 2):
        transform = TrainTransform(2, crop_size=32)
        data = SegmentationDataModule(layout, transform, 2, repeat=2, num_workers=workers)
        data.setup("fit")
        batches.append(list(data.train_dataloader()))
    assert len(batches[0]) == 3
    for first, second in zip(*batches, strict=True):
        assert first["name"] == second["name"]
        assert torch.equal(first["image"], second["image"])
