"""A checkpoint is used without its config, gives the same, and nothing in it is executed."""

import json
import sys

import pytest
import torch
from torch import nn

from network.datasets.catalog import LOVEDA, POTSDAM, VAIHINGEN, DatasetSpec
from network.errors import CheckpointError, ConfigError
from network.experiment import Experiment
from network.inference.identity import Identity
from network.inference.segmenter import Segmenter
from network.models import BiCoR
from network.models.recorded import build_recorded
from tests.bands.drawn import write_own
from tests.conftest import files_of, refused, succeed_here

CKPT = "model_weights/own/bicor/best.ckpt"
IMAGE = "data/own/images/scene_001_val.jpg"
PREDICT = ("--ckpt", CKPT, IMAGE, "-o", "new")
SMALL = {"backbone": "test_convnext", "num_classes": 2, "embed_dim": 16}
MANY = DatasetSpec(
    name="own", classes=("a", "b"), palette=((1, 2, 3), (4, 5, 6)), ignore_colors=((9, 9, 9),),
    unscored=("b",), bands=(4, 2, 1), band_names=("n", "g", "r"), display=(2,), alpha="mask",
    scale=(-1.0, 9.5), mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 3.0),
)  # fmt: skip


@pytest.fixture
def spoilt(trained, tmp_path):
    """Changes the identity of the checkpoint, gives the path of the changed one."""

    def change(**changes):
        content = torch.load(trained[0] / CKPT, weights_only=True)
        content["identity"] |= changes
        content["identity"] = {k: v for k, v in content["identity"].items() if v is not None}
        torch.save(content, tmp_path / "changed.ckpt")
        return tmp_path / "changed.ckpt"

    return change


def test_a_map_is_the_same_with_the_config_and_without(trained, tmp_path):
    root, _ = trained
    options = (IMAGE, "-t", "d4", "--rgb", "--probabilities", "--window", "64", "-o")
    for name, network in {"with": ("-c", "bicor.py"), "without": ("--ckpt", CKPT)}.items():
        succeed_here(root, "predict.py", *network, *options, tmp_path / name)
    assert len(files_of(tmp_path / "with")) == 4
    assert files_of(tmp_path / "with") == files_of(tmp_path / "without")
    again = succeed_here(root, "predict.py", "-c", "bicor.py", *options, tmp_path / "without")
    assert "finished before" in again.out


def test_a_map_of_16_bits_and_many_bands_is_the_same(tmp_path):
    settings = "bands: [4, 1, 2]\nscale: [300, 9000]\nmean: [0.4, 0.5, 0.4]\nstd: [0.2, 0.2, 0.3]\n"
    write_own(tmp_path, "uint16", 4, settings + "band_names: [n, g, r]\n")
    with (tmp_path / "own.py").open("a") as config:
        config.write("net = partial(net, topk_ratio=(0.4,), input_scale=2 / 3)\n")
    succeed_here(tmp_path, "train.py", "-c", "own.py")
    found = {}
    for name, network in {
        "with": ("-c", "own.py"),
        "without": ("--ckpt", "model_weights/own/own/best.ckpt"),
    }.items():
        arguments = ("data/own/images/c_val.tif", "-o", name, "-t", "lr", "--probabilities")
        succeed_here(tmp_path, "predict.py", *network, *arguments)
        found[name] = files_of(tmp_path / name)
    names = {path.name for path in found["with"]}
    assert names == {"c_val.tif", "c_val.tif.aux.xml", "c_val.qml", "predictions.json"}
    assert found["with"] == found["without"]


def test_heatmaps_are_the_same(trained, tmp_path):
    root, _ = trained
    alone = succeed_here(root, "tools/heatmaps.py", "--ckpt", CKPT, "--images", IMAGE,
                         "--classes", "Tree", "-o", tmp_path / "without")  # fmt: skip
    assert "1 figures" in alone.out
    succeed_here(root, "tools/heatmaps.py", "-c", "bicor.py", "--images", "scene_001_val",
                 "--classes", "Tree", "-o", tmp_path / "with")  # fmt: skip
    for name in ("heatmaps/scene_001_val.npz", "overlays/scene_001_val_hbis2_Tree.png"):
        assert (tmp_path / "with" / name).read_bytes() == (tmp_path / "without" / name).read_bytes()


