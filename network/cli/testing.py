"""The command line of the test scripts."""

from __future__ import annotations

import argparse

from network.cli.arguments import ScriptParser
from network.cli.configs import INFERENCE, load_experiment
from network.datasets.catalog import TTA_NAMES
from network.datasets.layout import DatasetLayout, Sample
from network.errors import ConfigError
from network.evaluation.test import test

READS = (*INFERENCE, "test_window", "val_batch_size", "num_workers", "check_data")


def test_parser(description: str) -> ScriptParser:
    """The arguments that all test scripts have."""
    parser = ScriptParser(description)
    parser.add_config()
    parser.add_argument("-o", "--output", required=True, help="folder for masks and results.json")
    parser.add_argument(
        "-t", "--tta", choices=TTA_NAMES, default="none", help="test-time augmentation"
    )
    parser.add_argument(
        "--compare-tta", action="store_true", help="also score without test-time augmentation"
    )
    parser.add_argument("--rgb", action="store_true", help="save masks in colors as well")
    parser.add_checkpoints("of several, the mean of their probabilities (default: the run's best)")
    return parser


def test_split(description: str, dataset: type[DatasetLayout] = DatasetLayout) -> None:
    """The whole of a test script that scores labeled images: command line, then ``run_test``.

    Args:
        description: of the script.
        dataset: what the config must be for.
    """
    parser = test_parser(description)
    parser.add_argument(
        "--split", choices=("test", "val"), default="test", help="images to score on"
    )
    parser.add_argument(
        "--scenes",
        action="store_true",
        help="also score the publisher's whole tiles, in overlapping windows",
    )
    args = parser.parse_args()
    run_test(args, args.split, dataset, args.scenes)


def run_test(
    args: argparse.Namespace,
    split: str,
    dataset: type[DatasetLayout] = DatasetLayout,
    scenes: bool = False,
) -> list[Sample]:
    """Test as the arguments of ``test_parser`` say.

    Args:
        args: of the command line.
        split: ``test`` or ``val``.
        dataset: what the config must be for.
        scenes: also score whole tiles.

    Returns:
        the samples of the split.

    Raises:
        ConfigError: the config is for another dataset.
    """
    reads = (*READS, "seed") if len(args.ckpt or ()) > 1 else READS
    experiment = load_experiment(args, reads)
    layout = experiment.build_dataset()
    if not isinstance(layout, dataset):
        raise ConfigError(
            f"{args.config} is for {layout.spec.name}, a {type(layout).__name__}, and this script "
            f"for {dataset.__name__}; use the script of that dataset, or test.py, which takes any"
        )
    return test(
        experiment,
        args.output,
        args.tta,
        args.rgb,
        args.ckpt or (),
        split,
        args.compare_tta,
        scenes,
    )
