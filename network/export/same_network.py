"""Whether a network that was written and read again predicts what it did."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor, nn

from network.errors import ExportError
from network.inference.segmenter import Segmenter
from network.models.geometry import min_size_of
from network.models.output import segment

BOUND = 1e-5
"""Most that a probability may differ by: the weights are the same, to the last bit."""
_SIZES = ((128, 128), (97, 141))


def check_same(segmenter: Segmenter, net: nn.Module) -> float:
    """Compare a network with that of a segmenter on test images, on the CPU.

    Args:
        segmenter: the network that was written.
        net: the one that was read.

    Returns:
        the largest difference of a probability.

    Raises:
        ExportError: it is above ``BOUND``.
    """
    before, after = (_on_cpu(each) for each in (segmenter.net, net))
    least, classes = min_size_of(before), segmenter.spec.num_classes
    worst = 0.0
    for height, width in _SIZES:
        image = _drawn(segmenter, max(height, least), max(width, least))
        with torch.inference_mode():
            wanted, found = (
                segment(each, image, classes).logits.softmax(dim=1) for each in (before, after)
            )
        apart = (found - wanted).abs().max().item()
        worst = max(worst, apart if np.isfinite(apart) else float("inf"))
    if worst > BOUND:
        raise ExportError(
            f"what was written differs from the network by up to {worst:.2g} of a probability, "
            f"more than {BOUND:g}; it was removed"
        )
    return worst


def _on_cpu(net: nn.Module) -> nn.Module:
    return copy.deepcopy(net).cpu().to(memory_format=torch.channels_last).eval()


def _drawn(segmenter: Segmenter, height: int, width: int) -> Tensor:
    """A normalised image of noise over steps, the same at every call."""
    low, high = segmenter.spec.value_range
    random = np.random.default_rng(0)
    shares = random.random((1, segmenter.spec.num_bands, height, width))
    shares = 0.5 * shares + 0.5 * (np.arange(width) // 32 % 2)
    values = torch.from_numpy(low + shares * (high - low)).float()
    return segmenter.normalise(values)
