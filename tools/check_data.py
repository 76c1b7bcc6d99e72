"""Look a config's dataset over before anyone trains: files, sizes, colors, classes, splits."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from network.cli import ScriptParser, reports_faults
from network.cli.configs import load_experiment
from network.datasets.survey import survey
from network.errors import DataError


@reports_faults
def main() -> None:
    """Read the command line, look, and print what was found."""
    parser = ScriptParser(__doc__)
    parser.add_config("config file")
    args = parser.parse_args()
    found = survey(load_experiment(args, ["dataset"]).build_dataset())
    print("\n\n".join(found.tables))
    for note in dict.fromkeys(found.notes):
        print(f"note: {note}")
    if found.faults:
        lines = "\n  ".join(dict.fromkeys(found.faults))
        raise DataError(f"{len(set(found.faults))} faults in the dataset:\n  {lines}")
    print("no faults")


if __name__ == "__main__":
    main()
