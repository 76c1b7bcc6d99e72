"""Which images are trained on, validated on and scored, and that a result says so."""

import io
import json
import zipfile

import cv2
import numpy as np
import pytest
from PIL import Image

from network.datasets.isprs import PotsdamDataset, VaihingenDataset
from network.datasets.layout import Sample
from network.datasets.loveda import LoveDADataset
from network.datasets.patch_record import Cut, write_record
from network.errors import ConfigError, DataError, OutputError
from network.evaluation.loveda_submission import submission_faults, write_submission
from network.files.images import write_image
from tests.conftest import refused, run_here
from tests.layouts import LAYOUTS, write_layouts, write_pair

QUICK = ("max_epoch=1", "train_batch_size=1", "repeat=1", "transform.crop_size=64")


@pytest.fixture
def root(tmp_path):
    write_layouts(tmp_path)
    return tmp_path


def names(layout, split):
    return [sample.name for sample in layout.samples(split)]


def trained_and_tested(root, layout, override, *options):
    training = run_here(root, "train.py", *layout.arguments, *QUICK, override)
    assert training.status == 0, training.error
    testing = run_here(root, layout.script, *layout.arguments, "-o", "out", *options)
    assert testing.status == 0, testing.error
    return testing, json.loads((root / "out/results.json").read_text())["splits"]


def test_choosing_the_checkpoint_on_test_tiles_is_named_and_recorded(root):
    own = VaihingenDataset(root / "data/vaihingen", patch_size=64, validate_on_test=True)
    assert names(own, "val") == names(own, "test") == ["top_mosaic_09cm_area2_0_0"]
    assert names(own, "train") == ["top_mosaic_09cm_area1_0_0", "top_mosaic_09cm_area30_0_0"]
    with pytest.raises(ConfigError, match="exclude each other"):
        VaihingenDataset(validate_on_test=True, val_tiles=["30"])
    override = "dataset.validate_on_test=True"
    testing, splits = trained_and_tested(root, LAYOUTS["vaihingen"], override)
    assert "1 of these images also chose the best checkpoint" in testing.out
    assert splits["rule"]["validate_on_test"] is True
    assert (splits["images_of_training"], splits["images_of_validation"]) == (0, 1)


def test_training_on_val_is_named_and_recorded(root):
    own = LoveDADataset(root / "data/LoveDA", train_on_val=True)
    assert names(own, "train") == ["Rural/0", "Rural/2522", "Urban/1", "Urban/2523"]
    assert names(LoveDADataset(root / "data/LoveDA"), "train") == ["Rural/0", "Urban/1"]
    override = "dataset.train_on_val=True"
    testing, splits = trained_and_tested(root, LAYOUTS["loveda"], override, "--val")
    assert "was trained on 2 of these images" in testing.out
    assert splits["rule"]["train_on_val"] is True
    assert splits["images_of_training"] == 2


@pytest.mark.parametrize(
    ("name", "override", "tile"),
    [
        ("vaihingen", "dataset.validate_on_test=True", "top_mosaic"),
        ("loveda", "dataset.train_on_val=True", "Rural/2522"),
    ],
)
def test_a_run_is_not_resumed_with_other_splits(root, name, override, tile):
    layout = LAYOUTS[name]
    training = run_here(root, "train.py", *layout.arguments, *QUICK, override)
    assert training.status == 0, training.error
    arguments = (*layout.arguments, *QUICK, "max_epoch=2", "--resume", "auto")
    setting = override.removeprefix("dataset.").partition("=")[0]
    refused(root, "last.ckpt was trained with other splits", f"'{setting}': True",
            arguments=arguments)  # fmt: skip
    again = run_here(root, "train.py", *arguments, override)
    assert again.status == 0, again.error
    testing = run_here(root, layout.script, *layout.arguments, "-o", "out",
                       *(["--val"] if name == "loveda" else []))  # fmt: skip
    assert testing.status == 0, testing.error
    rule = json.loads((root / "out/results.json").read_text())["splits"]["rule"]
    assert rule[setting] is True


def test_test_patches_that_overlap_are_refused(root):
    folder = root / "data/vaihingen/test/masks_64"
    name = "top_mosaic_09cm_area2"
    write_record(folder, {name: Cut(64, 96, 64, 32, 1.0, eroded=True)})
    layout = LAYOUTS["vaihingen"]
    words = ("tiles 2 overlap", "split them with --mode val")
    with pytest.raises(DataError, match="overlap, so pixels would count several times"):
        VaihingenDataset(root / "data/vaihingen", patch_size=64).samples("test")
    refused(root, *words, script="tools/check_data.py", arguments=layout.arguments)


