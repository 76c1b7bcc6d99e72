"""A checkpoint under the published names gives the network that it came from."""

import json
import math

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from network.experiment import Experiment
from network.inference.checkpoint_files import load_network
from tests.conftest import files_of, refused, run_here
from tests.models import reference

CLASSES = 6


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.dict_to_feat = nn.Linear(c, c, bias=False)
        self.feat_to_dict = nn.Conv2d(c, c, 1, bias=False)
        self.gate_mlp = nn.Sequential(nn.Linear(2 * c, c), nn.GELU(), nn.Linear(c, c))
        self.cand_mlp = nn.Sequential(nn.Linear(c, c), nn.GELU(), nn.Linear(c, c))
        self.gamma_proj, self.beta_proj = nn.Linear(c, c), nn.Linear(c, c)
        self.feat_ln, self.dict_ln = nn.LayerNorm(c), nn.LayerNorm(c)

    def refine(self, ce, f, count):
        """One image: CE [N, C], F [S, C]."""
        normed_f = reference.layer_norm(f, self.feat_ln)
        normed_ce = reference.layer_norm(ce, self.dict_ln)
        h = (normed_ce @ self.dict_to_feat.weight.T) @ normed_f.T / math.sqrt(f.shape[1])
        new = []
        for n in range(len(ce)):
            best = h[n].topk(count).indices
            weight = torch.sigmoid(h[n][best])
            values = normed_f[best] @ self.feat_to_dict.weight[:, :, 0, 0].T
            context = (weight / (weight.sum() + 1e-6)) @ values
            gate = torch.sigmoid(reference.mlp(self.gate_mlp, torch.cat([normed_ce[n], context])))
            new.append(gate * reference.mlp(self.cand_mlp, context) + (1 - gate) * ce[n])
        new = torch.stack(new)
        gamma = 1 + torch.tanh(new @ self.gamma_proj.weight.T + self.gamma_proj.bias)
        beta = new @ self.beta_proj.weight.T + self.beta_proj.bias
        shares = torch.softmax(h, dim=0)
        modulated = sum(shares[n][:, None] * (gamma[n] * f + beta[n]) for n in range(len(ce)))
        return new, 0.5 * f + 0.5 * modulated, h


