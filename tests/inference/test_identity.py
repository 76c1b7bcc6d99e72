"""What differs from the training is said or refused: network, classes, normalisation."""

import inspect
import json
import shutil

import pytest
import torch

from network.experiment import Experiment
from network.inference.trained_network import Trained
from network.models import BiCoR
from tests.conftest import refused, run_here

LAST = "model_weights/own/bicor/last.ckpt"
BEST = "model_weights/own/bicor/best.ckpt"
CONFIG = ("-c", "bicor.py")
TEST = ("test.py", (*CONFIG, "-o", "new"))
PREDICT = ("predict.py", (*CONFIG, "data/own/images/scene_000.jpg", "-o", "new"))
RESUME = ("train.py", (*CONFIG, "--resume", LAST, "max_epoch=2"))
SCRIPTS = (TEST, PREDICT, RESUME)
# Another value of every setting of the network.
OTHER = {
    "backbone": "resnet18",
    "embed_dim": 48,
    "num_hbis": 3,
    "topk_ratio": 0.5,
    "min_pixels": 9,
    "mix": 0.25,
    "temperature": 2.0,
    "input_scale": 0.5,
    "backbone_options": {"drop_path_rate": 0.1},
    "f2ce": False,
    "ce2f": False,
    "embed_std": 1.0,
}
FROM_THE_DATASET = {"num_classes": 7, "in_chans": 4}
FOR_INFORMATION = {"pretrained"}
WITHOUT_EFFECT = {"checkpointing"}


@pytest.fixture(scope="module")
def run(folder_template, tmp_path_factory):
    """A training, and what test and prediction give with its config."""
    root = tmp_path_factory.mktemp("identity") / "work"
    shutil.copytree(folder_template, root)
    with (root / "bicor.py").open("a") as config:
        config.write("sample_every = 0\nlr = 0.01\n")
    for script, arguments in (("train.py", CONFIG), TEST, PREDICT):
        result = run_here(root, script, *arguments)
        assert result.status == 0, result.error
        assert "note: network" not in result.out
    (root / "new").rename(root / "first")
    return root


@pytest.fixture
def work(run, tmp_path):
    root = tmp_path / "work"
    shutil.copytree(run, root)
    return root


def add(root, text):
    with (root / "bicor.py").open("a") as config:
        config.write(f"{text}\n")


def scores(root, folder):
    return json.loads((root / folder / "results.json").read_text())["scores"]


def test_every_setting_of_the_network_is_looked_at():
    known = inspect.signature(BiCoR).parameters
    assert {*OTHER, *FROM_THE_DATASET, *FOR_INFORMATION, *WITHOUT_EFFECT} == {*known}
    assert all(known[name].default != value for name, value in OTHER.items())


@pytest.mark.parametrize("name", OTHER)
def test_another_setting_in_the_config(work, name):
    add(work, f"net = partial(net, {name}={OTHER[name]!r})")
    refused(work, "cannot be resumed", name, f"(config: {OTHER[name]!r})",
            script=RESUME[0], arguments=RESUME[1])  # fmt: skip
    said = f"network settings from the checkpoint: {name}="
    for script, arguments in (TEST, PREDICT):
        result = run_here(work, script, *arguments)
        assert result.status == 0, result.error
        assert [line for line in result.out.splitlines() if said in line] == [
            f"note: {said}{trained_value(name)!r} (config: {OTHER[name]!r})"
        ]
    assert scores(work, "new") == scores(work, "first")
    assert (work / "new/scene_000.png").read_bytes() == (work / "first/scene_000.png").read_bytes()
    results = json.loads((work / "new/results.json").read_text())
    assert f"{name}={trained_value(name)!r}" in results["settings"]["net"]
    assert said in results["checkpoint"]["notes"][0]


def trained_value(name):
    given = {"backbone": "test_convnext", "embed_dim": 32}
    return given.get(name, inspect.signature(BiCoR).parameters[name].default)


@pytest.mark.parametrize("name", OTHER)
@pytest.mark.parametrize(("script", "arguments"), SCRIPTS)
def test_another_setting_on_the_command_line(run, script, arguments, name):
    value = OTHER[name]
    override = f"net.{name}={value}"
    asked = f"({'config' if script == 'train.py' else 'command line'}: {value!r})"
    refused(run, f"{name}={trained_value(name)!r} {asked}",
            script=script, arguments=(*arguments, override))  # fmt: skip


@pytest.mark.parametrize("name", FROM_THE_DATASET)
@pytest.mark.parametrize(("script", "arguments"), SCRIPTS)
def test_a_setting_that_the_dataset_decides(run, script, arguments, name):
    override = f"net.{name}={FROM_THE_DATASET[name]}"
    refused(run, f"{override}, but the dataset has", script=script,
            arguments=(*arguments, override))  # fmt: skip


