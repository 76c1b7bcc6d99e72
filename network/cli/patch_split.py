"""The command line of the patch splitters."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from network.datasets.catalog import DatasetSpec
from network.datasets.patches import PatchSplit, split_tiles
from network.datasets.segmentation import Sample

MAX_PROCESSES = 8


def patch_split_parser(description: str, root: str, stride: int) -> argparse.ArgumentParser:
    """The arguments of the patch splitters, with defaults for the training area under ``root``."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    folders = {
        "--img-dir": (f"{root}/train_images", "tiles"),
        "--mask-dir": (f"{root}/train_masks", "their masks in RGB colors"),
        "--output-img-dir": (f"{root}/train/images_1024", "where image patches go"),
        "--output-mask-dir": (f"{root}/train/masks_1024", "where mask patches go"),
    }
    for flag, (default, text) in folders.items():
        parser.add_argument(flag, type=Path, default=Path(default), help=text)
    parser.add_argument(
        "--mode", choices=("train", "val"), default="train", help="--val-scale is for val"
    )
    parser.add_argument("--split-size", type=int, default=1024, help="side of a patch in pixels")
    parser.add_argument("--stride", type=int, default=stride, help="from patch to patch in pixels")
    parser.add_argument("--eroded", action="store_true", help="masks are *_noBoundary ones")
    parser.add_argument("--gt", action="store_true", help="write masks in RGB, for looking at")
    parser.add_argument("--val-scale", type=float, default=1.0, help="resize tiles in --mode val")
    parser.add_argument(
        "--processes",
        type=int,
        default=min(os.cpu_count() or 1, MAX_PROCESSES),
        help="tiles at a time",
    )
    return parser


def run_patch_split(spec: DatasetSpec, tiles: Sequence[Sample], args: argparse.Namespace) -> None:
    """Split tiles as the arguments of ``patch_split_parser`` say."""
    how = PatchSplit(
        spec=spec,
        image_folder=args.output_img_dir,
        mask_folder=args.output_mask_dir,
        size=args.split_size,
        stride=args.stride,
        scale=args.val_scale if args.mode == "val" else 1.0,
        colors=args.gt,
        eroded=args.eroded,
    )
    count = split_tiles(tiles, how, max(1, args.processes))
    print(f"{len(tiles)} tiles -> {count} patches in {how.image_folder} and {how.mask_folder}")
