"""Test a trained network: python test.py -c CONFIG -o OUTDIR [-t none|lr|d4] [--rgb]."""

from __future__ import annotations

from network.cli import reports_faults
from network.cli.testing import test_split


@reports_faults
def main() -> None:
    """Read the command line and test."""
    test_split(__doc__)


if __name__ == "__main__":
    main()
