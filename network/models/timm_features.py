"""A timm network that gives its features, with weights from the hub or a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import timm
from torch import Tensor, nn

from network.errors import ConfigError, UserError, WeightsError, first_line

MAX_FOREIGN_SHARE = 0.1


def create_features(
    name: str, pretrained: bool | str | Path, in_chans: int, given: Mapping[str, Any]
) -> nn.Module:
    """A timm network that gives its features, with its weights.

    Args:
        name: of the network.
        pretrained: ``False``, ``True``, or the path of a local file (see ``Backbone``).
        in_chans: bands of the input.
        given: further arguments.

    Raises:
        ConfigError: unknown name, or a network that has no maps of features.
        WeightsError: the weights cannot be fetched, read, or belong to another network.
    """
    if not timm.is_model(name):
        near = timm.list_models(f"*{name.split('_')[0]}*")[:5]
        hint = f"; near names: {', '.join(near)}" if near else ""
        raise ConfigError(
            f"timm has no backbone {name!r}{hint} (all of them: timm.list_models()). "
            "A weights tag such as '.fb_in22k' follows the name after a dot"
        )
    options = {"in_chans": in_chans, "pretrained": bool(pretrained), **given}
    if not isinstance(pretrained, bool):
        path = Path(pretrained)
        if not path.is_file():
            raise WeightsError(f"no file with pretrained weights at {path}")
        options["pretrained_cfg_overlay"] = {"file": str(path), "custom_load": False}
    try:
        if not isinstance(pretrained, bool):
            # First of all, for timm itself reads a file so only since a later version than 1.0.15.
            stored = timm.models.load_state_dict(str(path), weights_only=True)
            _check_weights(name, options, stored)
        return _created(name, options)
    except Exception as error:  # timm, torch and the hub raise whatever they like here
        raise _explained(error, name, pretrained) from error


def recompute_activations(net: nn.Module, name: str) -> None:
    """Let a network of timm compute activations again in the backward pass.

    Raises:
        ConfigError: it cannot.
    """
    try:
        getattr(net, "model", net).set_grad_checkpointing(True)
    except (AttributeError, AssertionError, NotImplementedError) as error:
        raise ConfigError(
            f"net.checkpointing=True: timm does not compute activations of {name!r} again"
        ) from error


def _created(name: str, options: dict[str, Any]) -> nn.Module:
    """The first form of a network that timm has: of any image size, if there is such a one."""
    faults = []
    for form in ({"strict_img_size": False}, {"dynamic_img_size": True}, {}):
        for features in ({}, {"feature_cls": "getter"}):
            try:
                return timm.create_model(name, features_only=True, **features, **form | options)
            except (TypeError, RuntimeError, AttributeError, AssertionError) as error:
                faults.append(error)
    raise faults[-2]  # of the plainest form


def _check_weights(name: str, options: dict[str, Any], stored: dict[str, Tensor]) -> None:
    """Refuse weights of another network, of which timm would load whatever happens to fit.

    Raises:
        ValueError: more than a tenth of the network is not in the file, or the other way round.
    """
    whole = timm.create_model(name, num_classes=0, **options)
    classifier = whole.pretrained_cfg.get("classifier") or ()
    names = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    body = [v for k, v in stored.items() if not k.startswith(names)] if names else stored.values()
    for tensors, others in (
        (whole.state_dict().values(), body),
        (body, whole.state_dict().values()),
    ):
        known = {_fingerprint(tensor) for tensor in others}
        strange = sum(t.numel() for t in tensors if _fingerprint(t) not in known)
        share = strange / max(1, sum(t.numel() for t in tensors))
        if share > MAX_FOREIGN_SHARE:
            raise ValueError(f"{share:.0%} of the values differ between the two")


def _fingerprint(tensor: Tensor) -> tuple[int, float]:
    return tensor.numel(), tensor.double().sum().item()


def _explained(error: Exception, name: str, pretrained: bool | str | Path) -> UserError:
    reason = first_line(error)
    if pretrained is True:
        return WeightsError(
            f"the pretrained weights of {name!r} could not be fetched from timm's hub ({reason}). "
            "Two other ways: net.pretrained=PATH takes a file with these weights that you "
            "downloaded elsewhere; net.pretrained=False starts from random weights"
        )
    if pretrained:
        if isinstance(error, UnpicklingError) or isinstance(error.__cause__, UnpicklingError):
            reason = "damaged, or more than tensors and plain values: code in it is never run"
        return WeightsError(f"{pretrained} does not hold the weights of {name!r} ({reason})")
    return ConfigError(f"timm cannot build a feature pyramid of {name!r}: {reason}")
