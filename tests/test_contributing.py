"""CONTRIBUTING.md: its examples train, and what it says of the house is so."""

import csv
import json
import math
import re
import warnings

import cv2
import numpy as np
import pytest
import torch

from network.datasets.catalog import VAIHINGEN
from network.datasets.dataset import Pair
from network.datasets.folder import FolderDataset
from network.errors import DataError
from network.losses import BiCoRLoss
from network.models import BiCoROutput
from tests.conftest import FOLDER_CONFIG, REPOSITORY, run_here

GUIDE = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLES = {
    section.partition("\n")[0].split()[-1]: re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    for section in re.split(r"^##+ ", GUIDE, flags=re.MULTILINE)
    if "```python" in section
}
IGNORE = VAIHINGEN.ignore_index


def defined(example, name):
    """What an example defines, executed with nothing before it."""
    (block,) = EXAMPLES[example]
    names = {"__name__": f"example_{example}"}
    exec(compile(block, f"CONTRIBUTING.md, {example}", "exec"), names)
    return names[name]


def train(root, example, *overrides):
    """Train by a config that ends with an example; the last row of the log."""
    (block,) = EXAMPLES[example]
    (root / "mine.py").write_text(FOLDER_CONFIG + "\n" + block)
    result = run_here(root, "train.py", "-c", "mine.py", "accelerator=cpu", *overrides)
    assert result.status == 0, result.error
    assert "best.ckpt" in result.out
    (log,) = (root / "lightning_logs").glob("*/mine/version_0/metrics.csv")
    with log.open(newline="") as file:
        *_, row = csv.DictReader(file)
    assert math.isfinite(float(row["train_total"]))
    return {name: float(value) for name, value in row.items()}


def test_there_is_one_example_of_each_kind():
    assert {name: len(blocks) for name, blocks in EXAMPLES.items()} == {
        "network": 1,
        "loss": 1,
        "dataset": 1,
        "augmentation": 1,
    }


def test_the_network_trains_and_is_tested(own):
    row = train(own, "network", "net.width=8")
    terms = {name for name in row if name.startswith("train_") and name[6:].islower()}
    assert terms == {"train_ce", "train_dice", "train_total"}
    assert row["train_total"] == pytest.approx(row["train_ce"] + row["train_dice"])
    weights = torch.load(own / "model_weights/own/mine/best.ckpt", weights_only=True)["state_dict"]
    assert weights["net.classify.weight"].shape == (6, 8, 3, 3)
    tested = run_here(own, "test.py", "-c", "mine.py", "-o", "out", "-t", "d4", "net.width=8")
    assert tested.status == 0, tested.error
    assert json.loads((own / "out/results.json").read_text())["images"] == 2


@pytest.mark.parametrize(("height", "width"), [(4, 4), (37, 50), (64, 64)])
def test_the_network_takes_any_size(height, width):
    net = defined("network", "Plain")(num_classes=3, in_chans=2)
    assert net(torch.zeros(1, 2, height, width)).shape == (1, 3, height, width)


def test_the_loss_of_an_output_without_layers_is_main_alone():
    logits = torch.zeros(1, 4, 2, 2, requires_grad=True)
    terms = BiCoRLoss(ignore_index=4, label_smoothing=0.0, dice_smooth=0.0)(
        BiCoROutput(logits, None, [], []), torch.zeros(1, 2, 2, dtype=torch.int64)
    )
    # One class in the label: CE ln 4; Dice of it 2 * 4/4 / (4/4 + 4), of four classes.
    main = math.log(4) + (1 - 2 / 5) / 4
    assert {name: pytest.approx(term.item()) for name, term in terms.items()} == {
        "main": main,
        "total": main,
    }
    terms["total"].backward()
    assert logits.grad.abs().sum() > 0


def test_the_loss_trains_and_may_be_monitored(own):
    row = train(own, "loss", "monitor=val_focal")
    assert {"val_focal", "train_focal"} <= row.keys()
    assert "train_main" not in row


def test_the_loss_has_the_values_that_it_says():
    loss = defined("loss", "FocalLoss")(ignore_index=2, gamma=2.0)
    logits = torch.tensor([[0.0, math.log(3)], [0.0, 0.0]]).T[None, :, None]  # [1, 2, 1, 2]
    # p of class 1 is 3/4 in the first pixel, 1/2 in the second.
    first, second = 0.25**2 * -math.log(0.75), 0.5**2 * -math.log(0.5)
    for mask, value in (([1, 1], (first + second) / 2), ([1, 2], first), ([2, 2], 0.0)):
        out = BiCoROutput(logits, None, [], [])
        assert loss(out, torch.tensor([[mask]]))["total"].item() == pytest.approx(value)


def test_the_loss_sums_over_processes_in_training_alone(monkeypatch):
    """Two processes with the same images: every sum doubles, the mean stays."""
    sums = []

    def doubled(value):
        sums.append(value)
        return 2 * value

    monkeypatch.setattr("network.processes.total", doubled)
    loss = defined("loss", "FocalLoss")(ignore_index=2)
    out = BiCoROutput(torch.randn(1, 2, 4, 4), None, [], [])
    mask = torch.zeros(1, 4, 4, dtype=torch.int64)
    alone = loss.eval()(out, mask)["total"]
    assert not sums
    assert loss.train()(out, mask)["total"].item() == pytest.approx(alone.item())
    assert len(sums) == 2