def test_the_record_of_the_splitter_tells_eroded_masks(root):
    folder = root / "data/vaihingen/test/masks_64"
    name = "top_mosaic_09cm_area2"
    for eroded in (True, False):
        write_record(folder, {name: Cut(64, 64, 64, 64, 1.0, eroded)})
        own = VaihingenDataset(root / "data/vaihingen", patch_size=64)
        (sample,) = own.samples("test")
        assert (sample.eroded is not None) == eroded
        assert own.patches("test") == [{"size": 64, "stride": 64, "scale": 1.0}]
        assert own.counts_once("test", own.samples("test"))
    (folder / "patches.json").write_text("{")
    with pytest.raises(DataError, match=r"patches\.json is damaged"):
        VaihingenDataset(root / "data/vaihingen", patch_size=64).samples("test")


def test_masks_that_are_not_those_of_the_published_ones(root):
    raw = root / "data/LoveDA/Train/Rural/masks_png"
    for split in ("Train", "Val"):
        for domain in ("Rural", "Urban"):
            folder = root / f"data/LoveDA/{split}/{domain}"
            (folder / "masks_png").mkdir()
            for path in (folder / "masks_png_convert").iterdir():
                mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
                cv2.imwrite(str(folder / "masks_png" / path.name), mask + 1)
    arguments = LAYOUTS["loveda"].arguments
    sound = run_here(root, "tools/check_data.py", *arguments)
    assert sound.status == 0, sound.error
    copied = raw.with_name("masks_png_convert") / "0.png"
    copied.write_bytes((raw / "0.png").read_bytes())
    words = ("train, Rural/0: the mask for training is not that of the published one",)
    refused(root, *words, script="tools/check_data.py", arguments=arguments)


def test_an_output_folder_holds_one_test(root):
    layout = LAYOUTS["loveda"]
    training = run_here(root, "train.py", *layout.arguments, *QUICK)
    assert training.status == 0, training.error
    test = (layout.script, *layout.arguments, "-o", "out")
    for options, masks, colored in (
        (("--val", "--rgb"), ["2522", "2523"], True),
        ((), ["4191", "4192"], False),
    ):
        assert run_here(root, *test, *options).status == 0
        assert sorted(path.stem for path in (root / "out/masks").rglob("*.png")) == masks
        assert (root / "out/masks_rgb").exists() == colored
    names = ["images.csv", "masks", "results.json"]
    assert sorted(path.name for path in (root / "out").iterdir()) == names
    arguments = (*layout.arguments, "-o", "mine")
    (root / "mine/masks").mkdir(parents=True)
    (root / "mine/masks/0.png").write_bytes(b"of the user")
    refused(root, "mine/masks is not from a test", script=layout.script, arguments=arguments)


def test_official_tiles_that_are_missing(root):
    def missing(layout, split):
        return layout.missing(split, layout.samples(split))

    own = PotsdamDataset(root / "data/potsdam", patch_size=64)
    assert len(missing(own, "test")) == 13
    assert "2_13" not in missing(own, "test")
    assert missing(own, "val") == []
    assert len(missing(own, "train")) == 21
    loveda = LoveDADataset(root / "data/LoveDA")
    lacking = [len(missing(loveda, split)) for split in ("train", "val", "test")]
    assert lacking == [2520, 1667, 1794]


def test_own_validation_tiles(root):
    own = VaihingenDataset(root / "data/vaihingen", patch_size=64, val_tiles=["1"])
    assert names(own, "val") == ["top_mosaic_09cm_area1_0_0"]
    assert names(own, "train") == ["top_mosaic_09cm_area30_0_0"]


def test_masks_are_known_as_full_or_eroded_by_what_they_hold(root):
    folder = root / "data/vaihingen"
    own = VaihingenDataset(folder, patch_size=64)
    (sample,) = own.samples("test")
    assert sample.mask is None
    assert sample.eroded == folder / "test/masks_64/top_mosaic_09cm_area2_0_0.png"
    full = folder / "test/masks_64_rgb"
    full.mkdir()
    mask = np.full((64, 64, 3), 255, np.uint8)
    mask[:, 40:] = 0  # padding
    cv2.imwrite(str(full / sample.eroded.name), mask)
    (sample,) = VaihingenDataset(folder, patch_size=64).samples("test")
    assert sample.mask.parent == full
    assert sample.eroded.parent.name == "masks_64"
    both = own.read_mask(sample.mask)
    assert (both[:, :40] == 0).all()
    assert (both[:, 40:] == 6).all()
    validated = VaihingenDataset(folder, patch_size=64, validate_on_test=True).samples("val")
    assert [s.mask for s in validated] == [sample.mask]


@pytest.mark.parametrize("tile", ["top_potsdam_2_11_0_3", "top_potsdam_2_11_RGB_0_3"])
def test_tile_of_a_patch(tile):
    assert PotsdamDataset().tile(Sample(tile, None, None)) == "2_11"


OFFICIAL = {"official_names": ("4191.png", "4192.png"), "official_size": (64, 64)}


