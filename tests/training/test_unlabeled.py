"""Masks without a labeled pixel, and scores that are no numbers."""

import csv
import math
import shutil
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from network.datasets.catalog import DatasetSpec
from network.datasets.checks import check_labeled
from network.datasets.folder import FolderDataset
from network.errors import DataError
from network.inference.checkpoint_files import BEST, LAST
from network.losses import BiCoRLoss
from network.metrics import Averages
from network.models import BiCoROutput
from network.training.checkpoint_callback import Checkpoints
from network.training.module import SegmentationModule
from tests.conftest import files_of, refused, run_here, succeed_here

NAN = math.nan


def ignore(root, *endings, but=None):
    """Paint masks in the ignored color; ``but``: the one pixel that keeps its own."""
    paths = sorted((root / "data/own/masks").iterdir())
    chosen = [path for path in paths if path.stem.endswith(endings)]
    for path in chosen:
        mask = cv2.imread(str(path))
        kept = None if but is None or path != chosen[-1] else mask[but].copy()
        mask[:] = 0
        if kept is not None:
            mask[but] = kept
        cv2.imwrite(str(path), mask)
    return chosen


@pytest.mark.parametrize("check_data", [True, False])
@pytest.mark.parametrize(
    ("endings", "words"), [(("0", "2", "3", "4"), "train on"), (("_val",), "validate on")]
)
def test_a_training_without_a_labeled_pixel_is_refused(own, endings, words, check_data):
    first, *others = ignore(own, *endings)
    message = refused(own, f"nothing to {words}", "masks is labeled, all are ignored",
                      arguments=("-c", "bicor.py", f"check_data={check_data}"))  # fmt: skip
    assert f"masks/{first.name} and {len(others)} more" in message


def test_one_labeled_pixel_is_enough(own):
    ignore(own, "_val", but=(40, 50))
    ignore(own, "0", "2", "3", "4", but=(95, 111))
    result = succeed_here(own, "train.py", "-c", "bicor.py", "sample_every=0")
    assert "best checkpoint:" in result.out


def test_a_test_without_a_labeled_pixel_is_refused(trained, tmp_path):
    root, _ = trained
    own = tmp_path / "work"
    shutil.copytree(root, own)
    ignore(own, "_val")
    arguments = ("-c", "bicor.py", "-o", "out")
    refused(own, "nothing to score in the test split", script="test.py", arguments=arguments)
    words = ("for training, val: nothing to learn", "for training, test: nothing to learn")
    refused(own, *words, script="tools/check_data.py")


def test_the_first_labeled_pixel_is_enough_to_look_at(own, monkeypatch):
    layout = FolderDataset(own / "data/own")
    ignore(own, "scene_000")
    read = []

    def read_mask(path):
        read.append(path.stem)
        return FolderDataset.read_mask(layout, path)

    monkeypatch.setattr(layout, "read_mask", read_mask)
    check_labeled(layout, layout.samples("train"), "train on")
    assert read == ["scene_000", "scene_002"]


def test_images_without_masks_need_no_label(own):
    layout = FolderDataset(own / "data/own")
    samples = layout.samples("val")
    ignore(own, "_val")
    check_labeled(layout, [sample._replace(mask=None) for sample in samples], "score")
    eroded = [sample._replace(eroded=sample.mask, mask=None) for sample in samples]
    with pytest.raises(DataError, match="nothing to score"):
        check_labeled(layout, eroded, "score")


class Run:
    """A trainer that hands a score to the callback and writes down what is saved."""

    def __init__(self, folder, mode):
        self.callback = Checkpoints(folder, "val_x", mode, 0, SimpleNamespace(rows=[]))
        self.callback_metrics = {}
        self.strategy = SimpleNamespace(broadcast=lambda value: value)
        self.saved = []

    def save_checkpoint(self, path, weights_only):
        path.parent.mkdir(exist_ok=True)
        path.touch()
        self.saved[-1].append(path.name)

    def epochs(self, *scores):
        for score in scores:
            self.callback_metrics = {} if score is None else {"val_x": torch.tensor(score)}
            self.saved.append([])
            self.callback.on_train_epoch_end(self, None)
        return [BEST in names for names in self.saved]


