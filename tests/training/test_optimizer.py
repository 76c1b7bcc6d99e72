"""Which parameters are trained, at which rate, and with which decay."""

from types import SimpleNamespace

import pytest
import timm
import torch
from timm.layers import convert_sync_batchnorm
from timm.optim import param_groups_layer_decay
from torch.nn import SyncBatchNorm

from network.datasets.catalog import VAIHINGEN
from network.errors import ConfigError
from network.losses import BiCoRLoss
from network.models import D2LS, BiCoR, SmpNet, UNetFormer
from network.training.freezing import freeze
from network.training.module import SegmentationModule
from network.training.optimizer import parameter_groups
from tests.conftest import refused, succeed_here

LAST = "model_weights/own/bicor/last.ckpt"
QUICK = ("train.py", "-c", "bicor.py", "repeat=3", "sample_every=0")

# Networks with where in them the network of timm lies.
NETWORKS = {
    "bicor": (lambda name: BiCoR(name, embed_dim=32), "encoder.backbone.net."),
    "d2ls": (lambda name: D2LS(name, embed_dim=32), "encoder.backbone.net."),
    "unetformer": (lambda name: UNetFormer(name, dim=32), "backbone.net."),
    "smp": (lambda name: SmpNet("fpn", name), "model.encoder.model."),
    "smp levels": (lambda name: SmpNet("fpn", name), "model.encoder.backbone.net."),
}
NETS = pytest.mark.parametrize("kind", NETWORKS)


def built(kind):
    """A network of a kind; one of smp's own encoders needs a map at stride 2."""
    build, prefix = NETWORKS[kind]
    return build("test_convnext" if kind == "smp levels" else "test_resnet"), prefix


def settings(**given):
    default = {"lr": 1e-2, "backbone_lr": None, "layer_decay": None, "weight_decay": 0.1,
               "decay_norms_and_biases": True, "freeze_backbone": False, "ema_decay": None,
               }  # fmt: skip
    return SimpleNamespace(**default | given)


def by_name(net, groups, key):
    of = {id(p): group[key] for group in groups for p in group["params"]}
    return {name: of[id(p)] for name, p in net.named_parameters() if id(p) in of}


@NETS
def test_without_settings_there_is_one_group_of_all_parameters(kind):
    net, _ = built(kind)
    (group,) = parameter_groups(net, settings())
    assert [id(p) for p in group["params"]] == [id(p) for p in net.parameters()]
    assert (group["lr"], group["weight_decay"]) == (1e-2, 0.1)


@NETS
def test_the_backbone_has_a_rate_of_its_own(kind):
    net, prefix = built(kind)
    rates = by_name(net, parameter_groups(net, settings(backbone_lr=1e-3)), "lr")
    assert rates == {
        name: 1e-3 if name.startswith(prefix) else 1e-2 for name, _ in net.named_parameters()
    }
    assert set(rates.values()) == {1e-3, 1e-2}


def test_a_pyramid_that_is_built_on_a_transformer_is_no_part_of_its_backbone():
    net = BiCoR("test_vit", embed_dim=32)
    rates = by_name(net, parameter_groups(net, settings(backbone_lr=1e-3)), "lr")
    assert rates["encoder.backbone.net.model.blocks.0.attn.qkv.weight"] == 1e-3
    assert rates["encoder.backbone.pyramid.levels.1.weight"] == 1e-2


def test_layers_of_the_backbone_slow_down_towards_the_stem():
    net = BiCoR("test_resnet", embed_dim=32)
    rates = by_name(net, parameter_groups(net, settings(layer_decay=0.5)), "lr")
    # Stem, four stages of one block each (layer1 to layer4), and the layers above the backbone.
    start = "encoder.backbone.net."
    found = [rates[start + name] for name in ("conv1.0.weight", "layer1.0.bn2.bias")]
    found += [rates[f"{start}layer{stage}.0.conv1.weight"] for stage in (2, 3, 4)]
    assert found == [1e-2 / 2**n for n in (5, 4, 3, 2, 1)]
    assert rates["class_embeddings"] == rates["encoder.fusion.mix.weight"] == 1e-2


@pytest.mark.parametrize("name", ["test_convnext", "test_vit", "test_efficientnet"])
def test_layers_are_those_of_timm(name):
    net = BiCoR(name, embed_dim=32)
    rates = by_name(net, parameter_groups(net, settings(layer_decay=0.5)), "lr")
    whole = timm.create_model(name)
    groups = param_groups_layer_decay(whole, layer_decay=0.5)
    scales = by_name(whole, groups, "lr_scale")
    expected = {name.replace(".", "_"): 1e-2 * scale for name, scale in scales.items()}
    compared = 0
    for name, rate in rates.items():
        if name.startswith("encoder.backbone.net."):
            own = name.removeprefix("encoder.backbone.net.").removeprefix("model.")
            assert rate == pytest.approx(expected[own.replace(".", "_")], rel=1e-12)
            compared += 1
    assert compared > 20


@NETS
def test_norms_and_biases_are_left_alone(kind):
    net, _ = built(kind)
    groups = parameter_groups(net, settings(decay_norms_and_biases=False))
    decays = by_name(net, groups, "weight_decay")
    assert decays == {
        name: 0.0 if p.ndim < 2 or name.endswith(".bias") else 0.1
        for name, p in net.named_parameters()
    }
    both = parameter_groups(net, settings(decay_norms_and_biases=False, backbone_lr=1e-3))
    assert by_name(net, both, "weight_decay") == decays
    assert len({(group["lr"], group["weight_decay"]) for group in both}) == len(both) == 4


def module_of(net, stages):
    given = settings(freeze_backbone=stages)
    return SegmentationModule(net, BiCoRLoss(6), VAIHINGEN, given)


