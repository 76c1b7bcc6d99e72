"""Parts of a network that stay as they are."""

from __future__ import annotations

from torch import nn

from network.errors import ConfigError
from network.models.backbone_parts import backbone_of, layers_of

_SETTING = "freeze_backbone"


def freeze(net: nn.Module, stages: bool | int) -> list[nn.Module]:
    """Keep the backbone of a network, or its stem and first stages, from being trained.

    Args:
        net: the network.
        stages: True for the whole backbone, 0 for nothing of it.

    Returns:
        the modules that have to stay in evaluation mode, for their running statistics and dropout;
        they are in it now.

    Raises:
        ConfigError: the network does not say what its backbone is, or it has fewer stages.
    """
    if not stages:
        return []
    backbone = backbone_of(net, _SETTING)
    parameters = dict(backbone.named_parameters())
    if stages is not True:
        layers, _ = layers_of(backbone, _SETTING, coarse=True)
        there = max(layers.values())
        if stages > there:
            raise ConfigError(
                f"{_SETTING}={stages}, but the backbone has {there} stages; "
                f"{_SETTING}=True keeps all of it"
            )
        parameters = {name: p for name, p in parameters.items() if layers[name] <= stages}
    for parameter in parameters.values():
        parameter.requires_grad_(False)
    frozen = _frozen(backbone)
    for module in frozen:
        module.eval()
    return frozen


def _frozen(backbone: nn.Module) -> list[nn.Module]:
    """Modules without trained parameters; one that has none at all goes with what is before it."""
    found, follows = [], True
    for module in backbone.modules():
        trained = [parameter.requires_grad for parameter in module.parameters()]
        if trained:
            frozen = not any(trained)
            follows = frozen if not [*module.children()] else follows
        else:
            frozen = follows
        if frozen:
            found.append(module)
    return found