def test_weights_that_a_training_starts_from_are_not_asked_for(work):
    add(work, "net = partial(net, pretrained='not there.pth')")
    for script, arguments in SCRIPTS:
        result = run_here(work, script, *arguments)
        assert result.status == 0, result.error
        assert "note: network" not in result.out


def listing(root, change):
    path = root / "data/own/dataset.yaml"
    path.write_text(change(path.read_text()))


def lines_reversed(text):
    head, _, rest = text.partition("classes:\n")
    lines = rest.splitlines(keepends=True)
    end = next(i for i, line in enumerate(lines) if not line.startswith(" "))
    return f"{head}classes:\n{''.join(lines[:end][::-1] + lines[end:])}"


def colors_swapped(text):
    first, second = "[0, 0, 255]", "[255, 255, 0]"
    assert first in text and second in text
    return text.replace(first, "x").replace(second, first).replace("x", second)


DATASETS = {
    "order": (lambda root: listing(root, lines_reversed), ["class 0=", "class 5="]),
    "a name": (
        lambda root: listing(root, lambda text: text.replace("Tree:", "Shrub:")),
        ["='Tree' (config: 'Shrub')"],
    ),
    "a class more": (
        lambda root: listing(
            root, lambda text: text.replace("ignore_colors:", "  Pool: [9, 9, 9]\nignore_colors:")
        ),
        ["trained with 6 classes", "has 7", "only here: Pool"],
    ),
    "colors that change places": (
        lambda root: listing(root, colors_swapped),
        ["=[0, 0, 255] (config: [255, 255, 0])"],
    ),
    "mean": (
        lambda root: add(root, "dataset = partial(dataset, mean=(0.5, 0.456, 0.406))"),
        ["mean=[0.485, 0.456, 0.406] (config: [0.5, 0.456, 0.406])"],
    ),
    "std": (
        lambda root: add(root, "dataset = partial(dataset, std=(0.229, 0.224, 0.3))"),
        ["std=[0.229, 0.224, 0.225] (config: [0.229, 0.224, 0.3])"],
    ),
}


@pytest.mark.parametrize("kind", DATASETS)
def test_another_dataset_is_refused(work, kind):
    change, words = DATASETS[kind]
    change(work)
    for script, arguments in (*SCRIPTS, ("tools/heatmaps.py", (*CONFIG, "-o", "new"))):
        refused(work, "trained for another dataset", *words, script=script, arguments=arguments)


SAID = {
    "a color": (
        lambda root: listing(root, lambda text: text.replace("[255, 0, 0]", "[200, 0, 0]")),
        "=[255, 0, 0] (config: [200, 0, 0])",
    ),
    "unscored": (
        lambda root: listing(root, lambda text: f"{text}\nunscored: [Tree]\n"),
        "unscored=[] (config: ['Tree'])",
    ),
    "name": (
        lambda root: add(root, "dataset = partial(dataset, name='other')"),
        "dataset='own' (config: 'other')",
    ),
}


@pytest.mark.parametrize("kind", SAID)
def test_what_may_be_right_is_said(work, kind):
    change, words = SAID[kind]
    change(work)
    add(work, "check_data = False")
    result = run_here(work, *PREDICT[:1], *PREDICT[1], "--ckpt", BEST)
    assert result.status == 0, result.error
    (note,) = [line for line in result.out.splitlines() if words in line]
    assert note.startswith(f"note: not as {BEST} was trained: ")
    if kind == "unscored":
        refused(work, "cannot be resumed", words, arguments=RESUME[1])


def test_a_network_of_another_class(work):
    add(work, "class Other(BiCoR):\n    pass\nnet = partial(Other, **net.keywords)")
    for script, arguments in SCRIPTS:
        refused(work, "network.models.bicor.BiCoR (config: config.Other)",
                script=script, arguments=arguments)  # fmt: skip


OWN_NETWORK = """
class Part:
    def __init__(self, depth=1):
        self.depth = depth

def build(num_classes, width, parts=Part, act=None, **options):
    return BiCoR("test_convnext", num_classes, width, **options)

net = partial(build, 32, act=partial(Part, depth=2), min_pixels=8, mix=0.25)
"""


