"""Depthwise convolutions on a CPU: in float32, whatever the rest of a network computes in."""

from __future__ import annotations

from types import MethodType

import torch
from torch import Tensor, nn


def with_exact_depthwise(net: nn.Module) -> nn.Module:
    """A network whose depthwise convolutions leave autocast where it runs on a CPU.

    Most processors compute their backward pass in bfloat16 several times slower than in float32
    (``benchmarks/run.py depthwise``). The network's parameters and their names stay as they are.
    """
    for module in net.modules():
        if isinstance(module, nn.Conv2d) and module.in_channels == module.groups > 1:
            module.forward = MethodType(_forward, module)
    return net


def _forward(convolution: nn.Conv2d, image: Tensor) -> Tensor:
    forward = type(convolution).forward
    if image.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
        return forward(convolution, image)
    with torch.autocast("cpu", enabled=False):
        return forward(convolution, image.float())
