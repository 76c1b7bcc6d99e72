"""The whole network against its backbone alone, and against many classes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.measuring import Row, compare, megabytes
from network.losses import BiCoRLoss
from network.models import BiCoR
from network.models.output import segment

BACKBONE = "convnext_base"
SIDE = 512


def run() -> list[Row]:
    """Training step and inference at 512x512, batch 1, float32."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    nets = {classes: network(classes, device) for classes in (2, 7, 32)}
    image = torch.randn(1, 3, SIDE, SIDE, device=device).to(memory_format=torch.channels_last)
    steps = {f"step, {n} classes": training_step(net, image, n) for n, net in nets.items()}
    net = nets[7]
    training = steps | {"backbone, forward and backward": backbone_step(net, image)}
    testing = {
        "inference": inference(net, image),
        "backbone, forward": inference(net.encoder.backbone, image),
    }
    found = compare(training) | compare(testing)
    rows = [Row(name, measured.seconds, "s") for name, measured in found.items()]
    rows += [Row(f"{name}, added memory", megabytes(m.added), "MB") for name, m in found.items()]

    def ratio(first: str, second: str) -> float:
        return found[first].seconds / found[second].seconds

    return [
        *rows,
        Row(
            "training step / backbone's forward and backward",
            ratio("step, 7 classes", "backbone, forward and backward"),
            "x",
            "at most 1.25",
        ),
        Row(
            "inference / backbone's forward",
            ratio("inference", "backbone, forward"),
            "x",
            "at most 1.12",
        ),
        Row(
            "training step, 32 classes / 2 classes",
            ratio("step, 32 classes", "step, 2 classes"),
            "x",
            "at most 1.15",
        ),
    ]


def network(classes: int, device: str) -> BiCoR:
    """A network from random weights."""
    torch.manual_seed(0)
    net = BiCoR(BACKBONE, num_classes=classes)
    return net.to(device, memory_format=torch.channels_last)


def training_step(net: nn.Module, image: Tensor, classes: int) -> object:
    """A call that goes forward, through the loss, and back; no gradients stay."""
    mask = torch.randint(0, classes + 1, (len(image), SIDE, SIDE), device=image.device)
    loss = BiCoRLoss(ignore_index=classes)

    def call() -> None:
        net.train()
        loss(segment(net, image), mask)["total"].backward()
        net.zero_grad(set_to_none=True)

    return call


def backbone_step(net: BiCoR, image: Tensor) -> object:
    """A call that takes the backbone alone forward and back, from all levels; as above."""
    backbone = net.encoder.backbone

    def call() -> None:
        backbone.train()
        torch.autograd.backward([(level * level).sum() for level in backbone(image)])
        backbone.zero_grad(set_to_none=True)

    return call


def inference(net: nn.Module, image: Tensor) -> object:
    """A call that predicts."""

    def call() -> None:
        net.eval()
        with torch.inference_mode():
            net(image)

    return call
