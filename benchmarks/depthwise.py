"""Depthwise convolutions under autocast on a CPU: in bfloat16, and kept in float32."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from benchmarks.measuring import Row, compare
from benchmarks.model import SIDE, training_step
from network.models import BiCoR
from network.models.depthwise import with_exact_depthwise

BACKBONE, BATCH, CLASSES = "tf_efficientnet_lite0", 2, 6


def run() -> list[Row]:
    """A training step of BiCoR on a backbone of depthwise convolutions."""
    image = torch.randn(BATCH, 3, SIDE, SIDE).to(memory_format=torch.channels_last)
    plain, exact = (network(exact) for exact in (False, True))
    float32, bf16, kept = "float32", "bf16", "bf16, depthwise in float32"
    step = partial(training_step, image=image, classes=CLASSES)
    found = compare(
        {float32: step(plain), bf16: rough(step(plain)), kept: rough(step(exact))}, rounds=3
    )
    return [
        Row(
            f"BiCoR, {BACKBONE}, {SIDE} pixels, batch {BATCH}, training step, {name}",
            measured.seconds,
            "s",
            f"{measured.seconds / found[float32].seconds:.2f} of float32",
        )
        for name, measured in found.items()
    ]


def network(exact: bool) -> BiCoR:
    """From random weights."""
    torch.manual_seed(0)
    net = BiCoR(BACKBONE, num_classes=CLASSES).to(memory_format=torch.channels_last)
    return with_exact_depthwise(net) if exact else net


def rough(step: Callable[[], object]) -> Callable[[], object]:
    """A step under autocast."""

    def call() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            step()

    return call
