"""Predict images of any size: python predict.py --ckpt CHECKPOINT INPUT [INPUT ...] -o OUT."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from network.cli import ScriptParser, reports_faults
from network.datasets.catalog import TTA_NAMES
from network.errors import ConfigError
from network.scenes.blending import DEFAULT_OVERLAP, DEFAULT_WINDOW
from network.scenes.options import SceneOptions
from network.scenes.predict_files import predict_files

if TYPE_CHECKING:
    from network.inference.ensemble import Ensemble
    from network.inference.onnx_network import OnnxNetwork
    from network.inference.segmenter import Segmenter


@reports_faults
def main() -> None:
    """Read the command line and predict."""
    parser = ScriptParser(__doc__)
    parser.add_argument(
        "inputs", nargs="*", metavar="INPUT", unique=True, help="image, GeoTIFF or folder"
    )
    parser.add_config(needed=False)
    parser.add_argument("-o", "--output", required=True, type=Path, help="folder for the maps")
    parser.add_checkpoints(
        "of several, the mean of their probabilities (default: with -c, the run's best)"
    )
    parser.add_argument(
        "--model",
        without="--ckpt",
        help="ONNX file of tools/export.py; needs no torch",
    )
    parser.add_argument(
        "--window", type=int, default=DEFAULT_WINDOW, help=f"pixels (default: {DEFAULT_WINDOW})"
    )
    parser.add_argument(
        "--overlap",
        type=float,
        default=DEFAULT_OVERLAP,
        help=f"of neighboring windows, as a share (default: {DEFAULT_OVERLAP})",
    )
    parser.add_argument(
        "-t", "--tta", choices=TTA_NAMES, default="none", help="test-time augmentation"
    )
    parser.add_argument("--bands", type=int, nargs="+", help="from 1 (default: the first ones)")
    parser.add_argument(
        "--range",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="values that become 0 and 255 (default: 8 bits as they are, others by percentiles)",
    )
    parser.add_argument("--rgb", action="store_true", help="also maps in colors")
    parser.add_argument("--probabilities", action="store_true", help="also float32 GeoTIFFs")
    parser.add_argument("--polygons", action="store_true", help="also GeoJSON with areas")
    parser.add_argument(
        "--min-area",
        type=float,
        default=0,
        needs="--polygons",
        help="of a polygon, square meters (no place: pixels)",
    )
    args = parser.parse_args()
    if not args.inputs:
        raise ConfigError("no image to predict: name files or folders")
    options = SceneOptions(
        args.window,
        args.overlap,
        args.tta,
        tuple(args.bands) if args.bands else None,
        tuple(args.range) if args.range else None,
        args.rgb,
        args.probabilities,
        args.polygons,
        args.min_area,
    )
    predict_files(_network(args), args.inputs, args.output, options)


def _network(args: argparse.Namespace) -> Segmenter | Ensemble | OnnxNetwork:
    """The network that the command line names; torch is imported only where it is needed."""
    if args.model is None:
        from network.cli.configs import open_networks

        return open_networks(args)
    if args.config or args.overrides:
        raise ConfigError(
            "--model says all of its network and runs on the CPU: leave out -c and settings"
        )
    from network.inference.onnx_network import OnnxNetwork

    network = OnnxNetwork.open(args.model)
    network.check_window(args.window)
    return network


if __name__ == "__main__":
    main()
