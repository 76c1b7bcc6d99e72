"""Look a config's dataset over before anyone trains: files, sizes, colors, classes, splits."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from network.cli import reports_faults
from network.datasets.survey import survey
from network.errors import DataError
from network.experiment import Experiment


@reports_faults
def main() -> None:
    """Read the command line, look, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-c", "--config", required=True, help="config file")
    parser.add_argument("overrides", nargs="*", metavar="name=value", help="settings to change")
    args = parser.parse_intermixed_args()
    found = survey(Experiment.load(args.config, args.overrides).build_dataset())
    print("\n\n".join(found.tables))
    for note in dict.fromkeys(found.notes):
        print(f"note: {note}")
    if found.faults:
        lines = "\n  ".join(dict.fromkeys(found.faults))
        raise DataError(f"{len(set(found.faults))} faults in the dataset:\n  {lines}")
    print("no faults")


if __name__ == "__main__":
    main()
