"""Test on ISPRS Potsdam, against full and eroded masks where both are there."""

from __future__ import annotations

from network.cli import reports_faults
from network.cli.testing import test_split
from network.datasets.isprs import PotsdamDataset


@reports_faults
def main() -> None:
    """Read the command line and test."""
    test_split(__doc__, PotsdamDataset)


if __name__ == "__main__":
    main()
