"""The command line of the tools that look into a trained network."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from network.cli.arguments import ScriptParser
from network.cli.configs import INFERENCE, load_experiment, one_checkpoint, open_network
from network.datasets.checks import check_contents
from network.datasets.dataset import SegmentationDataset
from network.datasets.image_files import ImageFiles
from network.datasets.layout import SPLITS
from network.errors import ConfigError
from network.files.band_images import check_image
from network.inference.inspection import select, spread
from network.inference.segmenter import Segmenter
from network.inference.trained_network import Trained
from network.models.geometry import min_size_of
from network.scenes.predict_files import list_inputs

READS = (*INFERENCE, "seed", "check_data")


def inspection_parser(description: str, writes: str, config: bool = True) -> ScriptParser:
    """The arguments that these tools share.

    Args:
        description: of the tool.
        writes: what it writes.
        config: whether it cannot do without one.
    """
    parser = ScriptParser(
        description,
        epilog=writes,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_config(needed=config)
    parser.add_argument("-o", "--output", required=True, help="folder for what is drawn")
    parser.add_checkpoints("one alone (default: with -c, the run's best)")
    parser.add_argument(
        "--split",
        choices=SPLITS,
        default="test",
        needs="" if config else "--config",
        help="where the images are from",
    )
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
    trained = Trained.open(load_experiment(args, READS), one_checkpoint(args))
    dataset = trained.dataset(args.split)
    dataset = select(dataset, names or spread(dataset, most))
    trained.experiment.check(trained.layout, dataset.samples)
    return trained, dataset


def open_image_files(
    args: argparse.Namespace, inputs: Sequence[str] | None
) -> tuple[Segmenter, SegmentationDataset]:
    """The network of a checkpoint alone and images by their paths, checked.

    Args:
        args: of ``inspection_parser`` without a config.
        inputs: files and folders.

    Raises:
        UserError: no such checkpoint or image, or a faulty image.
    """
    segmenter = open_network(args)
    if not inputs:
        raise ConfigError(
            "no images: without a config (-c), --images names files or folders of them"
        )
    layout = ImageFiles(segmenter.spec, list_inputs(inputs))
    dataset = SegmentationDataset(layout, "test")
    check_contents(layout, dataset.samples, min_size_of(segmenter.net))
    first = dataset.samples[0].image
    segmenter.note_type(first, check_image(first, layout.spec.selection).dtype)
    return segmenter, dataset
