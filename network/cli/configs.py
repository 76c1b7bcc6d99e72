"""From the command line to an experiment, or to a trained network."""

from __future__ import annotations

import argparse
import sys
import typing
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from network.errors import ConfigError
from network.experiment import Experiment
from network.experiment.loading import overridden, override_path
from network.experiment.ranges import ACCELERATORS, check_choice
from network.experiment.values import check_value
from network.inference.ensemble import Ensemble
from network.inference.segmenter import Segmenter
from network.inference.trained_ensemble import open_trained
from network.inference.trained_network import Trained

INFERENCE = ("dataset", "net", "name", "accelerator", "devices", "precision")
"""The settings that the use of a trained network reads."""


def load_experiment(args: argparse.Namespace, reads: Collection[str] | None = None) -> Experiment:
    """The config that a command line names, with its settings.

    What is harmless but has no effect is said: settings that the script does not read, and the
    first value of one that is set twice.

    Args:
        args: of a ``ScriptParser`` with ``add_config``.
        reads: settings that have an effect; without it, all.

    Raises:
        ConfigError: as ``Experiment.load``.
    """
    experiment = Experiment.load(args.config, args.overrides)
    _say_what_is_idle(args.overrides, reads)
    return experiment


def load_experiments(
    args: argparse.Namespace, reads: Collection[str] | None = None
) -> list[Experiment]:
    """``load_experiment`` of several configs, with the same settings."""
    experiments = [Experiment.load(config, args.overrides) for config in args.config]
    _say_what_is_idle(args.overrides, reads)
    return experiments


def open_network(args: argparse.Namespace) -> Segmenter:
    """The trained network that a command line names: by its config, or by a checkpoint alone.

    Args:
        args: of a ``ScriptParser`` with ``add_config(needed=False)`` and ``add_checkpoints``.

    Raises:
        UserError: neither is given, or what is given cannot be used.
    """
    checkpoint = one_checkpoint(args)
    if args.config:
        return Trained.open(load_experiment(args, INFERENCE), checkpoint)
    if checkpoint is None:
        raise ConfigError(
            "no network: name a checkpoint by --ckpt, or the config of a training by -c"
        )
    return Segmenter.of_checkpoint(checkpoint, *_settings_alone(args))


def open_networks(args: argparse.Namespace) -> Segmenter | Ensemble:
    """As ``open_network``; of several checkpoints, their ensemble.

    Args:
        args: of a ``ScriptParser`` with ``add_config(needed=False)`` and ``add_checkpoints``.
    """
    if len(args.ckpt or ()) < 2:
        return open_network(args)
    if args.config:
        return open_trained(load_experiment(args, INFERENCE), args.ckpt)
    return Ensemble.of_checkpoints(args.ckpt, *_settings_alone(args))


def one_checkpoint(args: argparse.Namespace) -> str | None:
    """The checkpoint that a command line names; None where it names none.

    Args:
        args: of a ``ScriptParser`` with ``add_checkpoints``.

    Raises:
        ConfigError: it names several.
    """
    if len(args.ckpt or ()) > 1:
        raise ConfigError(
            f"--ckpt names {len(args.ckpt)} checkpoints, and {Path(sys.argv[0]).name} is of one "
            "network: name one of them"
        )
    return args.ckpt[0] if args.ckpt else None


def _settings_alone(args: argparse.Namespace) -> tuple[str, int | str | Sequence[int], str | None]:
    """Accelerator, devices and precision of a command line without a config."""
    settings = Settings()
    hints = typing.get_type_hints(Settings)
    for text in args.overrides:
        root = override_path(text)[0]
        if root not in hints:
            raise ConfigError(
                f"override {text!r}: without a config (-c) there are only {', '.join(hints)}"
            )
        setattr(settings, *overridden(settings, text, hints))
    for name, hint in hints.items():
        check_value(name, getattr(settings, name), hint, "the command line")
    check_choice("accelerator", settings.accelerator, ACCELERATORS)
    _say_what_is_idle(args.overrides, hints)
    return settings.accelerator, settings.devices, settings.precision


@dataclass
class Settings:
    """What can be set where a network is used without its config.

    Attributes:
        accelerator, devices: as of an experiment.
        precision: as of an experiment; None for that of the training.
    """

    accelerator: str = "auto"
    devices: int | str | Sequence[int] = 1
    precision: str | None = None


def _say_what_is_idle(overrides: Sequence[str], reads: Collection[str] | None) -> None:
    idle = [text for text in overrides if reads and override_path(text)[0] not in reads]
    if idle:
        print(f"note: no effect on {Path(sys.argv[0]).name}: {', '.join(idle)}")
    last = {".".join(override_path(text)): text for text in overrides}
    if lost := [text for text in overrides if text not in last.values()]:
        print(f"note: set again by a later one: {', '.join(lost)}")
