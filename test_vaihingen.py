"""Test on ISPRS Vaihingen, against full and eroded masks where both are there."""

from __future__ import annotations

from network.cli import reports_faults
from network.cli.testing import add_split, run_test, test_parser
from network.datasets.isprs import VaihingenDataset


@reports_faults
def main() -> None:
    """Read the command line and test."""
    parser = test_parser(__doc__)
    add_split(parser)
    args = parser.parse_intermixed_args()
    run_test(args, args.split, VaihingenDataset)


if __name__ == "__main__":
    main()
