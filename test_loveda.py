"""Test on LoveDA: masks of the test images, --submit a zip of them, --val scores on Val."""

from __future__ import annotations

from network.cli import reports_faults
from network.cli.testing import run_test, test_parser
from network.datasets.loveda import LoveDADataset
from network.evaluation.loveda_submission import check_submission, write_submission


@reports_faults
def main() -> None:
    """Read the command line and test."""
    parser = test_parser(__doc__)
    purpose = parser.add_mutually_exclusive_group()
    purpose.add_argument("--val", action="store_true", help="score on Val, which has labels")
    purpose.add_argument(
        "--submit", action="store_true", help="write and check the zip for the online test"
    )
    args = parser.parse_args()
    if args.submit:
        check_submission(args.output)
    samples = run_test(args, "val" if args.val else "test", LoveDADataset)
    if args.submit:
        write_submission(args.output, samples)


if __name__ == "__main__":
    main()
