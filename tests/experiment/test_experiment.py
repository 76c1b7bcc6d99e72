from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from network.datasets.catalog import VAIHINGEN
from network.errors import ConfigError
from network.experiment import Experiment
from network.experiment.values import described
from network.models.output import segment
from tests.conftest import FOLDER_CONFIG, REPOSITORY

CONFIGS = sorted((REPOSITORY / "config").glob("*/*.py"))


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(FOLDER_CONFIG)
    return path


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_every_config_loads_without_touching_data(path, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    experiment = Experiment.load(path)
    assert experiment.name == path.stem
    spec = experiment.build_dataset().spec
    experiment.build_transform(spec)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_network_and_loss_of_every_config_fit_each_other(path):
    experiment = Experiment.load(path, ["net.backbone=test_resnet", "net.pretrained=False"])
    spec = experiment.build_dataset().spec
    net = experiment.build_net(spec)
    out = segment(net, torch.randn(2, spec.num_bands, 64, 64), spec.num_classes)
    loss = experiment.with_loss(lambda: len(out.heatmaps) > 0).build_loss(spec)
    terms = loss(out, torch.randint(0, spec.num_classes + 1, (2, 64, 64)))
    assert terms["total"].isfinite()
    assert ("fisher" in terms) == (path.stem.split("_")[0] in ("bicor", "d2ls"))
    if experiment.backbone_lr is not None:
        assert next(net.backbone.parameters()) is not None


def test_overrides_reach_into_partials(config):
    experiment = Experiment.load(
        config,
        ["net.backbone=resnet18", "net.pretrained=False", "lr=3e-4", "transform.scales=(0.5,1)",
         "loss.fisher_weight=[0.1,1.1]", "accelerator=cpu", "clip_norm=1"],
    )  # fmt: skip
    assert experiment.net.keywords == {"backbone": "resnet18", "embed_dim": 32, "pretrained": False}
    assert experiment.lr == 3e-4
    assert experiment.clip_norm == 1
    assert experiment.build_transform(VAIHINGEN).scales == (0.5, 1)
    loss = experiment.with_loss(lambda: True).build_loss(VAIHINGEN)
    assert loss.fisher_weight == [0.1, 1.1]
    assert loss.ignore_index == VAIHINGEN.ignore_index
    assert experiment.name == "mine"
    assert "backbone='resnet18'" in experiment.settings()["net"]


def test_a_network_for_a_checkpoint_downloads_nothing(config):
    experiment = Experiment.load(config, ["net.pretrained=True"])
    net = experiment.build_net(VAIHINGEN, pretrained=False)
    assert net.num_classes == 6


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("max_epoch", "not of the form name=value"),
        ("max_epoch=many", "max_epoch='many' is not of type int"),
        ("max_epoch=0", "max_epoch=0: at least 1"),
        ("max_epoch=True", "not of type int"),
        ("lr=0", "above 0"),
        ("lr=1e999", "lr=inf: a number above 0"),
        ("bath_size=4", "unknown setting 'bath_size'"),
        ("train_batchsize=4", "did you mean 'train_batch_size'"),
        ("net.backbon=resnet18", "BiCoR has no parameter 'backbon'; did you mean 'backbone'"),
        ("net=BiCoR", "net is built by BiCoR; override its parameters"),
        ("lr.start=1", "does not lie in a partial"),
        ("net.topk_ratio=['a']", "net.topk_ratio"),
        ("accelerator=tpu", "one of auto, cpu, gpu, cuda"),
        ("val_every=3", "val_every=3, but max_epoch=1"),
        ("loss.ignore_index=255", "dataset has ignore_index=6; leave it out"),
    ],
)
def test_faulty_overrides(config, override, message):
    with pytest.raises(ConfigError, match=message):
        Experiment.load(config, [override]).build_loss(VAIHINGEN)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("max_epochs = 3", "unknown setting 'max_epochs'; did you mean 'max_epoch'"),
        ("lr = 1e-4 * (", "line 14: .*never closed"),
        ("lr = rate", r"line 14: NameError\(.*rate"),
        ("net = partial(BiCoR, backbon='resnet18')", "has no parameter 'backbon'"),
        ("net = 3", "net must say how to build it"),
        ("net = BiCoR('test_convnext', embed_dim=32)", "net must say how to build it"),
        ("raise SystemExit(3)", "line 14: SystemExit"),
    ],
)
def test_faulty_configs(config, line, message):
    config.write_text(FOLDER_CONFIG + "\n" + line + "\n")
    with pytest.raises(ConfigError, match=message) as caught:
        Experiment.load(config)
    assert str(config) in str(caught.value)


def test_missing_configs_and_missing_settings(tmp_path):
    with pytest.raises(ConfigError, match=r"no config file none\.py"):
        Experiment.load("none.py")
    empty = tmp_path / "empty.py"
    empty.write_text("lr = 1.0\n")
    with pytest.raises(ConfigError, match="does not set 'dataset'"):
        Experiment.load(empty)


def test_configs_of_one_name_do_not_meet(tmp_path):
    for name, rate in (("a", 1e-3), ("b", 2e-3)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "bicor.py").write_text(FOLDER_CONFIG + f"\nlr = {rate}\n")
    first = Experiment.load(tmp_path / "a/bicor.py")
    second = Experiment.load(tmp_path / "b/bicor.py")
    assert (first.lr, second.lr) == (1e-3, 2e-3)


def test_what_a_config_imports_is_no_setting(config):
    lines = "from __future__ import annotations\nfrom math import sqrt\nimport math\n"
    config.write_text(
        lines + FOLDER_CONFIG + "\ndef helper():\n    return sqrt(2)\nlr = helper()\n"
    )
    assert Experiment.load(config).lr == 2**0.5