@pytest.mark.parametrize("spec", [VAIHINGEN, POTSDAM, LOVEDA, MANY], ids=lambda spec: spec.name)
def test_the_dataset_comes_back_from_the_record(trained, monkeypatch, spec):
    monkeypatch.chdir(trained[0])
    identity = Identity.of(Experiment.load("bicor.py"), spec)
    again = Identity.recorded(json.loads(json.dumps(identity.record())), "of a test")
    assert again == identity
    assert again.spec() == spec


def test_an_earlier_record_does_not_say_the_passes_of_d4(trained, spoilt, tmp_path):
    path = spoilt(d4=None, ignore_colors=None, display=None, band_names=None)
    arguments = ("--ckpt", path, IMAGE, "-o", "new", "-t", "d4")
    refused(trained[0], "-t d4", "changed.ckpt, of an earlier version", "-c CONFIG",
            script="predict.py", arguments=arguments)  # fmt: skip
    succeed_here(trained[0], "predict.py", "--ckpt", path, IMAGE, "-o", tmp_path / "lr", "-t", "lr")
    said = succeed_here(trained[0], "predict.py", "-c", "bicor.py", "--ckpt", path, IMAGE,
                        "-o", tmp_path / "d4", "-t", "d4")  # fmt: skip
    assert "note:" not in said.out


def test_other_passes_than_those_of_the_training_are_said(trained, spoilt, tmp_path):
    path = spoilt(d4={"hflip": True, "scales": [0.5, 1.0]})
    alone = Segmenter.of_checkpoint(path, "cpu")
    assert len(alone.predictor("d4").passes) == 4
    arguments = ("-c", "bicor.py", "--ckpt", path, IMAGE, "-o", tmp_path / "new")
    said = succeed_here(trained[0], "predict.py", *arguments)
    assert "trained: d4={'hflip': True, 'scales': [0.5, 1.0]} (config: {" in said.out


def test_the_precision_of_the_training_is_kept(trained, tmp_path):
    content = torch.load(trained[0] / CKPT, weights_only=True)
    content["settings"]["precision"] = "'bf16-mixed'"
    torch.save(content, tmp_path / "half.ckpt")
    assert Segmenter.of_checkpoint(tmp_path / "half.ckpt", "cpu").precision == "bf16-mixed"
    arguments = ("--ckpt", tmp_path / "half.ckpt", IMAGE, "-o", tmp_path / "new")
    succeed_here(trained[0], "predict.py", *arguments, "precision=32-true")
    record = json.loads((tmp_path / "new/predictions.json").read_text())
    assert record["settings"]["precision"] == "32-true"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((IMAGE, "-o", "new"), ["no network", "--ckpt", "-c"]),
        ((*PREDICT, "lr=1"), ["'lr=1'", "only accelerator, devices, precision"]),
        ((*PREDICT, "net.mix=0.1"), ["'net.mix=0.1'", "without a config"]),
        ((*PREDICT, "precision=7"), ["precision=7 is not of type str"]),
        ((*PREDICT, "precision=half"), ["precision='half': one of auto"]),
        ((*PREDICT, "accelerator=tpu"), ["accelerator='tpu': one of auto"]),
        (("--ckpt", "none.ckpt", IMAGE, "-o", "new"), ["no checkpoint none.ckpt"]),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)
def test_what_cannot_be_asked_of_a_checkpoint_alone(trained, arguments, words):
    refused(trained[0], *words, script="predict.py", arguments=arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--images", IMAGE, "--split", "val"), "--split has no effect without --config"),
        ((), "--images names files or folders"),
        (("--images", "bicor.py"), "bicor.py"),
    ],
)
def test_heatmaps_of_a_checkpoint_alone_are_of_files(trained, arguments, words):
    arguments = ("--ckpt", CKPT, "-o", "new", *arguments)
    refused(trained[0], words, script="tools/heatmaps.py", arguments=arguments)


def test_a_checkpoint_without_a_record_asks_for_the_config(trained, tmp_path):
    content = torch.load(trained[0] / CKPT, weights_only=True)
    del content["identity"]
    torch.save(content, tmp_path / "old.ckpt")
    arguments = ("--ckpt", tmp_path / "old.ckpt", IMAGE, "-o", "new")
    refused(trained[0], "old.ckpt does not say what network it holds", "-c CONFIG",
            script="predict.py", arguments=arguments)  # fmt: skip


