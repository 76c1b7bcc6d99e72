"""From the command line to an experiment."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection
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
    idle = [text for text in args.overrides if reads and override_path(text)[0] not in reads]
    if idle:
        print(f"note: no effect on {Path(sys.argv[0]).name}: {', '.join(idle)}")
    last = {".".join(override_path(text)): text for text in args.overrides}
    if lost := [text for text in args.overrides if text not in last.values()]:
        print(f"note: set again by a later one: {', '.join(lost)}")
    return experiment
