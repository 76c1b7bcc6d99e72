"""Test a trained network: python test.py -c CONFIG -o OUTDIR [-t none|lr|d4] [--rgb]."""

from __future__ import annotations

from network.cli import reports_faults
from network.cli.testing import add_split, run_test, test_parser


@reports_faults
def main() -> None:
    """Read the command line and test."""
    parser = test_parser(__doc__)
    add_split(parser)
    args = parser.parse_intermixed_args()
    run_test(args, args.split)


if __name__ == "__main__":
    main()
