"""Averaged weights: validated, saved and tested in place of the trained ones."""

from __future__ import annotations

from typing import Any

from timm.utils import ModelEmaV3
from torch import nn

from network.inference.checkpoint_keys import EMA_DECAY

_TRAINED, _AVERAGED, _RAW = "net.", "averaged.module.", "raw."


def averaged(net: nn.Module, decay: float | None) -> ModelEmaV3 | None:
    """A copy of a network that follows it: after step t its weights are d a + (1 - d) w.

    d is 1 - t^(-2/3) (0 after the first step) and at most ``decay``, so that the average soon
    forgets the weights that training began with. Buffers are averaged alike, whole numbers copied.

    Args:
        net: in channels_last and with synchronised norms, where it has them.
        decay: None for no average.
    """
    if decay is None:
        return None
    return ModelEmaV3(net, decay=decay, use_warmup=True).requires_grad_(False)


def store_average(checkpoint: dict[str, Any], decay: float) -> None:
    """Store the average as the network, and the trained weights beside it."""
    names = {_AVERAGED: _TRAINED, _TRAINED: _RAW}
    checkpoint["state_dict"] = _renamed(checkpoint["state_dict"], names)
    checkpoint[EMA_DECAY] = decay


def restore_average(checkpoint: dict[str, Any], averages: bool) -> None:
    """Undo ``store_average``, where it was done; where a run begins to average, it does so here.

    Args:
        checkpoint: to go on from.
        averages: the run that goes on averages its weights.
    """
    weights = checkpoint["state_dict"]
    if EMA_DECAY in checkpoint:
        weights = _renamed(weights, {_TRAINED: _AVERAGED, _RAW: _TRAINED})
    elif averages:
        weights = weights | _renamed(
            {name: value.clone() for name, value in weights.items() if name.startswith(_TRAINED)},
            {_TRAINED: _AVERAGED},
        )
    if not averages:
        weights = {name: v for name, v in weights.items() if not name.startswith(_AVERAGED)}
    checkpoint["state_dict"] = weights


def _renamed(weights: dict[str, Any], prefixes: dict[str, str]) -> dict[str, Any]:
    renamed = {}
    for name, value in weights.items():
        prefix = next((p for p in prefixes if name.startswith(p)), "")
        renamed[prefixes.get(prefix, "") + name.removeprefix(prefix)] = value
    return renamed
