"""Predict images of any size: python predict.py --ckpt CHECKPOINT INPUT [INPUT ...] -o OUT."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from network.cli import ScriptParser, reports_faults
from network.cli.predicting import open_predictor, refuse_torchrun
from network.datasets.catalog import TTA_NAMES
from network.errors import ConfigError
from network.scenes.options import POLYGON_FORMATS, SceneOptions
from network.scenes.predict_files import predict_files
from network.scenes.tiling import DEFAULT_OVERLAP, DEFAULT_WINDOW


@reports_faults
def main() -> None:
    """Read the command line and predict."""
    parser = ScriptParser(__doc__)
    parser.add_argument(
        "inputs",
        nargs="*",
        metavar="INPUT",
        unique=True,
        help="image, GeoTIFF, folder, or https://, s3://, /vsi...",
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
    parser.add_argument(
        "--cog",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="cloud-optimised GeoTIFFs, with overviews (default), or plain tiled ones",
    )
    parser.add_argument("--polygons", action="store_true", help="also polygons with areas")
    parser.add_argument(
        "--polygons-format",
        choices=POLYGON_FORMATS,
        default=POLYGON_FORMATS[0],
        needs="--polygons",
        help=f"GeoPackage or GeoJSON (default: {POLYGON_FORMATS[0]})",
    )
    parser.add_argument(
        "--min-area",
        type=float,
        default=0,
        needs="--polygons",
        help="of a polygon, square meters (no place: pixels)",
    )
    parser.add_argument(
        "--simplify",
        type=float,
        default=0,
        metavar="METERS",
        needs="--polygons",
        help="by which outlines may be simplified; borders stay shared (no place: pixels)",
    )
    parser.add_argument(
        "--batch", type=int, help="windows at a time (default: by the memory of a GPU; a CPU: 1)"
    )
    parser.add_argument(
        "--processes",
        type=int,
        default=1,
        help="that share images, and bands of large ones; each takes a GPU (default: 1)",
    )
    args = parser.parse_args()
    refuse_torchrun()
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
        args.polygons_format,
        args.simplify,
        args.cog,
    )
    network = open_predictor(args)
    shared = None if args.processes == 1 else (partial(open_predictor, args), args.processes)
    predict_files(network, args.inputs, args.output, options, args.batch, shared)


if __name__ == "__main__":
    main()
