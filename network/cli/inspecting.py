"""The command line of the tools that look into a trained network."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from network.datasets.dataset import SegmentationDataset
from network.datasets.layout import SPLITS
from network.experiment import Experiment
from network.inference.inspection import select, spread
from network.inference.trained_network import Trained


def inspection_parser(description: str, writes: str) -> argparse.ArgumentParser:
    """The arguments that these tools share; parse them with ``parse_intermixed_args``."""
    parser = argparse.ArgumentParser(
        description=description,
        epilog=writes,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-c", "--config", required=True, help="config file of the training")
    parser.add_argument("-o", "--output", required=True, help="folder for what is drawn")
    parser.add_argument("--ckpt", help="checkpoint; without it, the run's best")
    parser.add_argument("--split", choices=SPLITS, default="test", help="where the images are from")
    parser.add_argument("overrides", nargs="*", metavar="name=value", help="settings to change")
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
    trained = Trained.open(Experiment.load(args.config, args.overrides), args.ckpt)
    dataset = trained.dataset(args.split)
    dataset = select(dataset, names or spread(dataset, most))
    trained.experiment.check(trained.layout, dataset.samples)
    return trained, dataset
