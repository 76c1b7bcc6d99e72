"""What a config's network costs, and the tool that tells: no data, no downloads, any network."""

import json
import re
import shutil
import socket

import pytest
import torch
from torch import nn

from network.complexity.cost import cost_of
from network.errors import ConfigError
from network.experiment import Experiment
from tests.conftest import REPOSITORY, refused, run_here, succeed_here

CONFIG = """
from functools import partial

import torch
from torch import nn
from torch.utils._python_dispatch import _get_current_dispatch_mode

from network.datasets.folder import FolderDataset


class Net(nn.Module):
    min_size = stride = 4

    def __init__(self, num_classes, width=8, fault="", backbone=True):
        super().__init__()
        self.features = nn.Conv2d(3, width, 4, stride=4)
        self.classify = nn.Conv2d(width, num_classes, 1)
        self.fault = fault
        if backbone:
            self.backbone = self.features

    def forward(self, x):
        if self.fault == "training" and self.training:
            raise RuntimeError("no gradients, please")
        if self.fault == "counting" and _get_current_dispatch_mode() is not None:
            raise RuntimeError("watched")
        y = self.features(x)
        if self.fault == "spectrum":
            y = torch.fft.irfft2(torch.fft.rfft2(y), s=y.shape[-2:])
        return nn.functional.interpolate(self.classify(y), x.shape[-2:])


dataset = partial(FolderDataset, root="nowhere", classes=["a", "b", "c"], masks="index")
net = partial(Net)
lookahead_k = 2
"""
pytestmark = pytest.mark.usefixtures("briefly")

ALL, BACKBONE = (3 * 16 + 1) * 8 + (8 + 1) * 3, (3 * 16 + 1) * 8
MULTIPLY_ADDS = 4 * 4 * (8 * 3 * 16 + 3 * 8)
"""Of an image of 16x16 pixels."""


@pytest.fixture
def plain(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.py").write_text(CONFIG)
    return tmp_path


def cost(*overrides, size=16, batch=2, timed=False):
    return cost_of(Experiment.load("plain.py", overrides), size, batch, timed)


def tool(root, *arguments):
    return succeed_here(root, "tools/complexity.py", *arguments)


def test_parameters_and_operations_by_hand(plain):
    found = cost()
    assert found.parameters == (ALL, ALL, BACKBONE)
    assert found.inference == (2 * MULTIPLY_ADDS, ())
    first = 4 * 4 * 8 * 3 * 16  # no gradient goes on to the image
    assert found.training == (2 * (3 * MULTIPLY_ADDS - first), ())
    assert found.timing is None


def test_operations_are_of_one_image_whatever_the_batch(plain):
    assert cost(batch=1).training == cost(batch=3).training


def test_what_is_frozen_is_not_trained(plain):
    found = cost("freeze_backbone=True")
    assert found.parameters == (ALL, ALL - BACKBONE, BACKBONE)
    last = 4 * 4 * 3 * 8
    assert found.training.flops == 2 * (MULTIPLY_ADDS + last)


def test_a_network_need_not_name_its_backbone(plain):
    assert cost("net.backbone=False").parameters == (ALL, ALL, None)


def test_weights_of_classes_need_no_masks(plain):
    assert cost("class_weights=auto").parameters.all == ALL


def test_unetformer_has_its_published_size_and_cost():
    config = REPOSITORY / "config/vaihingen/unetformer.py"
    found = cost_of(Experiment.load(config), 512, 1, timed=False)
    assert round(found.parameters.all / 1e6, 1) == 11.7
    assert round(found.inference.flops / 2e9, 1) == 11.7


@pytest.mark.parametrize("name", ["bicor", "d2ls", "unetformer", "smp"])
def test_nothing_is_fetched_and_no_data_are_needed(name, tmp_path, monkeypatch):
    def refuse(*_):
        raise AssertionError("a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    config = REPOSITORY / f"config/loveda/{name}.py"
    assert "pretrained=True" in config.read_text()
    arguments = ("-c", config, "net.backbone=test_convnext", "--size", 64, "--no-timing")
    result = tool(tmp_path, *arguments)
    assert re.search(rf"{name}\.py +7 ", result.out)
    assert list(tmp_path.iterdir()) == []


def test_what_only_counting_cannot_do_is_said(plain):
    out = tool(plain, "-c", "plain.py", "--size", 16, "net.fault=counting").out
    assert "plain.py, inference: not counted: anything, as torch's counter fails (watched)" in out
    assert "plain.py, training: not counted: " in out
    cells = out.splitlines()[2].split()
    assert cells[5:8] == ["-", "-", "-"]
    assert len(cells) == 14  # times are there


def test_a_part_without_a_formula_is_said(plain):
    out = tool(plain, "-c", "plain.py", "--size", 16, "--no-timing", "net.fault=spectrum").out
    assert "plain.py, inference: not counted: fft_r2c in Net, fft_c2r in Net" in out
    assert f"> {2 * MULTIPLY_ADDS / 1e9:.2f}" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["net.fault=training"], ["plain.py", "Net", "training", "2 of 16x16", "no gradients"]),
        (["--size", 2], ["plain.py", "from 4 pixels", "2"]),
        (["--size", 0], ["--size 0"]),
        (["--batch", -1], ["--batch -1"]),
        (["--json", "a.txt", "--markdown", "./a.txt"], ["--json", "--markdown", "a.txt"]),
        (["--json", "plain.py"], ["plain.py", "not written by an earlier run"]),
        (["--markdown", "plain.py/below"], ["plain.py"]),
        (["net.no_such=1"], ["no_such"]),
    ],
)
def test_what_cannot_be_measured_is_refused(arguments, words, plain):
    size = [] if "--size" in arguments else ["--size", "16"]
    refused(plain, *words, script="tools/complexity.py",
            arguments=("-c", "plain.py", "--no-timing", *size, *arguments))  # fmt: skip


