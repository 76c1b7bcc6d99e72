"""The command line of the tools that look into a trained network."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from network.cli.arguments import ScriptParser
from network.cli.configs import INFERENCE, load_experiment
from network.datasets.dataset import SegmentationDataset
from network.datasets.layout import SPLITS
from network.inference.inspection import select, spread
from network.inference.trained_network import Trained

READS = (*INFERENCE, "seed", "check_data")


def inspection_parser(description: str, writes: str) -> ScriptParser:
    """The arguments that these tools share."""
    parser = ScriptParser(
        description,
        epilog=writes,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_config()
    parser.add_argument("-o", "--output", required=True, help="folder for what is drawn")
    parser.add_argument("--ckpt", help="checkpoint; without it, the run's best")
    parser.add_argument("--split", choices=SPLITS, default="test", help="where the images are from")
    return parser


def open_images(
    args: argparse.Namespace, names: Sequence[str] | None, most: int
) -> tuple[Trained, SegmentationDataset]:
    """The trained network and the images that the arguments ask for, checked.

    Args:
        args: of ``inspection_parser``.
        names: of images; without them, evenly over the split.
        most: number of images where none is named.

    Raises:
        UserError: no such config, checkpoint or image, or a faulty image.
    """
    trained = Trained.open(load_experiment(args, READS), args.ckpt)
    dataset = trained.dataset(args.split)
    dataset = select(dataset, names or spread(dataset, most))
    trained.experiment.check(trained.layout, dataset.samples)
    return trained, dataset
