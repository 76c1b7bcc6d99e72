"""Convert LoveDA masks as published (0 no data, 1..7 classes) to class indices 0..6, ignore 7.

Masks in colors, for looking at, go to a folder beside the output whose name ends in _rgb.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from network.cli import ScriptParser, reports_faults
from network.files.images import list_images
from network.files.parallel import default_processes
from network.preparation.loveda_labels import convert_labels


@reports_faults
def main() -> None:
    """Read the command line and convert."""
    parser = ScriptParser(__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    folder = Path("data/LoveDA/Train/Rural")
    parser.add_argument(
        "--mask-dir", type=Path, default=folder / "masks_png", help="masks as published"
    )
    parser.add_argument(
        "--output-mask-dir",
        type=Path,
        default=folder / "masks_png_convert",
        help="where masks of class indices go",
    )
    parser.add_argument(
        "--processes", type=int, default=default_processes(), help="masks at a time"
    )
    args = parser.parse_args()
    folders = convert_labels(args.mask_dir, args.output_mask_dir, args.processes)
    count = len(list_images(folders[0]))
    print(f"{count} masks in {folders[0]} (indices) and {folders[1]} (colors)")


if __name__ == "__main__":
    main()