def test_one_table_of_several_with_all_that_belongs_to_it(plain):
    shutil.copy(plain / "plain.py", plain / "wide.py")
    with (plain / "wide.py").open("a") as file:
        file.write("net = partial(Net, width=32)\n")
    out = tool(
        *(plain, "-c", "plain.py", "wide.py", "lookahead_k=0", "--size", 16, "--batch", 3),
        *("--json", "costs/a.json", "--markdown", "costs/a.md"),
    ).out
    found = json.loads((plain / "costs/a.json").read_text())
    assert found["protocol"] | {"machine": None} == {
        "size": 16,
        "batch": 3,
        "overrides": ["lookahead_k=0"],
        "machine": None,
    }
    assert found["protocol"]["machine"]["torch"] == torch.__version__
    first, second = found["networks"]
    assert (first["config"], second["config"]) == ("plain.py", "wide.py")
    assert first["parameters"] == {"all": ALL, "trained": ALL, "backbone": BACKBONE}
    counted = {"multiply_adds": MULTIPLY_ADDS, "flops": 2 * MULTIPLY_ADDS, "uncounted": []}
    assert first["inference"] == counted
    assert second["inference"]["flops"] == 4 * first["inference"]["flops"]
    assert [first["timing"][k]["images"] for k in ("single", "batch", "training")] == [1, 3, 3]
    assert all(speed["seconds"] > 0 for speed in second["timing"].values())
    text = (plain / "costs/a.md").read_text()
    for said in (out, text):
        for words in ("16x16 pixels, 3 bands", "settings: lookahead_k=0", "32-true", "batch of 3",
                      f"torch {torch.__version__}", "plain.py", "wide.py"):  # fmt: skip
            assert words in said
    head, line, *rows = (row for row in text.splitlines() if row.startswith("|"))
    assert {row.count("|") for row in (head, line, *rows)} == {15}
    assert len(rows) == 2


def test_a_second_run_replaces_the_files_of_the_first(plain):
    arguments = ("-c", "plain.py", "--size", 16, "--no-timing", "--json", "a.json")
    tool(plain, *arguments)
    tool(plain, *arguments, "net.width=4")
    assert json.loads((plain / "a.json").read_text())["networks"][0]["parameters"]["all"] < ALL


def test_times_in_two_precisions_are_no_table(plain):
    shutil.copy(plain / "plain.py", plain / "rough.py")
    with (plain / "rough.py").open("a") as file:
        file.write('precision = "bf16-mixed"\n')
    both = ("-c", "plain.py", "rough.py", "--size", "16")
    words = ("plain.py 32-true", "rough.py bf16-mixed", "--no-timing")
    refused(plain, *words, script="tools/complexity.py", arguments=both)
    tool(plain, *both, "--no-timing")
    assert "bf16-mixed, torch" in tool(plain, *both, "precision=bf16-mixed").out


def test_a_fault_is_of_a_named_config(plain):
    (plain / "bare.py").write_text(CONFIG.replace(', masks="index"', ""))
    result = run_here(plain, "tools/complexity.py", "-c", "plain.py", "bare.py", "--no-timing")
    assert result.status == 1
    assert "error: bare.py: classes must map each name to its color" in result.error


def test_a_config_named_twice_is_refused(plain):
    result = run_here(plain, "tools/complexity.py", "-c", "plain.py", "./plain.py", "--no-timing")
    assert result.status == 1
    assert "named 2 times" in result.error


def test_memory_holds_weights_gradients_and_the_state_of_the_optimizer(plain):
    timing = cost("net.width=200_000", size=4, timed=True).timing
    weights = 4 * (3 * 16 + 1 + 3) * 200_000
    if timing.single.memory is None:
        pytest.skip("this system does not tell")
    assert weights < timing.single.memory < 2 * weights
    # Weights, gradients, two moments of AdamW, and Lookahead's slow weights.
    assert 5 * weights < timing.training.memory < 9 * weights


def test_a_batch_that_a_norm_does_not_take_is_named(plain):
    with (plain / "plain.py").open("a") as file:
        file.write(
            "class Normed(Net):\n"
            "    def __init__(self, num_classes):\n"
            "        super().__init__(num_classes)\n"
            "        pooled = nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(8)\n"
            "        self.features = nn.Sequential(self.features, *pooled)\n"
            "net = partial(Normed)\n"
        )
    with pytest.raises(ConfigError, match=r"Normed.*training on a batch of 1.*another batch"):
        cost(batch=1)
    assert isinstance(cost(batch=2).parameters.all, int)
    assert nn.BatchNorm2d(8).training
