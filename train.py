"""Train a network: python train.py -c config/loveda/bicor.py [--resume auto] [name=value ...]."""

from __future__ import annotations

from network.cli import ScriptParser, reports_faults
from network.cli.configs import load_experiment
from network.training.run import train


@reports_faults
def main() -> None:
    """Read the command line and train."""
    parser = ScriptParser(__doc__)
    parser.add_config("config file", "settings to change, as max_epoch=1 net.backbone=resnet18")
    parser.add_argument(
        "--resume", metavar="CKPT", help="go on from this checkpoint; 'auto': from the run's last"
    )
    args = parser.parse_args()
    train(load_experiment(args), args.resume)


if __name__ == "__main__":
    main()
