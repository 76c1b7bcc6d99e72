"""Losses and scores of runs, or of a study, over their epochs, as a figure."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from network.cli import ScriptParser, reports_faults
from network.errors import ConfigError, MissingDataError
from network.figures.curves import Log, curve_figure
from network.figures.style import save_figure
from network.files.staging import staged_outputs
from network.studies import Study
from network.studies.logs import study_logs
from network.training.read_log import read_log


@reports_faults
def main() -> None:
    """Read the command line and the logs, draw."""
    parser = ScriptParser(__doc__)
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        unique=True,
        help="log folder of a run (its newest training), a version_N in it, a metrics.csv, or a "
        "study file for all of its runs",
    )
    parser.add_argument(
        "-o", "--output", default="fig_results/curves", help="path without suffix: .png and .pdf"
    )
    args = parser.parse_args()
    logs: list[Log] = []
    for run in args.runs:
        if Path(run).suffix == ".py":
            found, without = study_logs(Study.load(run))
            logs += found
            for task in without:
                print(f"note: {task} has no log yet")
        else:
            logs.append(read_log(run))
    if not logs:
        raise MissingDataError("none of these runs has a log yet: train first")
    output = Path(args.output)
    if not output.name:
        raise ConfigError(f"-o {args.output}: name the files, as fig_results/curves")
    with staged_outputs(output, folder=output.parent) as aside:
        files = save_figure(curve_figure(logs), aside / output.name)
    png, pdf = (output.with_name(file.name) for file in files)
    print(f"{len(logs)} runs in {png} and {pdf}")


if __name__ == "__main__":
    main()
