"""What a checkpoint is: network, classes, bands, normalisation, dataset, scores, versions, size."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from network.cli import ScriptParser, reports_faults
from network.inference.summary import summarise
from network.inference.summary_text import summary_text


@reports_faults
def main() -> None:
    """Read the command line, say what the file is."""
    parser = ScriptParser(__doc__)
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="file to look at")
    parser.add_argument("--json", action="store_true", help="all facts as JSON")
    args = parser.parse_args()
    summary = summarise(args.checkpoint)
    print(json.dumps(summary, indent=2) if args.json else summary_text(summary))


if __name__ == "__main__":
    main()
