"""An exported network is run at once and compared with the one that it was made of."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from network.errors import ExportError, first_line
from network.export.graph import GraphOptions, value_type
from network.inference.segmenter import Segmenter
from network.models.geometry import min_size_of
from network.models.output import segment

BOUND, HALF_BOUND = 1e-4, 2e-2
"""Most that a probability may differ by; with 16 bits."""
SIZES = ((256, 256), (512, 384), (333, 277))
"""Height and width of the test images of a graph for any size."""
_GRAIN = 16


def largest_difference(
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
    net = copy.deepcopy(segmenter.net).cpu().eval()
    least = min_size_of(net)
    sizes = ((options.size,) * 2,) if options.size else SIZES
    worst = 0.0
    for batch, (height, width) in enumerate(sizes, 1):
        stored = _drawn(segmenter, batch % 2 + 1, max(height, least), max(width, least))
        normalised = segmenter.normalise(stored)
        with torch.inference_mode():
            wanted = segment(net, normalised, segmenter.spec.num_classes).logits.softmax(dim=1)
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
    bound = HALF_BOUND if options.half else BOUND
    if worst > bound:
        raise ExportError(
            f"the exported network differs from the trained one by up to {worst:.2g} of a "
            f"probability, more than {bound:g}; nothing was written"
        )
    return worst


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
