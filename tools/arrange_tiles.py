"""Sort the ISPRS tiles of a download into training and test area, by the official split."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from network.cli import ScriptParser, reports_faults
from network.datasets.isprs import PotsdamDataset, VaihingenDataset
from network.preparation.arrange_tiles import arrange_tiles

DATASETS = {"vaihingen": VaihingenDataset, "potsdam": PotsdamDataset}


@reports_faults
def main() -> None:
    """Read the command line and sort."""
    parser = ScriptParser(__doc__)
    parser.add_argument("dataset", choices=DATASETS)
    parser.add_argument("--images", type=Path, required=True, help="folder of the unpacked tiles")
    parser.add_argument("--masks", type=Path, required=True, help="folder of their RGB masks")
    parser.add_argument("--masks-eroded", type=Path, help="folder of the *_noBoundary masks")
    parser.add_argument("--output", type=Path, help="default: data/DATASET")
    args = parser.parse_args()
    sources = {"images": args.images, "masks": args.masks, "masks_eroded": args.masks_eroded}
    output = args.output or Path("data") / args.dataset
    placed = arrange_tiles(
        DATASETS[args.dataset], {k: path for k, path in sources.items() if path}, output
    )
    print("\n".join(f"{output / folder}: {count} files" for folder, count in placed.items()))


if __name__ == "__main__":
    main()
