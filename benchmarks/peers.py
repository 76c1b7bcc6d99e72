"""BiCoR beside the networks that it is compared with, on the same backbone."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from benchmarks.measuring import Row, compare, megabytes
from benchmarks.model import BACKBONE, SIDE, backbone_step, inference, training_step
from network.complexity.cost import Parameters
from network.complexity.operations import count_operations, without_gradients
from network.models import D2LS, BiCoR, SmpNet, UNetFormer

ARCHITECTURES = (
    *("unet", "unetplusplus", "manet", "linknet", "fpn", "pspnet", "pan"),
    *("deeplabv3", "deeplabv3plus", "upernet", "segformer"),
)
"""Those of segmentation_models_pytorch that take a pyramid."""
NETWORKS = {"BiCoR": BiCoR, "D2LS": D2LS, "UNetFormer": UNetFormer} | {
    name: partial(SmpNet, architecture=name) for name in ARCHITECTURES
}
CLASSES = 7
PUBLISHED = {"UNetFormer": ("resnet18", 11.7)}
"""Backbone and millions of parameters where a paper names them (6 classes)."""


def run() -> list[Row]:
    """Size, multiply-adds, training step and inference at 512x512, batch 2, float32."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    image = torch.randn(2, 3, SIDE, SIDE, device=device).to(memory_format=torch.channels_last)
    nets = {name: network(name, BACKBONE, CLASSES, device) for name in NETWORKS}
    rows = [row for name in NETWORKS for row in sizes(name, BACKBONE, CLASSES)]
    for name, (backbone, published) in PUBLISHED.items():
        found, *others = sizes(name, backbone, 6)
        rows += [found._replace(aim=f"published {published}"), *others]
    bicor = nets["BiCoR"]
    for what, call, backbone, aim in (
        (
            "training step",
            partial(training_step, image=image, classes=CLASSES),
            backbone_step(bicor, image),
            1.15,
        ),
        ("inference", partial(inference, image=image), inference(bicor.backbone, image), 1.08),
    ):
        calls = {"backbone alone": backbone} | {name: call(net) for name, net in nets.items()}
        measured = compare(calls, rounds=3, warmup=1)
        own = measured["BiCoR"].seconds
        for name, found in measured.items():
            rows += [
                Row(f"{name}, {what}", found.seconds, "s", f"{found.seconds / own:.2f} of BiCoR"),
                Row(f"{name}, {what}, added memory", megabytes(found.added), "MB"),
            ]
        ratio = own / measured["backbone alone"].seconds
        rows.append(Row(f"BiCoR / backbone alone, {what}", ratio, "x", f"at most {aim}"))
    return rows


def network(name: str, backbone: str, classes: int, device: str) -> nn.Module:
    """A network from random weights."""
    torch.manual_seed(0)
    net = NETWORKS[name](backbone=backbone, num_classes=classes)
    return net.to(device, memory_format=torch.channels_last)


def sizes(name: str, backbone: str, classes: int) -> list[Row]:
    """Parameters, and what an image costs: a multiply-add is two floating point operations."""
    net = network(name, backbone, classes, "cpu").eval()
    with without_gradients(net):
        operations = count_operations(lambda: net(torch.zeros(1, 3, SIDE, SIDE))).flops
    parameters = Parameters.of(net).all
    what = f"{name}, {backbone}, {classes} classes"
    return [
        Row(f"{what}, parameters", parameters / 1e6, "million"),
        Row(f"{what}, multiply-adds at {SIDE}x{SIDE}", operations / 2e9, "billion"),
        Row(f"{what}, floating point operations", operations / 1e9, "billion"),
    ]