@pytest.fixture
def predicted(root):
    """Predicted masks of the test images, as a test leaves them."""
    samples = LoveDADataset(root / "data/LoveDA").samples("test")
    for sample in samples:
        path = root / f"out/masks/{sample.name}.png"
        path.parent.mkdir(parents=True)
        cv2.imwrite(str(path), np.arange(64 * 64, dtype=np.uint8).reshape(64, 64) % 7)
    return root / "out", samples


def test_submission(predicted, capsys):
    output, samples = predicted
    path = write_submission(output, samples, **OFFICIAL)
    assert path == output / "submission.zip"
    assert "2 masks, checked, ready" in capsys.readouterr().out
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["4191.png", "4192.png"]
        assert archive.read("4192.png") == (output / "masks/Urban/4192.png").read_bytes()
    content = path.read_bytes()
    assert write_submission(output, samples, **OFFICIAL).read_bytes() == content


def test_incomplete_submission(predicted, capsys):
    output, samples = predicted
    names = {**OFFICIAL, "official_names": ("4191.png", "4192.png", "4193.png")}
    assert write_submission(output, samples, **names).name == "submission_incomplete.zip"
    assert "1 of the 3 test images are missing: 4193.png" in capsys.readouterr().out
    sizes = {**OFFICIAL, "official_size": (1024, 1024)}
    assert write_submission(output, samples, **sizes).name == "submission_incomplete.zip"
    assert "64x64 pixels instead of 1024x1024" in capsys.readouterr().out


def test_a_submission_replaces_earlier_ones_and_has_official_images_alone(predicted, capsys):
    output, samples = predicted
    write_submission(output, samples, **OFFICIAL)
    write_submission(output, samples, **{**OFFICIAL, "official_names": ("4191.png",)})
    assert "no official test images: 4192.png" in capsys.readouterr().out
    assert [path.name for path in output.glob("*.zip")] == ["submission_incomplete.zip"]


def test_submission_with_a_wrong_mask_is_not_written(predicted):
    output, samples = predicted
    cv2.imwrite(str(output / "masks/Urban/4192.png"), np.full((64, 64), 7, np.uint8))
    with pytest.raises(OutputError, match=r"4192\.png has the value 7"):
        write_submission(output, samples, **OFFICIAL)
    assert not list(output.glob("*.zip"))


def png(mask, mode=None, kind="PNG"):
    data = io.BytesIO()
    image = Image.fromarray(mask)
    (image.convert(mode) if mode else image).save(data, kind)
    return data.getvalue()


@pytest.mark.parametrize(
    ("entries", "fault"),
    [
        ({"4191.png": "good"}, "4192.png is missing"),
        ({"4191.png": "good", "4192.png": "good", "1.png": "good"}, "1.png is no test image"),
        ({"4191.png": "good", "Urban/4192.png": "good"}, "4192.png is missing"),
        ({"4191.png": "good", "4192.png": "small"}, "4192.png is 32x64 pixels, its image 64x64"),
        ({"4191.png": "good", "4192.png": "colored"}, "4192.png is PNG of mode RGB"),
        ({"4191.png": "good", "4192.png": "jpeg"}, "4192.png is JPEG"),
        ({"4191.png": "good", "4192.png": "high"}, "4192.png has the value 7"),
        ({"4191.png": "good", "4192.png": "text"}, "4192.png is not a readable image"),
    ],
)
def test_submission_faults(predicted, tmp_path, entries, fault):
    _, samples = predicted
    good = np.full((64, 64), 6, np.uint8)
    kinds = {
        "good": png(good),
        "small": png(good[:, :32]),
        "colored": png(good, "RGB"),
        "jpeg": png(good, kind="JPEG"),
        "high": png(good + 1),
        "text": b"no image",
    }
    path = tmp_path / "other.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, kind in entries.items():
            archive.writestr(name, kinds[kind])
    assert any(text.startswith(fault) for text in submission_faults(path, samples))


def test_images_in_both_domains_keep_their_names_apart(root):
    write_pair(root / "data", "LoveDA/Val/Urban/images_png/2524.png", LAYOUTS["loveda"].spec)
    assert names(LoveDADataset(root / "data/LoveDA"), "val") == [
        "Rural/2522",
        "Urban/2523",
        "Urban/2524",
    ]


def test_whole_tiles_of_two_kinds_are_refused(tmp_path):
    image = np.zeros((40, 40, 3), np.uint8)
    dataset = PotsdamDataset(tmp_path, patch_size=64)
    assert dataset.scenes() == []
    write_image(tmp_path / "test_images/top_potsdam_2_13_RGB.tif", image)
    write_image(tmp_path / "test_masks/top_potsdam_2_13_label.tif", image + 255)
    assert [sample.name for sample in dataset.scenes()] == ["top_potsdam_2_13"]
    write_image(tmp_path / "test_images/top_potsdam_2_13_IRRG.tif", image)
    with pytest.raises(DataError, match=r"\*_RGB and \*_IRRG.*leave one kind"):
        dataset.scenes()