@pytest.mark.parametrize("mode", ["max", "min"])
def test_what_is_no_number_is_never_the_best(tmp_path, mode):
    run = Run(tmp_path / "run", mode)
    sign = 1 if mode == "max" else -1
    scores = [NAN, None, sign * math.inf, -sign * math.inf, sign * 2.0, NAN, sign * 1.0, sign * 3.0]
    assert run.epochs(*scores) == [False] * 4 + [True, False, False, True]
    assert run.callback.best == sign * 3
    assert all(LAST in names for names in run.saved)
    assert run.callback.outcome() == f"best checkpoint: {tmp_path / 'run' / BEST}"


def test_a_last_epoch_without_a_score_is_said(tmp_path):
    run = Run(tmp_path / "run", "max")
    run.epochs(0.5, NAN)
    line, note = run.callback.outcome().splitlines()
    assert line == f"best checkpoint: {tmp_path / 'run' / BEST}"
    assert note.startswith("note: after the last epoch val_x was nan")
    never = Run(tmp_path / "never", "max")
    never.epochs(NAN)
    line, note = never.callback.outcome().splitlines()
    assert line.startswith("no best checkpoint, as val_x was never a number; the last is")
    assert line.endswith(LAST)


NOWHERE = """
from network.losses import BiCoRLoss

class Nowhere(BiCoRLoss):
    def forward(self, out, mask):
        terms = super().forward(out, mask)
        return terms if self.training else terms | {"main": terms["main"] * float("nan")}

loss = partial(Nowhere)
"""


def test_a_training_whose_score_is_never_a_number_names_no_best_checkpoint(own):
    with (own / "bicor.py").open("a") as config:
        config.write(NOWHERE)
    result = succeed_here(own, "train.py", "-c", "bicor.py", "monitor=val_main", "sample_every=0")
    assert "no best checkpoint, as val_main was never a number" in result.out
    assert "\nbest checkpoint:" not in result.out
    run = own / "model_weights/own/bicor"
    assert sorted(path.name for path in run.iterdir()) == [LAST, "run.json"]
    before = files_of(own)
    tested = run_here(own, "test.py", "-c", "bicor.py", "-o", "out", "monitor=val_main")
    assert tested.status == 1 and "no checkpoint" in tested.error
    assert files_of(own) == before


class Constant(nn.Module):
    """Class 0 with the probability 3/4 in every pixel."""

    def forward(self, image):
        logits = torch.tensor([math.log(3), 0.0]).view(1, 2, 1, 1).expand(len(image), 2, 2, 2)
        return BiCoROutput(logits, None, [], [])


def test_images_without_a_label_have_no_part_in_the_mean_of_a_loss():
    spec = DatasetSpec("two", ("a", "b"), ((1, 1, 1), (2, 2, 2)))
    loss = BiCoRLoss(ignore_index=2, label_smoothing=0.0, dice_smooth=0.0)
    settings = SimpleNamespace(lr=1.0, freeze_backbone=False, ema_decay=None)
    module = SegmentationModule(Constant(), loss, spec, settings).eval()
    for label in (0, 2, 2):
        mask = torch.full((1, 2, 2), label)
        batch = {"image": torch.zeros(1, 3, 2, 2), "mask": mask, "name": ["it"]}
        module.validation_step(batch, 0)
    # CE ln 4/3; Dice of class 0: 2 * 4 * 3/4 / (4 * 3/4 + 4), of two classes
    expected = math.log(4 / 3) + (1 - 6 / 7) / 2
    means = module.averages["val"].compute()
    assert means == pytest.approx({"main": expected, "total": expected})


def test_a_mean_over_nothing_is_no_number():
    averages = Averages()
    averages.update({"x": torch.tensor(0.0)}, torch.tensor(0))
    assert math.isnan(averages.compute()["x"])
    averages.update({"x": torch.tensor(4.0)}, 3)
    averages.update({"x": torch.tensor(1.0)}, torch.tensor(1))
    assert averages.compute() == {"x": pytest.approx(13 / 4)}


def rows_of(root):
    (log,) = (root / "lightning_logs/own/bicor").glob("version_*/metrics.csv")
    with log.open(newline="") as file:
        return list(csv.DictReader(file))


def test_validation_logs_no_fisher_term(trained):
    root, _ = trained
    (row,) = rows_of(root)
    assert "train_fisher" in row and "val_fisher" not in row
    expected = float(row["val_main"]) + 0.1 * float(row["val_heatmap"])
    assert float(row["val_total"]) == pytest.approx(expected)
    assert np.isfinite(expected)
