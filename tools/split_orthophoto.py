"""Cut orthophotos and labels of your own into patches to train on, with a part held out.

Example:
    python tools/split_orthophoto.py --images ortho.tif --labels labels.gpkg --class-field class \
        --output data/mine
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from network.cli import ScriptParser, reports_faults
from network.files.parallel import default_processes
from network.preparation.orthophotos.split import OrthophotoSplit, split_orthophotos


@reports_faults
def main(argv: list[str] | None = None) -> None:
    """Read the command line, split, and say what came of it."""
    args = vars(_parser().parse_args(argv))
    processes = args.pop("processes")
    args["stride"] = args["size"] if args["stride"] is None else args["stride"]
    how = OrthophotoSplit(**args)
    print(f"{split_orthophotos(how, processes).text()}\n-> {how.output}")


def _parser() -> ScriptParser:
    parser = ScriptParser(__doc__.partition("\n")[0])
    usual = OrthophotoSplit((), Path(), Path())
    add = parser.add_argument
    add("--images", type=Path, nargs="+", required=True, unique=True, help="orthophotos")
    add("--labels", type=Path, required=True, help="polygons (GeoPackage, shapefile, GeoJSON) or "
        "a raster of class values")  # fmt: skip
    add("--output", type=Path, required=True, help="folder of the dataset")
    add("--layer", help="of the polygons, where the file has several")
    add("--class-field", help="field of the polygons that holds the class")
    add("--classes", nargs="+", metavar="VALUE[=NAME]", unique=True,
        help="the values in the order of the class indices (default: all, sorted)")  # fmt: skip
    add("--ignore-values", nargs="+", metavar="VALUE", unique=True, default=(),
        help="values that count as no class")  # fmt: skip
    add("--background", metavar="CLASS",
        help="class of all that is not labeled (default: it is ignored)")  # fmt: skip
    add("--split-size", dest="size", type=int, default=usual.size,
        help=f"side of a patch in pixels (default: {usual.size})")  # fmt: skip
    add("--stride", type=int, help="from patch to patch in pixels; what is held out never overlaps "
        "(default: the side)")  # fmt: skip
    add("--val-area", type=Path, help="polygons on what is held out for validation")
    add("--val-share", type=float, default=usual.val_share, without="--val-area",
        help="share of the labels that is held out, in a block of each image "
        f"(default: {usual.val_share})")  # fmt: skip
    add("--keep-empty", type=float, default=usual.keep_empty, metavar="SHARE",
        help=f"of the patches in which nothing is labeled (default: {usual.keep_empty:g})",
    )  # fmt: skip
    add("--all-touched", action="store_true", help="polygons label every pixel that they touch, "
        "not those alone whose center they hold")  # fmt: skip
    add("--processes", type=int, default=default_processes(),
        help=f"rows of patches at a time (default: {default_processes()})")  # fmt: skip
    return parser


if __name__ == "__main__":
    main()