@NETS
def test_a_frozen_backbone_stays_as_it_is(kind):
    net, prefix = built(kind)
    module = module_of(net, True)
    module.eval()
    module.train()
    trained = by_name(net, parameter_groups(net, settings()), "lr")
    assert trained and not [name for name in trained if name.startswith(prefix)]
    assert len(trained) == len([n for n, _ in net.named_parameters() if not n.startswith(prefix)])
    before = {name: value.clone() for name, value in net.state_dict().items()}
    net(torch.randn(2, 3, 64, 64)).logits.sum().backward()
    assert all((p.grad is None) == n.startswith(prefix) for n, p in net.named_parameters()
               if "aux" not in n)  # fmt: skip
    changed = [name for name, value in net.state_dict().items() if not value.equal(before[name])]
    assert not [name for name in changed if name.startswith(prefix)]
    modes = {name: m.training for name, m in net.named_modules() if (name + ".").startswith(prefix)}
    assert not any(modes.values())
    assert net.training


def test_frozen_stages_are_counted_from_the_stem():
    net = UNetFormer("test_resnet", dim=32)
    module_of(net, 2).train()
    backbone = net.backbone.net
    frozen = {n.partition(".")[0] for n, p in backbone.named_parameters() if not p.requires_grad}
    assert frozen == {"conv1", "bn1", "layer1", "layer2"}
    assert {n for n, m in backbone.named_children() if m.training} == {"layer3", "layer4"}
    before = {name: value.clone() for name, value in backbone.named_buffers()}
    net(torch.randn(2, 3, 64, 64))
    changed = {n.partition(".")[0] for n, b in backbone.named_buffers() if not b.equal(before[n])}
    assert changed == {"layer3", "layer4"}


def test_frozen_norms_stay_frozen_where_they_are_synchronised():
    net = UNetFormer("test_resnet", dim=32)
    freeze(net, True)
    module = module_of(convert_sync_batchnorm(net), True).train()
    norms = {n: m.training for n, m in module.net.named_modules() if isinstance(m, SyncBatchNorm)}
    assert norms == {name: not name.startswith("backbone.net.") for name in norms}
    assert len(set(norms.values())) == 2


def test_dropout_within_frozen_stages_is_off():
    options = {"pos_drop_rate": 0.5, "drop_path_rate": 0.5}
    net = BiCoR("test_vit", embed_dim=32, backbone_options=options)
    module_of(net, 2).train()
    model = net.encoder.backbone.net.model
    assert not model.pos_drop.training
    assert [block.drop_path1.training for block in model.blocks] == [False, False] + [True] * 4
    assert [block.attn.training for block in model.blocks] == [False, False] + [True] * 4


def test_more_stages_than_there_are():
    with pytest.raises(ConfigError, match="freeze_backbone=5, but the backbone has 4 stages"):
        freeze(BiCoR("test_convnext", embed_dim=32), 5)


def test_layers_that_timm_does_not_name_are_refused():
    net = torch.nn.Module()
    net.backbone = torch.nn.Conv2d(3, 3, 1)
    with pytest.raises(ConfigError, match=r"layer_decay: timm does not say.*'Conv2d'"):
        parameter_groups(net, settings(layer_decay=0.5))
    assert len(parameter_groups(net, settings(backbone_lr=1e-3))) == 1


NAMELESS = """
from network.models import BiCoROutput
from torch import nn

class Plain(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.classify = nn.Conv2d(3, num_classes, 1)

    def forward(self, x):
        return BiCoROutput(self.classify(x), None, [], [])

net = partial(Plain)
"""


@pytest.mark.parametrize("setting", ["backbone_lr=1e-5", "layer_decay=0.9", "freeze_backbone=1"])
def test_a_network_that_does_not_name_its_backbone_is_refused(own, setting):
    with (own / "bicor.py").open("a") as config:
        config.write(NAMELESS)
    refused(own, f"{setting.partition('=')[0]}: Plain does not say what its backbone is",
            "'backbone'", arguments=("-c", "bicor.py", setting))  # fmt: skip


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("backbone_lr=1e-5", "layer_decay=0.9"), "backbone_lr=1e-05 and layer_decay=0.9 both"),
        (("backbone_lr=1e-5", "freeze_backbone=True"), "freeze_backbone=True trains nothing"),
        (("layer_decay=1.5",), "layer_decay=1.5: a number above 0 and at most 1"),
        (("freeze_backbone=-1",), "freeze_backbone=-1: at least 0"),
    ],
)
def test_settings_that_make_no_sense_together(own, given, words):
    refused(own, words, arguments=("-c", "bicor.py", *given))


def test_groups_of_a_resumed_run(own):
    first = ("max_epoch=1", "backbone_lr=1e-3", "decay_norms_and_biases=False")
    succeed_here(own, *QUICK, *first)
    for changed in ("backbone_lr=None", "decay_norms_and_biases=True", "freeze_backbone=1"):
        arguments = (*QUICK[1:], *first[1:], "max_epoch=2", changed, "--resume", "auto")
        refused(own, "other groups of parameters", "freeze_backbone", arguments=arguments)
    later = ("max_epoch=2", "backbone_lr=2e-3", "lr=4e-3", "lr_min=4e-3", "weight_decay=0.5")
    succeed_here(own, *QUICK, *first[2:], *later, "--resume", "auto")
    groups = torch.load(own / LAST, weights_only=True)["optimizer_states"][0]["param_groups"]
    found = {
        (round(group["lr"], 9), group["initial_lr"], group["weight_decay"]) for group in groups
    }
    assert found == {(rate, rate, decay) for rate in (2e-3, 4e-3) for decay in (0.0, 0.5)}
