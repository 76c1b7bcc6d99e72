"""Test a trained network: python test.py -c CONFIG -o OUTDIR [-t none|lr|d4] [--rgb]."""

from __future__ import annotations

import argparse

from network.cli import reports_faults
from network.evaluation import TTA_NAMES, test
from network.experiment import Experiment


@reports_faults
def main() -> None:
    """Read the command line and test."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-c", "--config", required=True, help="config file of the training")
    parser.add_argument("-o", "--output", required=True, help="folder for masks and results.json")
    parser.add_argument(
        "-t", "--tta", choices=TTA_NAMES, default="none", help="test-time augmentation"
    )
    parser.add_argument("--rgb", action="store_true", help="save masks in colors as well")
    parser.add_argument("--ckpt", help="checkpoint; without it, the run's best")
    parser.add_argument("--split", choices=("test", "val"), default="test")
    parser.add_argument("overrides", nargs="*", metavar="name=value", help="settings to change")
    args = parser.parse_intermixed_args()
    experiment = Experiment.load(args.config, args.overrides)
    test(experiment, args.output, args.tta, args.rgb, args.ckpt, args.split)


if __name__ == "__main__":
    main()
