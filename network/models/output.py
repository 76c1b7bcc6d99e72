"""What a network gives: logits, and what else it has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from torch import Tensor


class Output(Protocol):
    """What every stage understands of a network's output; only ``logits`` must be there.

    Attributes:
        logits: [B, N, H, W].
        aux_logits: [B, N, H, W] of an auxiliary head, in training.
        heatmaps: class heatmaps as logits, [B, N, h, w] each.
        class_embeddings: [B, N, C] each.
    """

    logits: Tensor
    aux_logits: Tensor | None
    heatmaps: Sequence[Tensor]
    class_embeddings: Sequence[Tensor]


class SegmentationOutput(NamedTuple):
    """An ``Output`` of a network that has some of its parts only."""

    logits: Tensor
    aux_logits: Tensor | None = None
    heatmaps: Sequence[Tensor] = ()
    class_embeddings: Sequence[Tensor] = ()


def as_output(out: Any) -> Output:
    """A network's output with all parts; a plain tensor is logits.

    Raises:
        TypeError: neither a tensor nor anything that has ``logits``.
    """
    if isinstance(out, Tensor):
        return SegmentationOutput(out)
    if not isinstance(getattr(out, "logits", None), Tensor):
        raise TypeError(
            f"the network returned a {type(out).__name__}; it must return logits [B, N, H, W], or "
            "an object that has them as .logits"
        )
    parts = {name: getattr(out, name, default) for name, default in _DEFAULTS.items()}
    return SegmentationOutput(out.logits, **parts)


_DEFAULTS = {"aux_logits": None, "heatmaps": (), "class_embeddings": ()}
