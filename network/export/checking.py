"""What is written of a network is run at once and compared with the one that it was made of."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from network.errors import ExportError, first_line
from network.export.graph import GraphOptions, value_type
from network.inference.segmenter import Segmenter
from network.models.geometry import min_size_of
from network.models.output import segment

BOUND, HALF_BOUND = 1e-4, 2e-2
"""Most that a probability may differ by; with 16 bits."""
SIZES = ((256, 256), (512, 384), (333, 277))
"""Height and width of the test images of a graph for any size."""
SAME_BOUND, SAME_SIZES = 1e-5, ((128, 128), (97, 141))
"""The same of a network that is read again: its weights are the same, to the last bit."""
_GRAIN = 16


def check_export(
    segmenter: Segmenter, options: GraphOptions, run: Callable[[Tensor], Tensor]
) -> float:
    """Run an exported network on test images, and compare its probabilities.

    Args:
        segmenter: the network.
        options: of the graph.
        run: images as the graph takes them -> its probabilities.

    Returns:
        the largest absolute difference of a probability.

    Raises:
        ExportError: it cannot be run, or differs by more than ``BOUND`` or ``HALF_BOUND``.
    """
    sizes = ((options.size,) * 2,) if options.size else SIZES
    worst = _largest_difference(segmenter, options, run, sizes)
    bound = HALF_BOUND if options.half else BOUND
    if worst > bound:
        raise ExportError(
            f"the exported network differs from the trained one by up to {worst:.2g} of a "
            f"probability, more than {bound:g}; nothing was written"
        )
    return worst


def check_same(segmenter: Segmenter, net: nn.Module) -> float:
    """Compare a network that was written and read again with that of a segmenter.

    Args:
        segmenter: the network that was written.
        net: the one that was read.

    Returns:
        the largest absolute difference of a probability.

    Raises:
        ExportError: it is above ``SAME_BOUND``.
    """
    probabilities = _probabilities_of(segmenter, net)
    worst = _largest_difference(segmenter, GraphOptions(), probabilities, SAME_SIZES)
    if worst > SAME_BOUND:
        raise ExportError(
            f"what was written differs from the network by up to {worst:.2g} of a probability, "
            f"more than {SAME_BOUND:g}; it was removed"
        )
    return worst


def _largest_difference(
    segmenter: Segmenter,
    options: GraphOptions,
    run: Callable[[Tensor], Tensor],
    sizes: Sequence[tuple[int, int]],
) -> float:
    """Of a probability, on test images of some sizes, on the CPU."""
    probabilities = _probabilities_of(segmenter, segmenter.net)
    least = min_size_of(segmenter.net)
    worst = 0.0
    for batch, (height, width) in enumerate(sizes, 1):
        stored = _drawn(segmenter, batch % 2 + 1, max(height, least), max(width, least))
        normalised = segmenter.normalise(stored)
        wanted = probabilities(normalised)
        image = stored if options.raw else normalised.contiguous()
        try:
            found = run(image.to(value_type(segmenter, options)))
        except Exception as error:  # whatever a runtime says
            raise ExportError(
                f"the exported network does not run on {height}x{width} pixels: {first_line(error)}"
            ) from error
        same = found.shape == wanted.shape
        apart = (found.float() - wanted).abs().max().item() if same else float("inf")
        worst = max(worst, apart if np.isfinite(apart) else float("inf"))
    return worst


def _probabilities_of(segmenter: Segmenter, net: nn.Module) -> Callable[[Tensor], Tensor]:
    net = copy.deepcopy(net).cpu().to(memory_format=torch.channels_last).eval()

    @torch.inference_mode()
    def run(image: Tensor) -> Tensor:
        return segment(net, image, segmenter.spec.num_classes).logits.softmax(dim=1)

    return run


def _drawn(segmenter: Segmenter, batch: int, height: int, width: int) -> Tensor:
    """Stored values with areas and noise, the same at every call."""
    spec = segmenter.spec
    random = np.random.default_rng(0)
    low, high = spec.value_range
    shape = batch, spec.num_bands, -(-height // _GRAIN), -(-width // _GRAIN)
    areas = random.random(shape).repeat(_GRAIN, 2).repeat(_GRAIN, 3)[..., :height, :width]
    shares = 0.8 * areas + 0.2 * random.random(areas.shape)
    values = torch.from_numpy(low + shares * (high - low))
    dtype = value_type(segmenter, GraphOptions(raw=True)) if _has_type(segmenter) else torch.float32
    return values.to(dtype)


def _has_type(segmenter: Segmenter) -> bool:
    try:
        value_type(segmenter, GraphOptions(raw=True))
    except ExportError:
        return False
    return True
