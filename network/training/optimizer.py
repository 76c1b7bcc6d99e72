"""The optimizer of a training, its groups of parameters, and its learning rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from timm.optim import Lookahead
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from network.experiment import Experiment
from network.models.backbone_parts import backbone_of, layer_scales


def parameter_groups(net: nn.Module, settings: Experiment) -> list[dict[str, Any]]:
    """The trained parameters by learning rate and weight decay, in the order of the network.

    Raises:
        ConfigError: a setting asks for a backbone, or layers of it, that the network does not name.
    """
    rates = _backbone_rates(net, settings)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in net.named_parameters():
        if not parameter.requires_grad:
            continue
        decays = settings.decay_norms_and_biases or not _is_norm_or_bias(name, parameter)
        rate = rates.get(parameter, settings.lr)
        decay = settings.weight_decay if decays else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return [
        {"params": parameters, "lr": rate, "weight_decay": decay}
        for (rate, decay), parameters in groups.items()
    ]


def build_optimizer(groups: list[dict[str, Any]], settings: Experiment) -> Optimizer:
    """AdamW, inside Lookahead where ``lookahead_k`` is not 0."""
    optimizer = torch.optim.AdamW(groups, lr=settings.lr, weight_decay=settings.weight_decay)
    if settings.lookahead_k:
        optimizer = Lookahead(optimizer, alpha=settings.lookahead_alpha, k=settings.lookahead_k)
    return optimizer


def build_schedule(optimizer: Optimizer, settings: Experiment, batches: int) -> LambdaLR:
    """Linear warm-up, then a cosine, by the step; every group in proportion to its peak.

    Args:
        optimizer: whose rates it sets.
        settings: epochs, rates, warm-up and accumulation.
        batches: of an epoch.
    """
    total = math.ceil(batches / settings.accumulate) * settings.max_epoch
    factor = partial(
        _factor,
        total=total,
        warmup=settings.warmup_epoch * total / settings.max_epoch,
        last=settings.lr_min / settings.lr,
    )
    return LambdaLR(optimizer, factor)


def rates_now(schedule: LambdaLR) -> list[float]:
    """The learning rate of every group at the schedule's step."""
    pairs = zip(schedule.base_lrs, schedule.lr_lambdas, strict=True)
    return [base * factor(schedule.last_epoch) for base, factor in pairs]


def logged_rates(schedule: LambdaLR, settings: Experiment) -> dict[str, float]:
    """What the log says of the learning rates: ``lr``, and ``lr_backbone`` where it is another."""
    factor = schedule.lr_lambdas[0](schedule.last_epoch)
    rates = {"lr": settings.lr * factor}
    if settings.backbone_lr is not None:
        rates["lr_backbone"] = settings.backbone_lr * factor
    return rates


def as_configured(
    checkpoint: dict[str, Any], groups: Sequence[dict[str, Any]], settings: Experiment
) -> None:
    """Put the config's rates, decay and Lookahead into the optimizer's state of a checkpoint."""
    for state in checkpoint["optimizer_states"]:
        for stored, group in zip(state["param_groups"], groups, strict=True):
            stored["initial_lr"] = group["lr"]
            stored["weight_decay"] = group["weight_decay"]
            if settings.lookahead_k:
                stored["lookahead_k"] = settings.lookahead_k
                stored["lookahead_alpha"] = settings.lookahead_alpha
    for state in checkpoint["lr_schedulers"]:
        state["base_lrs"] = [group["lr"] for group in groups]


def _backbone_rates(net: nn.Module, settings: Experiment) -> dict[nn.Parameter, float]:
    if settings.backbone_lr is not None:
        backbone = backbone_of(net, "backbone_lr")
        return dict.fromkeys(backbone.parameters(), settings.backbone_lr)
    if settings.layer_decay is not None:
        backbone = backbone_of(net, "layer_decay")
        scales = layer_scales(backbone, settings.layer_decay, "layer_decay")
        return {p: settings.lr * scales[name] for name, p in backbone.named_parameters()}
    return {}


def _is_norm_or_bias(name: str, parameter: nn.Parameter) -> bool:
    return parameter.ndim <= 1 or name.endswith(".bias")


def _factor(step: int, total: int, warmup: float, last: float) -> float:
    if step < warmup:
        return (step + 1) / (warmup + 1)
    progress = min(1.0, (step - warmup) / max(1.0, total - warmup))
    return last + (1 - last) * (1 + math.cos(math.pi * progress)) / 2
