"""Train a network: python train.py -c config/loveda/bicor.py [--resume auto] [name=value ...]."""

from __future__ import annotations

import argparse

from network.cli import reports_faults
from network.experiment import Experiment
from network.training.run import train


@reports_faults
def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-c", "--config", required=True, help="config file")
    parser.add_argument(
        "--resume", metavar="CKPT", help="go on from this checkpoint; 'auto': from the run's last"
    )
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="name=value",
        help="settings to change, as max_epoch=1 net.backbone=resnet18",
    )
    args = parser.parse_intermixed_args()
    train(Experiment.load(args.config, args.overrides), args.resume)


if __name__ == "__main__":
    main()
