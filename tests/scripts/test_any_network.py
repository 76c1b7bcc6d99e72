"""Any network goes all the way: training, test, report, prediction, and on from its checkpoint."""

import csv
import json
import re

import cv2
import pytest
import torch

from tests.conftest import FOLDER_CONFIG, refused, run_here, succeed_here

OWN = """
from torch import nn


class Own(nn.Module):
    def __init__(self, classes: int, width: int = 8):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, width, 7, 4, 3),
            nn.BatchNorm2d(width),
            nn.GELU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.GELU(),
            nn.Conv2d(width, classes, 1),
        )

    def forward(self, x):
        return nn.functional.interpolate(self.body(x), x.shape[-2:], mode="bilinear")


net = partial(Own)
"""
IMPORTS = "from network.models import D2LS, SmpNet, UNetFormer\n"
SMALL = '"test_convnext"'
NETWORKS = {
    "BiCoR": "",
    "UNetFormer": f"{IMPORTS}net = partial(UNetFormer, {SMALL}, dim=16, heads=2)\n",
    "D2LS": f"{IMPORTS}net = partial(D2LS, {SMALL}, embed_dim=32)\n",
    "SmpNet": f'{IMPORTS}net = partial(SmpNet, "fpn", {SMALL}, decoder_pyramid_channels=32)\n',
    "Own": OWN,
}
CONFIG = ("-c", "any.py")
NAMES = ["scene_001_val", "scene_005_val"]


