"""What a network gives that has some parts of ``BiCoROutput`` only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor


class SegmentationOutput(NamedTuple):
    """What every stage understands of a network's output; only ``logits`` must be there.

    Attributes:
        logits: [B, N, H, W].
        aux_logits: [B, N, H, W] of an auxiliary head, in training.
        heatmaps: class heatmaps as logits, [B, N, h, w] each.
        class_embeddings: [B, N, C] each.
    """

    logits: Tensor
    aux_logits: Tensor | None = None
    heatmaps: Sequence[Tensor] = ()
    class_embeddings: Sequence[Tensor] = ()
