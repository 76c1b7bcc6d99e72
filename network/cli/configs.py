"""From the command line to an experiment."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from network.experiment import Experiment
from network.experiment.loading import override_path

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


def _say_what_is_idle(overrides: Sequence[str], reads: Collection[str] | None) -> None:
    idle = [text for text in overrides if reads and override_path(text)[0] not in reads]
    if idle:
        print(f"note: no effect on {Path(sys.argv[0]).name}: {', '.join(idle)}")
    last = {".".join(override_path(text)): text for text in overrides}
    if lost := [text for text in overrides if text not in last.values()]:
        print(f"note: set again by a later one: {', '.join(lost)}")
