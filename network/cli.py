"""What scripts share: how faults are reported, and the arguments of the patch splitters."""

from __future__ import annotations

import argparse
import functools
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from network.datasets.catalog import DatasetSpec
from network.datasets.patches import PatchSplit, split_tiles
from network.datasets.segmentation import Sample
from network.errors import UserError


def reports_faults(main: Callable[..., None]) -> Callable[..., None]:
    """Decorate a script's main: a ``UserError`` ends it with one message and status 1.

    Ctrl-C ends it with status 130. Set BICOR_TRACEBACK=1 to see where a fault was found.
    """

    @functools.wraps(main)
    def wrapper(*args, **kwargs) -> None:
        try:
            main(*args, **kwargs)
        except UserError as error:
            if os.environ.get("BICOR_TRACEBACK"):
                raise
            print(f"error: {_message(error)}", file=sys.stderr)
            sys.exit(1)
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            sys.exit(130)

    return wrapper


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
    parser.add_argument("--mode", choices=("train", "val"), default="train", help="area")
    parser.add_argument("--split-size", type=int, default=1024, help="side of a patch in pixels")
    parser.add_argument("--stride", type=int, default=stride, help="from patch to patch in pixels")
    parser.add_argument("--eroded", action="store_true", help="masks are *_noBoundary ones")
    parser.add_argument("--gt", action="store_true", help="write masks in RGB, for looking at")
    parser.add_argument("--val-scale", type=float, default=1.0, help="resize tiles in --mode val")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="tiles at a time")
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


def _message(error: UserError) -> str:
    """The message as it was raised: a data loader's worker wraps it in the text of a traceback."""
    kind = f"{type(error).__module__}.{type(error).__qualname__}: "
    text = str(error)
    return text.rpartition(kind)[2].strip() if "Original Traceback" in text else text
