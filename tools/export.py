"""Hand a network on: python tools/export.py --ckpt CHECKPOINT -o OUT --format onnx."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from network.cli import ScriptParser, reports_faults
from network.cli.configs import open_network
from network.errors import ConfigError
from network.export.averaged import average_checkpoints
from network.export.formats import FORMATS, ExportOptions, check_target
from network.export.graph import GraphOptions


@reports_faults
def main() -> None:
    """Read the command line and export."""
    parser = ScriptParser(__doc__)
    parser.add_config(needed=False)
    parser.add_checkpoints(
        "(default: with -c, the run's best); of several, the mean of their weights, --format ckpt"
    )
    parser.add_argument("-o", "--output", required=True, type=Path, help="file or folder to write")
    parser.add_argument("--format", required=True, choices=FORMATS, help="what to write")
    parser.add_argument(
        "--size", type=int, help="side of the only images that it takes (default: any size)"
    )
    parser.add_argument(
        "--raw", action="store_true", help="takes stored values; scaling is part of the graph"
    )
    parser.add_argument("--half", action="store_true", help="weights and values of 16 bits")
    parser.add_argument(
        "--resolution",
        type=float,
        metavar="CM",
        help="of the images, centimeters per pixel: adds what the QGIS plugin Deepness asks for",
    )
    parser.add_argument("--results", type=Path, help="results.json of a test, for the model card")
    parser.add_argument("--picture", type=Path, help="image for the model card")
    parser.add_argument("--license", default="", help="of the weights, for the model card")
    args = parser.parse_args()
    options = ExportOptions(
        GraphOptions(args.size, args.raw, args.half),
        args.resolution,
        args.results,
        args.picture,
        args.license,
    )
    check_target(args.format, args.output, options)
    if len(args.ckpt or ()) > 1:
        note = _averaged(args)
    else:
        note = FORMATS[args.format].write(open_network(args), args.output, options)
    print(f"{args.output}: {note}")


def _averaged(args: argparse.Namespace) -> str:
    """Write the mean of the weights of several checkpoints; what a user has to know of it."""
    if args.format != "ckpt":
        raise ConfigError(
            f"--format {args.format} is of one network, and --ckpt names {len(args.ckpt)}: average "
            "their weights first, by --format ckpt, and export what that writes"
        )
    if args.config or args.overrides:
        raise ConfigError(
            "the mean of several checkpoints is of what they hold: leave out -c and settings"
        )
    for note in average_checkpoints(args.ckpt, args.output):
        print(f"note: {note}")
    return f"the mean of the weights of {len(args.ckpt)} checkpoints"


if __name__ == "__main__":
    main()
