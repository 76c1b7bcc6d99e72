"""A table of tests: methods in rows, means over seeds, and what of it is more than chance."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from network.cli import ScriptParser, reports_faults
from network.comparison.grouping import group_folders
from network.comparison.plain import plain_table
from network.comparison.tables import TABLE, write_tables
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
    args = parser.parse_args()
    wanted = {"masks": args.masks, "tta": args.tta, "unit": "scenes" if args.scenes else None}
    wanted = {field: value for field, value in wanted.items() if value}
    rows = group_folders(args.results, wanted)
    print(plain_table(write_tables(rows, args.output, args.reference, wanted)))
    print(f"{TABLE}.md, .tex, .csv and .json in {args.output}")


if __name__ == "__main__":
    main()