def test_a_network_that_the_config_defines(work):
    add(work, OWN_NETWORK.replace("partial(build, 32", "partial(build, width=32"))
    assert run_here(work, "train.py", *CONFIG).status == 0
    record = torch.load(work / BEST, weights_only=True)["identity"]
    assert record["network"] == "config.build"
    assert record["settings"] == {"num_classes": 6, "width": 32, "min_pixels": 8, "mix": 0.25}
    assert record["objects"] == {"parts": "Part", "act": "Part(depth=2)"}

    moved = work.rename(work.with_name("elsewhere"))
    (moved / "bicor.py").rename(moved / "renamed.py")
    arguments = ("-c", "renamed.py", "-o", "new", "--ckpt", BEST)

    def adapted(old, new):
        text = (moved / "renamed.py").read_text()
        (moved / "renamed.py").write_text(text.replace(old, new))

    result = run_here(moved, "test.py", *arguments)
    assert result.status == 0, result.error
    assert "note: network" not in result.out and "note: not as" not in result.out
    adapted("width=32", "width=48")
    adapted(", mix=0.25", "")
    result = run_here(moved, "test.py", *arguments)
    assert result.status == 0, result.error
    assert (
        "note: network settings from the checkpoint: width=32 (config: 48), mix=0.25 (config: None)"
        in result.out
    )
    refused(moved, "width=32 (command line: 64)", script="test.py",
            arguments=(*arguments, "net.width=64"))  # fmt: skip
    adapted("act=partial(Part, depth=2)", "act=partial(Part, depth=3)")
    refused(moved, "act='Part(depth=2)' (config: 'Part(depth=3)')", "cannot be taken",
            script="test.py", arguments=arguments)  # fmt: skip


def test_arguments_without_names(work):
    add(work, "net = partial(BiCoR, 'resnet18', embed_dim=48)")
    result = run_here(work, TEST[0], *TEST[1])
    assert result.status == 0, result.error
    assert "backbone='test_convnext' (config: 'resnet18'), embed_dim=32" in result.out
    assert scores(work, "new") == scores(work, "first")


def changed_checkpoint(root, change):
    for path in (root / BEST, root / LAST):
        content = torch.load(path, weights_only=True)
        change(content)
        torch.save(content, path)


def test_a_checkpoint_from_before(work):
    changed_checkpoint(work, lambda content: content.pop("identity"))
    for script, arguments in SCRIPTS:
        result = run_here(work, script, *arguments)
        assert result.status == 0, result.error
        (note,) = [line for line in result.out.splitlines() if "cannot be checked" in line]
        for word in ("note: ", "topk_ratio", "mix", "temperature", "input_scale", "mean", "order"):
            assert word in note
    assert "identity" in torch.load(work / LAST, weights_only=True)


def test_a_setting_that_is_newer_than_the_checkpoint(work):
    changed_checkpoint(work, lambda content: content["identity"]["settings"].pop("mix"))
    for script, arguments in (TEST, RESUME):
        result = run_here(work, script, *arguments)
        assert result.status == 0, result.error
        assert "does not say" not in result.out
    changed_checkpoint(work, lambda content: content["identity"]["settings"].pop("mix", None))
    add(work, "net = partial(net, mix=0.25)")
    result = run_here(work, *TEST[:1], *TEST[1])
    assert result.status == 0
    assert "does not say mix; as the config says: mix=0.25" in result.out
    refused(work, "mix=None (config: 0.25)", arguments=RESUME[1])


def test_a_test_says_with_what_the_network_was_trained(work):
    add(work, "seed = 7\nlr = 0.5")
    assert run_here(work, *TEST[:1], *TEST[1]).status == 0
    results = json.loads((work / "new/results.json").read_text())
    assert (results["settings"]["lr"], results["training"]["lr"]) == ("0.5", "0.01")
    assert (results["training"]["seed"], results["seed"]) == ("42", 42)
    changed_checkpoint(work, lambda content: content.pop("settings"))
    assert run_here(work, *TEST[:1], *TEST[1]).status == 0
    results = json.loads((work / "new/results.json").read_text())
    assert "training" not in results
    assert results["seed"] == 7


@pytest.mark.parametrize("record", [3, {"lr": "1"}, {"seed": 3}, {"seed": "many"}])
def test_damaged_settings_of_the_training(work, record):
    changed_checkpoint(work, lambda content: content.update(settings=record))
    refused(work, "ckpt: its record of the training's settings is damaged",
            script=TEST[0], arguments=TEST[1])  # fmt: skip


@pytest.mark.parametrize(
    "record", ["text", {}, {"classes": 3}, None], ids=["text", "empty", "lacking", "None"]
)
def test_a_damaged_record(work, record):
    changed_checkpoint(work, lambda content: content.update(identity=record))
    for script, arguments in SCRIPTS:
        refused(work, "ckpt: its record of network and dataset", "damaged",
                script=script, arguments=arguments)  # fmt: skip


def test_the_optimizer_is_not_kept_in_memory(run, monkeypatch):
    monkeypatch.chdir(run)
    assert "optimizer_states" in torch.load(BEST, weights_only=True)
    trained = Trained.open(Experiment.load("bicor.py"))
    assert {"epoch", "protocol", "identity"} <= trained.stored.keys()
    assert not [value for value in trained.stored.values() if "Tensor" in str(type(value))]
    assert "optimizer_states" not in trained.stored and "state_dict" not in trained.stored
