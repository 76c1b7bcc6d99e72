"""One HTML page of a test: scores, protocol, confusion; with -c also a viewer with heatmaps."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from network.cli import ScriptParser, reports_faults
from network.errors import ConfigError
from network.evaluation.output_folder import REPORT
from network.evaluation.read_results import read_results
from network.files.staging import staged_outputs
from network.report.contents import open_tested, report_contents
from network.report.page import REPORT_PAGE


@reports_faults
def main() -> None:
    """Read the command line and the results, look into the network, write the page."""
    parser = ScriptParser(__doc__)
    parser.add_argument("results", type=Path, metavar="RESULTS_DIR", help="the -o of a test")
    parser.add_argument(
        "-c",
        "--config",
        help="config of the test, for a viewer of its images; it is executed, so one you trust",
    )
    parser.add_argument(
        "-o", "--output", type=Path, help=f"HTML file (default: {REPORT} in RESULTS_DIR)"
    )
    viewer = {"needs": "--config", "without": "--scores-only"}
    parser.add_checkpoints("the tested one, if it was moved; of an ensemble, all", **viewer)
    parser.add_argument(
        "--images", type=int, default=40, **viewer, help="in the viewer (default: 40)"
    )
    parser.add_argument(
        "--side",
        type=int,
        default=512,
        **viewer,
        help="longest side of their previews (default: 512)",
    )
    parser.add_argument(
        "--scores-only", action="store_true", help="no viewer even with -c; needs no images"
    )
    args = parser.parse_args()
    if args.images < 1 or args.side < 16:
        raise ConfigError("--images: at least 1; --side: at least 16")
    if args.output and args.output.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"--output {args.output}: the page is an .html file")
    results = read_results(args.results)
    trained = None
    if args.config and not args.scores_only:
        trained = open_tested(results, args.config, args.ckpt)
    contents = report_contents(args.results, results, trained, args.images, args.side)
    page = REPORT_PAGE.render(contents).encode()
    output = args.output or args.results / REPORT
    within = output.parent.resolve() == args.results.resolve()
    target = args.results if within else output
    with staged_outputs(target, known=REPORT_PAGE.is_one, folder=output.parent) as aside:
        (aside / output.name).write_bytes(page)
    print(f"{output} ({len(page) / 1e6:.1f} MB); {contents['previews']}")


if __name__ == "__main__":
    main()
