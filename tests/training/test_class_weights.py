"""Weights of the classes: counted in the training masks, or given."""

import inspect
import json

import numpy as np
import pytest
import torch

from network.errors import DataError
from network.experiment.class_weights import balanced
from network.files.images import image_size, write_image
from network.losses import BiCoRLoss
from tests.conftest import refused, succeed_here

RUN = "model_weights/own/bicor"
QUICK = ("train.py", "-c", "bicor.py", "repeat=2", "sample_every=0")


def test_one_over_the_square_root_of_the_pixels():
    # 1, 1/2 and 1/4, whose mean is 7/12; nothing is known of the class without pixels.
    assert balanced([100, 400, 0, 1600]) == pytest.approx([12 / 7, 6 / 7, 1, 3 / 7])
    with pytest.raises(DataError, match="no pixel of any class"):
        balanced([0, 0])


# Masks of indices: training images have 3 pixels of class 0 for each of class 1, and some ignored.
INDICES = """
dataset = partial(FolderDataset, root="data/own", classes=["a", "b"], masks="index", val="*_val*",
                  ignore_values=[255])
"""


@pytest.fixture
def indexed(own):
    with (own / "bicor.py").open("a") as config:
        config.write(INDICES)
    (own / "data/own/dataset.yaml").unlink()
    for path in (own / "data/own/masks").iterdir():
        mask = np.zeros(image_size(path), np.uint8)
        if "_val" not in path.stem:
            mask[::4] = 1
            mask[:, :10] = 255
        write_image(path, mask)
    return own


@pytest.fixture
def given(monkeypatch):
    """The class weights of every loss that is built."""
    found = []
    init = BiCoRLoss.__init__

    def recorded(self, *arguments, class_weights=None, **named):
        found.append(class_weights)
        init(self, *arguments, class_weights=class_weights, **named)

    recorded.__signature__ = inspect.signature(init)
    monkeypatch.setattr(BiCoRLoss, "__init__", recorded)
    return found


def test_they_are_counted_in_the_training_masks_once(indexed, given):
    result = succeed_here(indexed, *QUICK, "class_weights=auto", "max_epoch=1")
    root = 3**0.5
    expected = [2 / (1 + root), 2 * root / (1 + root)]
    assert given == [pytest.approx(expected)]
    assert "class weights: a 0.732, b 1.27" in result.out
    record = json.loads((indexed / RUN / "run.json").read_text())
    assert record["class_weights"] == {
        "a": pytest.approx(expected[0]),
        "b": pytest.approx(expected[1]),
    }
    stored = torch.load(indexed / RUN / "last.ckpt", weights_only=True)
    assert stored["class_pixels"][0] == 3 * stored["class_pixels"][1] > 0
    assert not [name for name in stored["state_dict"] if name.startswith("loss")]

    for path in (indexed / "data/own/masks").iterdir():
        write_image(path, np.zeros(image_size(path), np.uint8))
    succeed_here(indexed, *QUICK, "class_weights=auto", "max_epoch=2", "--resume", "auto")
    assert given[1] == given[0]


def test_they_change_what_is_trained(own):
    totals = []
    for weights in ("None", "[1,1,1,1,1,1]", "[5,1,1,1,1,0.1]"):
        succeed_here(own, *QUICK, f"class_weights={weights}", "max_epoch=1")
        log = sorted((own / "lightning_logs/own/bicor").iterdir())[-1] / "metrics.csv"
        totals.append(
            dict(zip(*(line.split(",") for line in log.read_text().splitlines()), strict=True))
        )
    first, same, other = (float(row["train_main"]) for row in totals)
    assert same == pytest.approx(first, rel=1e-5)
    assert other != pytest.approx(first, rel=1e-4)


OWN_LOSS = """
from network.losses import BiCoRLoss

class Fixed(BiCoRLoss):
    def __init__(self, ignore_index):
        super().__init__(ignore_index)

loss = partial(Fixed)
"""


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ("[1,2]", "class_weights lists 2 weights, but the dataset has 6 classes: "),
        ("[0,0,0,0,0,0]", "numbers from 0 up, and one of them above 0"),
        ("[1,1,1,1,1,-1]", "numbers from 0 up"),
        ("[]", "numbers from 0 up"),
        ("even", "class_weights='even': auto, or a list"),
    ],
)
def test_weights_that_do_not_fit(own, weights, words):
    refused(own, words, arguments=("-c", "bicor.py", f"class_weights={weights}"))


def test_a_loss_without_weights_or_with_its_own(own):
    arguments = ("-c", "bicor.py", "class_weights=auto")
    refused(own, "both set", arguments=(*arguments, "loss.class_weights=[1,1,1,1,1,1]"))
    with (own / "bicor.py").open("a") as config:
        config.write(OWN_LOSS)
    refused(own, "class_weights='auto': the loss takes no class_weights (Fixed())",
            arguments=arguments)  # fmt: skip
