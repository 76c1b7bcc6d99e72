"""Turn a checkpoint of the published BiCoR-Seg code into one that the test scripts take."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from network.cli import ScriptParser, reports_faults
from network.cli.configs import load_experiment
from network.inference.published_weights import convert


@reports_faults
def main() -> None:
    """Read the command line and convert."""
    parser = ScriptParser(__doc__)
    parser.add_argument("source", metavar="SOURCE", help="checkpoint or state dict to convert")
    parser.add_argument("target", metavar="DEST", help="checkpoint to write")
    parser.add_config(
        "config with the network and dataset of SOURCE", "settings to change, as net.num_hbis=3"
    )
    args = parser.parse_args()
    convert(args.source, args.target, load_experiment(args, ["dataset", "net"]))
    print(f"{args.target}: give it to a test script by --ckpt {args.target}")


if __name__ == "__main__":
    main()
