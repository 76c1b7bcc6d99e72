"""Losses and scores of one or several runs over their epochs, as a figure."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from network.cli import ScriptParser, reports_faults
from network.errors import ConfigError
from network.figures.curves import Line, curve_figure
from network.figures.style import save_figure
from network.files.staging import staged_outputs
from network.studies.logs import read_lines
from network.studies.study import Study
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
        help="log folder of a run (its newest training), a version_N in it, or a metrics.csv; a "
        "study file (.py, which is executed) for all of its runs, each as the mean over its seeds",
    )
    parser.add_argument(
        "-o", "--output", default="fig_results/curves", help="path without suffix: .png and .pdf"
    )
    args = parser.parse_args()
    lines = [line for run in args.runs for line in _lines(run)]
    output = Path(args.output)
    if not output.name:
        raise ConfigError(f"-o {args.output}: name the files, as fig_results/curves")
    with staged_outputs(output, folder=output.parent) as aside:
        files = save_figure(curve_figure(lines), aside / output.name)
    png, pdf = (output.with_name(file.name) for file in files)
    print(f"{sum(len(line.logs) for line in lines)} runs in {png} and {pdf}")


def _lines(run: str) -> list[Line]:
    """A run, or those of a study; what of it is left out is said."""
    if Path(run).suffix != ".py":
        log = read_log(run)
        return [Line(log.name, [log])]
    lines, left_out = read_lines(Study.load(run))
    for said in left_out:
        print(f"note: {said}")
    return lines


if __name__ == "__main__":
    main()
