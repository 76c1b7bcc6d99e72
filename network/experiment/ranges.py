"""Ranges of settings, and those that exclude each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from network.errors import ConfigError
from network.experiment.class_weights import AUTO

if TYPE_CHECKING:
    from network.experiment.settings import Experiment

ACCELERATORS = ("auto", "cpu", "gpu", "cuda")
LOGGERS = ("csv", "tensorboard", "wandb")


def check_ranges(experiment: Experiment) -> None:
    """Refuse values that make no sense.

    Raises:
        ConfigError: naming the setting.
    """
    at_least = {
        "max_epoch": 1,
        "train_batch_size": 1,
        "val_batch_size": 1,
        "repeat": 1,
        "num_workers": 0,
        "val_every": 1,
        "accumulate": 1,
        "lookahead_k": 0,
        "lr_min": 0,
        "weight_decay": 0,
        "warmup_epoch": 0,
        "num_nodes": 1,
        "sample_every": 0,
        "freeze_backbone": 0,
        "sample_images": 1,
        "test_window": 1,
        "seed": 0,
        "checkpoint_every_minutes": 0,
    }
    for name, least in at_least.items():
        if not getattr(experiment, name) >= least:
            raise ConfigError(f"{name}={getattr(experiment, name)}: at least {least}")
    at_most = {
        "lr": 1000,
        "backbone_lr": 1000,
        "layer_decay": 1,
        "clip_norm": 1e9,
        "lookahead_alpha": 1,
    }
    for name, most in at_most.items():
        value = getattr(experiment, name)
        if value is not None and not 0 < value <= most:
            raise ConfigError(f"{name}={value}: a number above 0 and at most {most:g}")
    if experiment.ema_decay is not None and not 0 < experiment.ema_decay < 1:
        raise ConfigError(f"ema_decay={experiment.ema_decay}: a number between 0 and 1, as 0.999")
    weights = experiment.class_weights
    if isinstance(weights, str):
        if weights != AUTO:
            raise ConfigError(
                f"class_weights={weights!r}: {AUTO}, or a list of one number for each class"
            )
    elif weights is not None and not min(weights, default=-1) >= 0 < max(weights):
        raise ConfigError(f"class_weights={weights}: numbers from 0 up, and one of them above 0")
    if experiment.seed >= 2**32:
        raise ConfigError(f"seed={experiment.seed}: below 2^32")
    if experiment.val_every > experiment.max_epoch:
        raise ConfigError(
            f"val_every={experiment.val_every}, but max_epoch={experiment.max_epoch}: "
            "no checkpoint would ever be the best"
        )
    rates = [
        f"{name}={getattr(experiment, name)}"
        for name in ("backbone_lr", "layer_decay")
        if getattr(experiment, name) is not None
    ]
    if len(rates) > 1:
        raise ConfigError(
            f"{' and '.join(rates)} both set the backbone's learning rates: leave one of them out"
        )
    if rates and experiment.freeze_backbone is True:
        raise ConfigError(
            f"{rates[0]}, but freeze_backbone=True trains nothing of the backbone: leave one of "
            "them out"
        )
    for name, known in (("accelerator", ACCELERATORS), ("logger", LOGGERS)):
        check_choice(name, getattr(experiment, name), known)


def check_choice(name: str, value: str, known: Sequence[str]) -> None:
    """Refuse a value that is not one of those that there are.

    Raises:
        ConfigError: naming the setting.
    """
    if value not in known:
        raise ConfigError(f"{name}={value!r}: one of {', '.join(known)}")