def test_partials_that_lack_or_exceed_parameters(config):
    config.write_text(FOLDER_CONFIG + "\ndataset = partial(FolderDataset)\n")
    with pytest.raises(ConfigError, match=r"dataset: FolderDataset: missing .* 'root'"):
        Experiment.load(config).build_dataset()
    config.write_text(FOLDER_CONFIG + "\nnet = partial(BiCoR, 'test_convnext', 2)\n")
    with pytest.raises(ConfigError, match=r"net: BiCoR: multiple values .* 'num_classes'"):
        Experiment.load(config).build_net(VAIHINGEN)


def test_bands_of_network_and_dataset_must_agree(config):
    experiment = Experiment.load(config, ["net.in_chans=4"])
    with pytest.raises(ConfigError, match=r"net\.in_chans=4, but the dataset has in_chans=3"):
        experiment.build_net(VAIHINGEN)


def test_classes_and_functions_without_partial(config):
    config.write_text(
        FOLDER_CONFIG
        + """
import torch
from torch import nn

class Mine(torch.nn.Module):
    def __init__(self, num_classes, **settings):
        super().__init__()
        self.settings = settings | {"num_classes": num_classes}

net = Mine

def loss(ignore_index: int, weight: float = 1.0):
    return torch.nn.CrossEntropyLoss(ignore_index=ignore_index)
"""
    )
    experiment = Experiment.load(config, ["net.width=3", "loss.weight=2"])
    settings = experiment.build_net(VAIHINGEN, pretrained=False).settings
    assert settings == {"width": 3, "num_classes": 6}
    assert experiment.build_loss(VAIHINGEN).ignore_index == 6


def test_a_function_of_any_arguments_is_told_the_classes_if_it_names_them(config):
    config.write_text(
        FOLDER_CONFIG
        + """
import torch
from torch import nn

def net(**options):
    return torch.nn.Conv2d(3, options["classes"], 1)
"""
    )
    with pytest.raises(ConfigError, match="net: net takes neither num_classes nor classes"):
        Experiment.load(config).build_net(VAIHINGEN)
    with pytest.raises(ConfigError, match=r"net\.classes=5, but the dataset has classes=6"):
        Experiment.load(config, ["net.classes=5"]).build_net(VAIHINGEN)
    assert Experiment.load(config, ["net.classes=6"]).build_net(VAIHINGEN).out_channels == 6


def test_without_a_loss_in_the_config_the_network_decides(config):
    experiment = Experiment.load(config, ["loss.aux_weight=0.2"])
    assert experiment.settings()["loss"] == "default_loss(aux_weight=0.2)"
    for heatmaps, name in ((True, "BiCoRLoss"), (False, "SegmentationLoss")):
        loss = experiment.with_loss(lambda given=heatmaps: given)
        assert loss.settings()["loss"] == f"{name}(aux_weight=0.2)"
        assert loss.build_loss(VAIHINGEN).aux_weight == 0.2
    with pytest.raises(ConfigError, match=r"loss\.aux_weight='much' is not of type float"):
        Experiment.load(config, ["loss.aux_weight=much"]).with_loss(lambda: True)


def test_a_loss_and_a_network_of_ones_own(config):
    config.write_text(
        FOLDER_CONFIG
        + """
import torch
from torch import nn

class Mine(torch.nn.Module):
    def __init__(self, num_classes: int, width: int = 4):
        super().__init__()
        self.head = torch.nn.Conv2d(3, num_classes, 1)

class MyLoss(torch.nn.Module):
    pass

net = partial(Mine, width=8)
loss = partial(MyLoss)
"""
    )
    experiment = Experiment.load(config)
    assert experiment.build_net(VAIHINGEN, pretrained=False).head.out_channels == 6
    assert isinstance(experiment.build_loss(VAIHINGEN), torch.nn.Module)
    assert Path(experiment.config_path) == config


def test_memory_is_pinned_for_batches_that_go_to_a_gpu(own, monkeypatch):
    monkeypatch.chdir(own)
    found = {}
    for cuda in (True, False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda cuda=cuda: cuda)
        for accelerator in ("auto", "gpu", "cpu"):
            experiment = Experiment.load("bicor.py", [f"accelerator={accelerator}"])
            data = experiment.build_data(experiment.build_dataset())
            data.setup("validate")
            found[cuda, accelerator] = data.val_dataloader().pin_memory
    assert [key for key, pinned in found.items() if pinned] == [(True, "auto"), (True, "gpu")]


def test_what_is_no_network_is_refused(config):
    with config.open("a") as file:
        file.write("\ndef weights(num_classes): return [num_classes]\nnet = partial(weights)\n")
    experiment = Experiment.load(config)
    with pytest.raises(ConfigError, match=r"net: builds \[6\].*torch.nn.Module"):
        experiment.build_net(VAIHINGEN)


def test_depthwise_convolutions_of_every_network_are_kept_in_float32(config):
    overrides = ["net.backbone=tf_efficientnet_lite0"]
    net = Experiment.load(config, overrides).build_net(VAIHINGEN, pretrained=False)
    features = []
    for module in net.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            module.register_forward_hook(lambda *call: features.append(call[-1].dtype))
    with torch.autocast("cpu", torch.bfloat16):
        net.eval()(torch.zeros(1, 3, 64, 64))
    assert len(features) == 16
    assert set(features) == {torch.float32}


def test_settings_as_text_are_the_same_in_every_process():
    names = ("std", "mean", "classes", "val", "test")
    call = partial(dict, kinds=set(names), none=frozenset())
    text = "dict(kinds={'classes', 'mean', 'std', 'test', 'val'}, none=frozenset())"
    assert described(call) == text
