"""Train and test many runs with several seeds: python study.py STUDY [-o OUTDIR]."""

from __future__ import annotations

import sys
from pathlib import Path

from network.cli import ScriptParser, reports_faults
from network.studies.carrying_out import carry_out
from network.studies.commands import commands
from network.studies.study import Study
from network.studies.task import default_output, tasks_of


@reports_faults
def main() -> None:
    """Read the command line, and go on with the study."""
    parser = ScriptParser(__doc__)
    parser.add_argument("study", help="study file, as config/vaihingen/studies/methods.py")
    parser.add_argument(
        "-o", "--output", help="folder of tests, logs and tables; else fig_results/DATASET/STUDY"
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="only these runs")
    parser.add_argument(
        "--seed", nargs="+", type=int, default=[], metavar="N", help="only these of the seeds"
    )
    parser.add_argument(
        "--fold", nargs="+", default=[], metavar="NAME", help="only these of the folds"
    )
    parser.add_argument(
        "--devices",
        nargs="+",
        type=int,
        default=[],
        metavar="N",
        unique=True,
        help="CUDA cards that do a run at a time each, as 0 1 2 3",
    )
    parser.add_argument(
        "--jobs", type=int, default=1, without="--devices", help="runs at a time, on a CPU"
    )
    parser.add_argument(
        "--commands", action="store_true", help="print one command for each run, and do nothing"
    )
    parser.add_argument(
        "--plan", action="store_true", help="say what there is to do, and do nothing"
    )
    parser.add_argument(
        "--any-code", action="store_true", help="keep results of another version of network/"
    )
    args = parser.parse_args()
    study = Study.load(args.study)
    output = Path(args.output) if args.output else default_output(study)
    if args.commands:
        tasks = tasks_of(study, output, args.only, args.seed, args.fold)
        print("\n".join(commands(tasks, sys.argv[0], args.any_code)))
        return
    carry_out(
        *(study, output, args.only, args.seed, args.fold),
        *(args.devices, args.jobs, args.plan, args.any_code),
    )


if __name__ == "__main__":
    main()
