"""Look a config's dataset over before anyone trains: files, sizes, colors, classes, splits."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from network.cli import ScriptParser, reports_faults
from network.cli.configs import load_experiment
from network.datasets.layout import DatasetLayout
from network.datasets.settings_file import change_settings
from network.datasets.statistics import find_statistics
from network.datasets.statistics_text import statistics_settings, statistics_table
from network.datasets.survey import survey
from network.errors import DataError


@reports_faults
def main() -> None:
    """Read the command line, look, and print what was found."""
    parser = ScriptParser(__doc__)
    parser.add_config("config file")
    parser.add_argument(
        "--statistics",
        action="store_true",
        help="look at the bands of the training images instead, and write scale, mean and std into "
        "dataset.yaml",
    )
    args = parser.parse_args()
    layout = load_experiment(args, ["dataset"]).build_dataset()
    if args.statistics:
        take_statistics(layout)
        return
    found = survey(layout)
    print("\n\n".join(found.tables))
    for note in dict.fromkeys(found.notes):
        print(f"note: {note}")
    if found.faults:
        lines = "\n  ".join(dict.fromkeys(found.faults))
        raise DataError(f"{len(set(found.faults))} faults in the dataset:\n  {lines}")
    print("no faults")


def take_statistics(layout: DatasetLayout) -> None:
    """Print the statistics of the training images, and write them where the dataset keeps them."""
    found = find_statistics(layout)
    print(statistics_table(found, layout.spec))
    settings = statistics_settings(found, layout.spec)
    path = layout.statistics_file()
    if path is not None and change_settings(path, settings):
        print(f"written to {path}:")
        for name, value in settings.items():
            print(f"  {name}: {value}")
        return
    if path is not None:
        print(f"{path} stays as it is: its settings cannot be changed line by line")
    print("for the dataset in the config:")
    print(f"  {', '.join(f'{name}={value}' for name, value in settings.items())}")


if __name__ == "__main__":
    main()
