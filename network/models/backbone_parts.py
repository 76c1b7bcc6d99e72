"""Which part of a network is its backbone, and of which layers and stages that consists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import timm
import torch
from timm.models import group_parameters
from torch import nn

from network.errors import ConfigError
from network.models.backbone import Backbone


def backbone_of(net: nn.Module, setting: str) -> nn.Module:
    """The part of a network that pretrained weights are for: what its ``backbone`` is.

    Of a ``Backbone`` that is the timm network; the pyramid that it may build on it is new.

    Args:
        net: the network.
        setting: that asks for it, for messages.

    Raises:
        ConfigError: the network does not say.
    """
    part = _named_backbone(net)
    if not isinstance(part, nn.Module):
        raise ConfigError(
            f"{setting}: {type(net).__name__} does not say what its backbone is; give its class an "
            "attribute or property 'backbone' that is the module with the pretrained weights"
        )
    return part


def normalisation_of(net: nn.Module) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Mean and deviation of the images that timm's weights of the backbone were trained on.

    Returns:
        None of a network that says nothing of them.
    """
    known = getattr(_named_backbone(net), "pretrained_cfg", None) or {}
    mean, std = known.get("mean"), known.get("std")
    return None if mean is None or std is None else (tuple(mean), tuple(std))


def layers_of(
    backbone: nn.Module, setting: str, coarse: bool = False
) -> tuple[dict[str, int], int]:
    """The layer of every parameter, as timm groups them: 0 the stem, then upwards.

    Args:
        backbone: a network of timm, whole or as a pyramid of features.
        setting: that asks for it, for messages.
        coarse: stages instead of layers.

    Returns:
        layers by the parameters' names; the layer of timm's classifier, one above the last.

    Raises:
        ConfigError: no network of timm, or one without such groups.
    """
    name = (getattr(backbone, "pretrained_cfg", None) or {}).get("architecture")
    try:
        whole = _whole(name)
        known = group_parameters(whole, whole.group_matcher(coarse=coarse), reverse=True)
        # In a pyramid of features stages.0 is called stages_0, or model.stages.0.
        flat = {_flat(full): layer for full, layer in known.items()}
        layers = {own: flat[_flat(own)] for own, _ in backbone.named_parameters()}
    except (AttributeError, KeyError, RuntimeError, TypeError) as error:
        raise ConfigError(
            f"{setting}: timm does not say of which layers the backbone "
            f"{name or type(backbone).__name__!r} consists; backbone_lr and freeze_backbone=True "
            "take it as a whole"
        ) from error
    return layers, max(known.values())


def layer_scales(backbone: nn.Module, decay: float, setting: str) -> Mapping[str, float]:
    """Factor of the learning rate of every parameter: ``decay`` once for each layer above it.

    The layers above the last one of the backbone count as one, as in
    ``timm.optim.param_groups_layer_decay``.

    Raises:
        ConfigError: as ``layers_of``.
    """
    layers, top = layers_of(backbone, setting)
    return {name: decay ** (top - layer) for name, layer in layers.items()}


def _named_backbone(net: nn.Module) -> Any:
    """What a network calls its backbone, of a ``Backbone`` the timm network; None of any other."""
    part = getattr(net, "backbone", None)
    return part.net if isinstance(part, Backbone) else part


def _whole(name: str | None) -> nn.Module:
    """The network with its classifier, without content."""
    if name is None:
        raise AttributeError("no network of timm")
    with torch.random.fork_rng(devices=[]):
        try:
            with torch.device("meta"):
                return timm.create_model(name)
        except (NotImplementedError, RuntimeError):  # reads a value while it is built
            return timm.create_model(name)


def _flat(name: str) -> str:
    return name.removeprefix("model.").replace(".", "_")