def labels_of_roofs(root):
    """The drawn masks as the example has them: 0 is no label, 10 ground, 20 roof."""
    drawn = FolderDataset(root / "data/own")
    values = np.full(drawn.spec.num_classes + 1, 10, np.uint8)
    values[drawn.spec.classes.index("Building")] = 20
    values[drawn.spec.ignore_index] = 0
    (root / "data/own/labels").mkdir()
    for path in (root / "data/own/masks").iterdir():
        mask = values[drawn.read_mask(path)]
        mask[:4] = 0
        cv2.imwrite(str(root / "data/own/labels" / path.name), mask)


def test_the_dataset_trains_with_its_own_classes(own):
    labels_of_roofs(own)
    (own / "data/own/dataset.yaml").unlink()
    row = train(own, "dataset")
    assert {"val_IoU_ground", "val_IoU_roof"} <= row.keys()
    assert "val_IoU_Building" not in row
    stored = torch.load(own / "model_weights/roofs/mine/best.ckpt", weights_only=True)
    assert stored["state_dict"]["net.class_embeddings"].shape[0] == 2
    assert stored["protocol"]["val"] == ["scene_001_val", "scene_005_val"]
    checked = run_here(own, "tools/check_data.py", "-c", "mine.py")
    assert checked.status == 0, checked.error + checked.out


def test_the_dataset_reads_every_value_and_refuses_others(own):
    labels_of_roofs(own)
    roofs = defined("dataset", "Roofs")(own / "data/own")
    assert {split: len(roofs.samples(split)) for split in ("train", "val", "test")} == {
        "train": 4,
        "val": 2,
        "test": 2,
    }
    path = own / "data/own/labels/scene_000.png"
    cv2.imwrite(str(path), np.array([[0, 10, 20]], np.uint8))
    assert roofs.read_mask(path).tolist() == [[2, 0, 1]]
    cv2.imwrite(str(path), np.array([[0, 10, 30]], np.uint8))
    with pytest.raises(DataError, match=r"values that the dataset does not list .* 30 \(33"):
        roofs.read_mask(path)
    path.unlink()
    with pytest.raises(DataError, match=r"1 images in .* without a mask .* scene_000"):
        roofs.samples("train")


def test_the_augmentation_trains(own):
    train(own, "augmentation")
    settings = json.loads((own / "model_weights/own/mine/run.json").read_text())["settings"]
    assert settings["transform"] == "tilted(degrees=10.0, crop_size=64)"


def test_the_augmentation_fills_with_ignore_and_repeats_itself():
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # to albumentations an unknown argument is one
        transform = defined("augmentation", "tilted")(IGNORE, degrees=30.0, crop_size=64)
    pair = Pair(np.full((128, 128, 3), 200, np.uint8), np.full((128, 128), 3, np.uint8))
    filled = brighter = 0
    for seed in range(20):
        image, mask = transform(lambda _: pair, 1, 0, seed)
        again = transform(lambda _: pair, 1, 0, seed)
        np.testing.assert_array_equal(image, again.image)
        np.testing.assert_array_equal(mask, again.mask)
        assert image.shape == (64, 64, 3)
        assert set(np.unique(mask)) <= {3, IGNORE}
        filled += (mask == IGNORE).any()
        brighter += (image.max() != 200).any()
    assert 0 < filled < 20
    assert 0 < brighter < 20


def layers():
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    block = re.search(r"^layers = \[\n(.*?)^\]", text, re.DOTALL | re.MULTILINE)[1]
    return [set(row.split(" | ")) for row in re.findall(r'"(.*?)"', block)]


def test_the_house_is_that_of_the_contracts_and_of_the_folders():
    table = GUIDE[GUIDE.index("| in `network/` |") :].partition("\n\n")[0]
    rows = [set(re.findall(r"`(\w+)`", line.split("|")[1])) for line in table.splitlines()[2:]]
    assert rows == layers()
    there = {p.stem for p in (REPOSITORY / "network").iterdir() if not p.name.startswith("__")}
    assert set().union(*rows) == there


def test_what_the_guide_names_is_there():
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"\bmake ([a-z]\w*)", GUIDE))
    assert (
        {"setup", "test", "lint"} <= targets <= set(re.findall(r"^(\w+):", makefile, re.MULTILINE))
    )
    names = re.findall(r"`((?:network|tests|tools|docs|config|benchmarks)/[\w/.]*)`", GUIDE)
    names += re.findall(r"\]\(([\w/.]+)\)", GUIDE)
    missing = {n for n in names if "NAME" not in n and not (REPOSITORY / n).exists()}
    assert len(names) > 20
    assert not missing


def test_the_tests_that_the_guide_names_are_there():
    ((path, word),) = re.findall(r"pytest .*(tests/\S+) -k (\w+)$", GUIDE, re.MULTILINE)
    assert f"def test_the_{word}_" in (REPOSITORY / path).read_text(encoding="utf-8")
    (name,) = re.findall(r"`(test_\w+)`", GUIDE)
    sources = (path.read_text(encoding="utf-8") for path in (REPOSITORY / "tests").rglob("*.py"))
    assert any(f"def {name}(" in source for source in sources)