NAMES = {
    "config.Own": "Own, is defined in its config",
    "os.system": "of no installed package",
    "subprocess.Popen": "of no installed package",
    "antigravity.Fly": "of no installed package",
    "no_such_package.Net": "of no installed package",
    "beside.Net": "of no installed package",
    "torch.load": "is no class of networks",
    "torch.Tensor": "is no class of networks",
    "timm.models.no_such_module.Net": "cannot be imported",
    "torch.nn.NoSuchLayer": "cannot be imported",
    "network.models.bicor.replace": "cannot be imported",
    "network.training.module.SegmentationModule": "of no installed package",
    "": "of no installed package",
}


@pytest.mark.parametrize("name", NAMES)
def test_only_networks_that_are_installed_are_built(trained, spoilt, tmp_path, monkeypatch, name):
    (tmp_path / "beside.py").write_text(
        "from pathlib import Path\nfrom torch import nn\n"
        "Path('harm').touch()\nclass Net(nn.Module): pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    refused(trained[0], NAMES[name], "-c CONFIG", script="predict.py",
            arguments=("--ckpt", spoilt(network=name), IMAGE, "-o", "new"))  # fmt: skip
    assert not {"antigravity", "beside"} & sys.modules.keys()


def test_a_class_of_an_installed_package_is_built():
    built = build_recorded(
        "torch.nn.modules.conv.Conv2d",
        {"in_channels": 3, "out_channels": 2, "kernel_size": [3, 3]}, {}, "of a test",
    )  # fmt: skip
    assert isinstance(built, nn.Conv2d) and built.weight.shape == (2, 3, 3, 3)


def test_a_network_that_has_moved_is_found_by_its_name():
    assert isinstance(build_recorded("network.models.once.BiCoR", SMALL, {}, "of a test"), BiCoR)


@pytest.mark.parametrize(
    ("settings", "objects", "words"),
    [
        (SMALL, {"act": "GELU"}, "built with act, which are no plain values"),
        (SMALL | {"colour": 3}, {}, "cannot be built from its record .*colour"),
        (SMALL | {"embed_dim": "wide"}, {}, "cannot be built from its record"),
        (SMALL | {"backbone": "no_such_net"}, {}, "timm has no backbone 'no_such_net'"),
        (SMALL | {"backbone_options": {"checkpoint_path": "x"}}, {}, "files by checkpoint_path"),
        (SMALL | {"backbone_options": [{"pretrained": True}]}, {}, "names files by pretrained"),
    ],
)
def test_a_record_that_does_not_suffice(settings, objects, words):
    with pytest.raises(CheckpointError, match=f"of a test: .*{words}"):
        build_recorded("network.models.bicor.BiCoR", settings, objects, "of a test")


def test_weights_that_are_not_those_of_the_record(spoilt):
    settings = {"backbone": "test_convnext", "num_classes": 6, "embed_dim": 16}
    with pytest.raises(CheckpointError, match="than its own record builds"):
        Segmenter.of_checkpoint(spoilt(settings=settings), "cpu")


@pytest.mark.parametrize(
    "changes",
    [
        {"d4": {"hflip": 3}},
        {"d4": {"scales": []}},
        {"d4": {"scales": [-1.0]}},
        {"d4": {"hflip": True, "twist": True}},
        {"colors": [[1, 2]] * 6},
        {"colors": [[1, 2, 300]] * 6},
        {"classes": [3] * 6},
        {"scale": [1.0, 2.0, 3.0]},
        {"scale": [2.0, 1.0]},
        {"mean": [0.1]},
        {"display": [9]},
    ],
    ids=str,
)
def test_a_dataset_that_cannot_be_is_a_damaged_record(spoilt, changes):
    with pytest.raises(CheckpointError, match=r"changed\.ckpt: its record .* is damaged"):
        Segmenter.of_checkpoint(spoilt(**changes), "cpu")


def test_bands_without_a_normalisation(spoilt):
    with pytest.raises(ConfigError, match="no mean and std"):
        Segmenter.of_checkpoint(spoilt(mean=[], std=[]), "cpu")
