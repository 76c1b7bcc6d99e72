"""The loss of a run whose config names none."""

from __future__ import annotations

from functools import partial
from inspect import Parameter, Signature, signature
from typing import Any

from network.losses.bicor import BiCoRLoss
from network.losses.plain import SegmentationLoss


def default_loss(heatmaps: bool, /, **options: Any) -> partial:
    """``BiCoRLoss`` for a network that gives heatmaps, else ``SegmentationLoss``.

    Args:
        heatmaps: whether it gives some.
        **options: parameters of the loss that it will be.

    Returns:
        what builds the loss.
    """
    return partial(BiCoRLoss if heatmaps else SegmentationLoss, **options)


def _of_either() -> Signature:
    """The parameters of both losses, so that a config can be checked before the network is run."""
    first, *_ = signature(default_loss).parameters.values()
    both = signature(SegmentationLoss).parameters | signature(BiCoRLoss).parameters
    return Signature([first, *(p.replace(kind=Parameter.KEYWORD_ONLY) for p in both.values())])


default_loss.__signature__ = _of_either()
