"""What networks cost: parameters, multiply-adds and FLOPs, time and memory on this machine.

From random weights and noise: nothing is fetched, and no data are read but what names the classes.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tqdm import tqdm

from network.cli import ScriptParser, reports_faults
from network.cli.configs import load_experiments
from network.complexity.cost import cost_of
from network.complexity.table import (
    Protocol,
    check_comparable,
    markdown_table,
    record,
    text_table,
)
from network.errors import ConfigError, UserError
from network.experiment import Experiment
from network.files.outputs import Written, refuse_to_replace
from network.files.staging import staged_outputs
from network.files.writing import write_json

READS = (
    *("dataset", "net", "loss", "class_weights", "accelerator", "devices", "precision", "compile"),
    *("lr", "weight_decay", "decay_norms_and_biases", "backbone_lr", "layer_decay"),
    *("freeze_backbone", "lookahead_k", "lookahead_alpha"),
)


@reports_faults
def main() -> None:
    """Read the command line, count and measure one network after the other, print the table."""
    parser = ScriptParser(__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_config("config files, one network each", "settings to change in all", several=True)
    parser.add_argument(
        "--size", type=int, default=512, help="side of the images in pixels (default: 512)"
    )
    parser.add_argument(
        "--batch",
        type=int,
        default=2,
        help="images of a training step, and of inference by the batch (default: 2)",
    )
    parser.add_argument("--no-timing", action="store_true", help="count only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures there")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="also write the table for a document"
    )
    args = parser.parse_args()
    for name in ("size", "batch"):
        if getattr(args, name) < 1:
            raise ConfigError(f"--{name} {getattr(args, name)}: at least 1")
    files = {kind: path for kind in ("json", "markdown") if (path := getattr(args, kind))}
    if args.json and args.markdown and args.json.resolve() == args.markdown.resolve():
        raise ConfigError(f"--json and --markdown are both {args.json}; name two files")
    experiments = load_experiments(args, READS)
    with contextlib.ExitStack() as stack:
        for path in files.values():
            refuse_to_replace([path], Written(path).holds)
        aside = {
            kind: stack.enter_context(staged_outputs(path, folder=path.parent)) / path.name
            for kind, path in files.items()
        }
        costs = []
        for experiment in tqdm(experiments, unit="network", disable=len(experiments) == 1):
            with _naming(experiment):
                costs.append(cost_of(experiment, args.size, args.batch, not args.no_timing))
            check_comparable(costs)
        protocol = Protocol(args.size, args.batch, args.overrides)
        if "json" in aside:
            write_json(aside["json"], record(costs, protocol))
        if "markdown" in aside:
            aside["markdown"].write_text(markdown_table(costs, protocol), encoding="utf-8")
    print(text_table(costs, protocol))
    if files:
        print(f"written to {' and '.join(map(str, files.values()))}")


@contextlib.contextmanager
def _naming(experiment: Experiment) -> Iterator[None]:
    """Say of which of the configs a fault is."""
    try:
        yield
    except UserError as error:
        config = str(experiment.config_path)
        if config in str(error):
            raise
        raise type(error)(f"{config}: {error}") from error


if __name__ == "__main__":
    main()