def contents_of(path):
    text = path.read_text(encoding="utf-8")
    return json.loads(re.search(r'id="contents">(.*?)</script>', text, re.DOTALL)[1])


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_goes_all_the_way(own, name):
    (own / "any.py").write_text(FOLDER_CONFIG + NETWORKS[name])
    heatmaps = 2 if name == "BiCoR" else 0
    aux = name in ("UNetFormer", "D2LS")
    folder = own / "model_weights/own/any"

    succeed_here(own, "train.py", *CONFIG, "sample_every=1")
    record = json.loads((folder / "run.json").read_text())
    assert record["settings"]["loss"] == ("BiCoRLoss()" if heatmaps else "SegmentationLoss()")
    with (own / record["log"] / "metrics.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    terms = {"main", "heatmap", "fisher", "total"} if heatmaps else {"ce", "dice", "total"}
    logged = {key[6:] for key in row if key.startswith("train_") and key[6:].islower()}
    assert logged == terms | ({"aux"} if aux else set())
    validated = {key[4:] for key in row if key.startswith("val_") and key[4:].islower()}
    assert validated == terms - {"fisher"}
    assert (folder / "samples/epoch_001.png").is_file()

    succeed_here(own, "test.py", *CONFIG, "-o", "out", "-t", "d4")
    results = json.loads((own / "out/results.json").read_text())
    assert results["tta"]["d4"]["passes"] == 2 * 2 * 4
    assert results["scores"][0]["pixels"] == sum(map(sum, results["scores"][0]["confusion"])) > 0

    result = succeed_here(own, "tools/report.py", "out", *CONFIG)
    shown = contents_of(own / "out/report.html")
    assert [entry["name"] for entry in shown["viewer"]] == NAMES
    assert {len(entry["heatmaps"]) for entry in shown["viewer"]} == {heatmaps}
    assert all(entry["image"] and entry["truth"] and entry["prediction"]
               for entry in shown["viewer"])  # fmt: skip
    assert ("heatmaps" in shown["previews"]) == ("heatmaps" in result.out) == bool(heatmaps)

    image = own / f"data/own/images/{NAMES[0]}.jpg"
    succeed_here(own, "predict.py", *CONFIG, image, "-o", "maps")
    predicted = cv2.imread(str(own / f"maps/{NAMES[0]}.png"), cv2.IMREAD_UNCHANGED)
    assert predicted.shape == (96, 112)
    assert predicted.max() < 6

    if not heatmaps:
        words = f"{name} gives no class heatmaps to look at"
        refused(own, words, script="tools/heatmaps.py", arguments=(*CONFIG, "-o", "figures"))
    draw = (*CONFIG, "-o", "points", "--most", 2)
    if name in ("BiCoR", "D2LS"):
        succeed_here(own, "tools/embeddings.py", *draw)
    else:
        words = f"{name} gives no class embeddings to look at"
        refused(own, words, script="tools/embeddings.py", arguments=draw)

    resumed = succeed_here(own, "train.py", *CONFIG, "max_epoch=2", "--resume", "auto")
    assert "epoch 2 of 2" in resumed.out
    assert "epoch 1 of 2" not in resumed.out
    assert "loss was" not in resumed.out
    assert torch.load(folder / "last.ckpt", weights_only=True)["epoch"] == 1


WRONG = """
import torch
from torch import nn

class Wrong(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.net = nn.Conv2d(3, num_classes + {more}, 1)

    def forward(self, x):
        y = self.net(x)
        return {gives}

net = partial(Wrong)
"""


@pytest.mark.parametrize(
    ("gives", "more", "words"),
    [
        ("{'out': y}", 0, ["Wrong gives a dict with 'out'", "whose attribute logits"]),
        ("(y, y)", 0, ["Wrong gives a tuple of 2", "a network must give logits [B, N, H, W]"]),
        ("None", 0, ["Wrong gives a NoneType"]),
        ("y", 1, ["output.logits are [1, 7, 64, 64]", "they must be [1, 6, 64, 64]"]),
        ("y[..., ::2, ::2]", 0, ["output.logits are [1, 6, 32, 32]", "[1, 6, 64, 64]"]),
        ("y.argmax(1)", 0, ["output.logits are [1, 64, 64]", "must be [1, 6, 64, 64]"]),
    ],
    ids=["dict", "tuple", "nothing", "channels", "half-size", "no channels"],
)
def test_what_is_no_output_is_refused_before_anything_is_written(own, gives, more, words):
    (own / "any.py").write_text(FOLDER_CONFIG + WRONG.format(gives=gives, more=more))
    refused(own, *words, arguments=CONFIG)


def test_a_trained_network_that_gives_no_output_any_more_is_refused_everywhere(own):
    config = own / "any.py"
    config.write_text(FOLDER_CONFIG + WRONG.format(gives="y", more=0))
    succeed_here(own, "train.py", *CONFIG)
    config.write_text(FOLDER_CONFIG + WRONG.format(gives="{'out': y}", more=0))
    words = ("error: Wrong gives a dict with 'out'; a network must give logits",)
    folder = own / "data/own/images"
    images = (folder / "scene_000.jpg", folder / "scene_002.jpg")
    arguments = (*CONFIG, "-o", "out")
    (own / "out").mkdir()
    for script in ("test.py", "tools/heatmaps.py", "tools/embeddings.py"):
        refused(own, *words, script=script, arguments=arguments)
    result = run_here(own, "predict.py", *arguments, *images)
    assert result.status == 1
    assert result.error.count("error: ") == 1
    assert words[0] in result.error
    assert not list((own / "out").glob("*.png"))


def test_a_network_that_cannot_be_told_its_classes_is_refused_everywhere(own):
    with_six = WRONG.format(gives="y", more=0).replace("num_classes)", "outputs=6)", 1)
    (own / "any.py").write_text(FOLDER_CONFIG + with_six.replace("num_classes + ", "outputs + "))
    words = ("net: Wrong takes neither num_classes nor classes", "own has 6 classes")
    refused(own, *words, arguments=CONFIG)
    (own / "any.ckpt").write_bytes(b"")
    for script in ("test.py", "predict.py", "tools/heatmaps.py"):
        image = (own / "data/own/images/scene_000.jpg",) if script == "predict.py" else ()
        torch.save({"state_dict": {}}, own / "any.ckpt")
        arguments = (*CONFIG, *image, "-o", "out", "--ckpt", "any.ckpt")
        refused(own, *words, script=script, arguments=arguments)


def test_parameters_of_the_other_loss_are_refused_once_the_network_is_known(own):
    (own / "any.py").write_text(FOLDER_CONFIG + OWN)
    words = ("SegmentationLoss has no parameter 'fisher_weight'",)
    refused(own, *words, arguments=(*CONFIG, "loss.fisher_weight=0.5"))
    words = ("BiCoRLoss has no parameter 'kind'",)
    refused(own, *words, arguments=("-c", "bicor.py", "loss.kind=lovasz"))
    words = ("no parameter 'fisher_wieght'; did you mean 'fisher_weight'?",)
    refused(own, *words, arguments=("-c", "bicor.py", "loss.fisher_wieght=0"))


def test_a_loss_that_the_config_names_is_kept(own):
    named = "from network.losses import SegmentationLoss\nloss = partial(SegmentationLoss)\n"
    (own / "any.py").write_text(FOLDER_CONFIG + named)
    succeed_here(own, "train.py", *CONFIG, 'loss.kind=["ce","lovasz"]', "monitor=val_lovasz")
    record = json.loads((own / "model_weights/own/any/run.json").read_text())
    assert record["settings"]["loss"] == "SegmentationLoss(kind=['ce', 'lovasz'])"
