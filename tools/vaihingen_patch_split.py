"""Cut ISPRS Vaihingen tiles and their RGB masks into patches with masks of class indices."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from network.cli import reports_faults
from network.cli.patch_split import patch_split_parser, run_patch_split
from network.datasets.isprs import VaihingenDataset


@reports_faults
def main() -> None:
    """Read the command line and split."""
    args = patch_split_parser(__doc__, "data/vaihingen", stride=512).parse_args()
    run_patch_split(VaihingenDataset, args)


if __name__ == "__main__":
    main()
