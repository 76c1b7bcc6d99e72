"""A table of tests: methods in rows, means over seeds, and what of it is more than chance."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from network.cli import ScriptParser, reports_faults
from network.comparison.choice import IMAGES, ROWS, SIDE, Viewed
from network.comparison.comparison import compare_methods
from network.comparison.cost_files import read_costs
from network.comparison.costs import NO_COSTS
from network.comparison.grouping import group_folders
from network.comparison.plain import plain_table
from network.comparison.tables import PICTURE, STUDY, TABLE, write_comparison
from network.datasets.catalog import TTA_NAMES


@reports_faults
def main() -> None:
    """Read the command line, group the folders, write the table."""
    parser = ScriptParser(__doc__)
    parser.add_argument(
        "results",
        nargs="+",
        metavar="RESULTS_DIR",
        help="the -o of a test; those whose settings differ in seed and name alone are one method, "
        "others take a name by NAME=RESULTS_DIR",
    )
    parser.add_argument(
        "-o", "--output", type=Path, default="fig_results/comparison", help="folder for the table"
    )
    parser.add_argument("--reference", metavar="NAME", help="method to compare the others with")
    parser.add_argument("--masks", choices=("eroded", "full"), help="masks of the scores")
    parser.add_argument("-t", "--tta", choices=TTA_NAMES, help="augmentation of the scores")
    parser.add_argument("--scenes", action="store_true", help="scores of the publisher's tiles")
    parser.add_argument(
        "--costs", type=Path, metavar="FILE", help="JSON file of tools/complexity.py, for columns"
    )
    parser.add_argument(
        "-c",
        "--config",
        help="config of one of the tests, for a picture of all methods and a viewer of images in "
        "the page; it is executed, so one you trust",
    )
    parser.add_argument(
        "--images",
        type=int,
        default=IMAGES,
        needs="--config",
        help=f"in the viewer (default: {IMAGES})",
    )
    parser.add_argument(
        "--rows",
        type=int,
        default=ROWS,
        needs="--config",
        help=f"images in the picture, those in which methods differ most (default: {ROWS})",
    )
    parser.add_argument(
        "--show",
        nargs="+",
        default=[],
        metavar="NAME",
        unique=True,
        needs="--config",
        without="--rows",
        help="names of the images in the picture",
    )
    parser.add_argument(
        "--side",
        type=int,
        default=SIDE,
        needs="--config",
        help=f"longest side of their previews (default: {SIDE})",
    )
    args = parser.parse_args()
    wanted = {"masks": args.masks, "tta": args.tta, "unit": "scenes" if args.scenes else None}
    wanted = {field: value for field, value in wanted.items() if value}
    rows = group_folders(args.results, wanted)
    found = compare_methods(rows, args.reference, wanted)
    costs = read_costs(args.costs, found) if args.costs else NO_COSTS
    viewed = None
    if args.config:
        viewed = Viewed(args.config, args.images, args.side, args.rows, args.show)
    write_comparison(found, args.output, costs, viewed)
    print(plain_table(found))
    drawn = f"{STUDY}, {PICTURE}.png and .pdf" if viewed else f"and {STUDY}"
    print(f"{TABLE}.md, .tex, .csv and .json, {drawn} in {args.output}")


if __name__ == "__main__":
    main()