class Published(nn.Module):
    """The network under the published names, word by word."""

    def __init__(self, backbone, channels, layers, widths, classes=CLASSES):
        super().__init__()
        whole = backbone(weights=None)
        self.encoder = nn.Sequential(whole.features, whole.avgpool)
        self.proj_layers = nn.ModuleList(
            nn.ModuleDict({"proj": nn.Linear(width, channels)}) for width in widths
        )
        self.feature_aggregator = nn.Conv2d(4 * channels, channels, 1, bias=False)
        decoder = self.decoder = nn.Module()
        decoder.class_dict = nn.ModuleDict({"class_embed": nn.Embedding(classes, channels)})
        decoder.bicor_stack = nn.Module()
        decoder.bicor_stack.layers = nn.ModuleList(Layer(channels) for _ in range(layers))
        norm = nn.LayerNorm(channels // 4, eps=1e-6)
        decoder.upsampler = nn.Sequential(nn.PixelShuffle(2), norm)
        decoder.classifier_proj = nn.Linear(channels, channels // 16, bias=False)
        decoder.static_classifier = nn.Linear(channels, channels // 16, bias=False)
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                if parameter.ndim == 1:
                    parameter.uniform_(0.5, 1.5) if "weight" in name else parameter.uniform_(-1, 1)
                if "layer_scale" in name:
                    parameter.uniform_(0.1, 0.5)

    def forward(self, x, ratio):
        levels = []
        for index, part in enumerate(self.encoder[0]):
            x = part(x)
            if index % 2:
                levels.append(x)
        size = levels[0].shape[-2:]
        projected = [
            layer["proj"](level.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
            for layer, level in zip(self.proj_layers, levels, strict=True)
        ]
        same = [F.interpolate(level, size, mode="bilinear") for level in projected]
        f0 = self.feature_aggregator(torch.cat(same[::-1], dim=1))
        logits, heatmaps = [], []
        for image in f0:
            ce, f = self.decoder.class_dict["class_embed"].weight, image.flatten(1).T
            count = min(max(round(ratio * len(f)), 64), len(f))
            for layer in self.decoder.bicor_stack.layers:
                ce, f, h = layer.refine(ce, f, count)
            y = F.pixel_shuffle(f.T.unflatten(1, size), 2).permute(1, 2, 0)
            y = reference.layer_norm(y, self.decoder.upsampler[1]).permute(2, 0, 1)
            y = F.gelu(F.pixel_shuffle(F.gelu(y), 2))
            classifier = ce @ self.decoder.classifier_proj.weight.T
            logits.append(torch.einsum("nc,chw->nhw", classifier, y))
            heatmaps.append(h.unflatten(1, size))
        return torch.stack(logits), torch.stack(heatmaps), f0


TINY = (torchvision.models.convnext_tiny, 32, 2, (96, 192, 384, 768))
COMMAND = ("-c", "bicor.py", "net.backbone=convnext_tiny")


@pytest.fixture(scope="module")
def published():
    torch.manual_seed(3)
    return Published(*TINY)


def convert(root, content, *arguments):
    torch.save(content, root / "source.ckpt")
    return run_here(root, "tools/convert_checkpoint.py", "source.ckpt", "new/converted.ckpt",
                    *arguments)  # fmt: skip


def lightning(net):
    return {"epoch": 44, "state_dict": {f"net.{k}": v for k, v in net.state_dict().items()}}


def agree(root, net, overrides, ratio):
    experiment = Experiment.load(root / "bicor.py", overrides)
    spec = (
        Experiment.load(root / "bicor.py", [f"dataset.root={root}/data/own"]).build_dataset().spec
    )
    found, stored, _ = load_network(experiment, spec, root / "new/converted.ckpt")
    x = torch.randn(2, 3, 64, 96, dtype=torch.float64)
    with torch.no_grad():
        out = found.double().train()(x)
        logits, heatmaps, f0 = net.double().eval()(x, ratio)
        f0_aux = found.head(f0, (net.decoder.static_classifier(
            net.decoder.class_dict["class_embed"].weight)).expand(2, -1, -1))  # fmt: skip
    net.float()
    torch.testing.assert_close(out.logits, logits, rtol=0, atol=1e-9)
    torch.testing.assert_close(out.heatmaps[-1], heatmaps, rtol=0, atol=1e-9)
    torch.testing.assert_close(out.aux_logits, f0_aux, rtol=0, atol=1e-9)
    return stored


@pytest.mark.parametrize("wrapped", [True, False])
def test_the_same_logits(own, published, wrapped):
    content = lightning(published) if wrapped else published.state_dict()
    overrides = ("net.backbone=convnext_tiny", "net.topk_ratio=0.3")
    result = convert(own, content, "-c", "bicor.py", *overrides)
    assert result.status == 0, result.error
    stored = agree(own, published, overrides, 0.3)
    assert stored.get("epoch") == (44 if wrapped else None)


def test_the_published_size_with_three_layers(own):
    torch.manual_seed(4)
    net = Published(torchvision.models.convnext_base, 256, 3, (128, 256, 512, 1024))
    overrides = ("net.backbone=convnext_base", "net.embed_dim=256", "net.num_hbis=3")
    result = convert(own, lightning(net), "-c", "bicor.py", *overrides)
    assert result.status == 0, result.error
    agree(own, net, overrides, 1.0)


def test_a_converted_checkpoint_is_tested(own, published):
    assert convert(own, lightning(published), *COMMAND).status == 0
    result = run_here(own, "test.py", *COMMAND, "-o", "out", "--ckpt", "new/converted.ckpt")
    assert result.status == 0, result.error
    checkpoint = json.loads((own / "out/results.json").read_text())["checkpoint"]
    assert checkpoint["epoch"] == 45
    assert checkpoint["converted"]["from"] == "source.ckpt"


def spoilt(net, change):
    weights = dict(net.state_dict())
    change(weights)
    return weights


SHAPE = "decoder.upsampler.1.weight"
SPOILT = {
    "unknown decoder.more": lambda w: w.update({"decoder.more": torch.zeros(1)}),
    "unknown encoder.0.1.0.block.9.weight": lambda w: w.update(
        {"encoder.0.1.0.block.9.weight": torch.zeros(1)}
    ),
    "missing: what is encoder.backbone.net.stages_3.blocks.2.mlp.fc2.bias": lambda w: w.pop(
        "encoder.0.7.2.block.5.bias"
    ),
    "missing: what is hbis.1.ce2f.beta.weight here": lambda w: w.pop(
        "decoder.bicor_stack.layers.1.beta_proj.weight"
    ),
    f"{SHAPE} is 9, not 8": lambda w: w.update({SHAPE: torch.zeros(9)}),
    "not a checkpoint of the published": lambda w: w.pop("decoder.class_dict.class_embed.weight"),
    "7 classes, but the config's dataset 6": lambda w: w.update(
        {"decoder.class_dict.class_embed.weight": torch.zeros(7, 32)}
    ),
    "and 13 more": lambda w: [
        w.pop(k) for k in list(w) if k.startswith("encoder.0.7.2") or k.startswith("encoder.0.7.1")
    ],
    "source.ckpt is not a state dict": lambda w: w.update(hyper_parameters="all of them"),
}


@pytest.mark.parametrize("words", SPOILT)
def test_what_does_not_fit_is_listed(own, published, words):
    torch.save(spoilt(published, SPOILT[words]), own / "source.ckpt")
    refused(own, words, script="tools/convert_checkpoint.py",
            arguments=("source.ckpt", "new.ckpt", *COMMAND))  # fmt: skip


@pytest.mark.parametrize(
    ("words", "override"),
    [
        ("num_hbis 2, the config's network 3: add net.num_hbis=2", "net.num_hbis=3"),
        ("embed_dim 32, the config's network 48: add net.embed_dim=32", "net.embed_dim=48"),
        ("set net.backbone=convnext_base", "net.backbone=resnet18"),
        ("does not fit", "net.backbone=convnext_small"),
    ],
)
def test_a_config_of_another_network(own, published, words, override):
    torch.save(published.state_dict(), own / "source.ckpt")
    refused(own, words, script="tools/convert_checkpoint.py",
            arguments=("source.ckpt", "new.ckpt", *COMMAND, override))  # fmt: skip


class Evil:
    def __reduce__(self):
        return (open, ("harm", "w"))


def test_files_that_are_no_checkpoints(own):
    def refuse(*words):
        refused(own, *words, script="tools/convert_checkpoint.py",
                arguments=("source.ckpt", "new.ckpt", *COMMAND))  # fmt: skip

    refuse("no checkpoint source.ckpt")
    torch.save({"state_dict": Evil()}, own / "source.ckpt")
    refuse("source.ckpt cannot be read as a checkpoint")
    assert not (own / "harm").exists()
    torch.save([torch.zeros(1)], own / "source.ckpt")
    refuse("it holds a list")
    torch.save({}, own / "source.ckpt")
    refuse("holds no weights")


def test_an_existing_file_is_not_overwritten(own, published):
    assert convert(own, lightning(published), *COMMAND).status == 0
    before = files_of(own / "new")
    again = convert(own, lightning(published), *COMMAND)
    assert again.status == 1
    assert "new/converted.ckpt exists" in again.error
    assert files_of(own / "new") == before
