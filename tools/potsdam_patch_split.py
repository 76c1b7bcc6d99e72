"""Cut ISPRS Potsdam tiles and their RGB masks into patches with masks of class indices."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from network.cli import reports_faults
from network.cli.patch_split import patch_split_parser, run_patch_split
from network.datasets.isprs import PotsdamDataset


@reports_faults
def main() -> None:
    """Read the command line and split."""
    parser = patch_split_parser(__doc__, "data/potsdam", stride=1024)
    parser.add_argument(
        "--rgb-image", action="store_true", help="take the *_RGB images instead of *_IRRG"
    )
    parser.add_argument(
        "--bands",
        type=int,
        choices=(3, 4),
        default=3,
        without="--rgb-image",
        help="4 takes the *_RGBIR images, all four bands of them",
    )
    args = parser.parse_args()
    images = "_RGBIR" if args.bands == 4 else "_RGB" if args.rgb_image else "_IRRG"
    run_patch_split(PotsdamDataset, args, images, args.bands)


if __name__ == "__main__":
    main()
