"""The command line of the patch splitters."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from network.cli.arguments import ScriptParser
from network.datasets.bands import band_facts
from network.datasets.isprs import IsprsDataset
from network.datasets.isprs_tiles import pair_tiles
from network.errors import ConfigError
from network.files.parallel import default_processes
from network.preparation.patches import PatchSplit, split_tiles


def patch_split_parser(description: str, root: str, stride: int) -> ScriptParser:
    """The arguments of the patch splitters, with defaults for the training area under ``root``."""
    parser = ScriptParser(description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    folders = {
        "--img-dir": (f"{root}/train_images", "tiles"),
        "--mask-dir": (f"{root}/train_masks", "their masks in RGB colors"),
        "--output-img-dir": (f"{root}/train/images_1024", "where image patches go"),
        "--output-mask-dir": (f"{root}/train/masks_1024", "where mask patches go"),
    }
    for flag, (default, text) in folders.items():
        parser.add_argument(flag, type=Path, default=Path(default), help=text)
    parser.add_argument(
        "--mode",
        choices=("train", "val"),
        default="train",
        help="val: patches to score on, which do not overlap",
    )
    parser.add_argument("--split-size", type=int, default=1024, help="side of a patch in pixels")
    parser.add_argument(
        "--stride",
        type=int,
        default=argparse.SUPPRESS,
        help=f"from patch to patch in pixels (default: {stride}; in --mode val the side)",
    )
    parser.set_defaults(train_stride=stride)
    parser.add_argument("--eroded", action="store_true", help="masks are *_noBoundary ones")
    parser.add_argument("--gt", action="store_true", help="write masks in RGB, for looking at")
    parser.add_argument(
        "--val-scale",
        type=float,
        default=1.0,
        needs="--mode val",
        help="resize tiles in --mode val",
    )
    parser.add_argument(
        "--processes",
        type=int,
        default=default_processes(),
        help="tiles at a time",
    )
    return parser


def run_patch_split(
    dataset: type[IsprsDataset], args: argparse.Namespace, image_suffix: str = "", bands: int = 3
) -> None:
    """Split tiles as the arguments of ``patch_split_parser`` say.

    Args:
        dataset: whose tiles they are.
        args: of the command line.
        image_suffix: which of several images of a tile.
        bands: of these; three are those of a picture.

    Raises:
        ConfigError: patches to score on that overlap, one folder for images and masks, or sizes
            that cannot be.
        DataError, OutputError: see ``split_tiles``.
    """
    scoring = args.mode == "val"
    stride = getattr(args, "stride", args.split_size if scoring else args.train_stride)
    if scoring and stride < args.split_size:
        raise ConfigError(
            f"--mode val --split-size {args.split_size} --stride {stride}: patches to score on "
            "must not overlap, or pixels count several times; leave --stride out"
        )
    tiles = pair_tiles(dataset.FILES, args.img_dir, args.mask_dir, image_suffix, args.eroded)
    faulty = [f"{dataset.FILES.prefix}{tile}" for tile in dataset.TILES.faulty]
    for tile in tiles:
        if tile.name in faulty:
            print(f"note: {tile.name} is left out, its published label is faulty")
    tiles = [tile for tile in tiles if tile.name not in faulty]
    facts = band_facts({"bands": None if bands == 3 else list(range(1, bands + 1))})
    spec = replace(dataset.SPEC, **facts)
    how = PatchSplit(
        spec=spec,
        image_folder=args.output_img_dir,
        mask_folder=args.output_mask_dir,
        size=args.split_size,
        stride=stride,
        scale=args.val_scale,
        colors=args.gt,
        eroded=args.eroded,
    )
    count = split_tiles(tiles, how, args.processes)
    print(f"{len(tiles)} tiles -> {count} patches in {how.image_folder} and {how.mask_folder}")
