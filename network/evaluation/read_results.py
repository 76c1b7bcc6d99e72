"""Reading the ``results.json`` of a test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from network.datasets.layout import listed
from network.errors import DataError, MissingDataError
from network.evaluation.output_folder import RESULTS

_KEYS = ("dataset", "split", "scores", "palette", "splits", "tta", "checkpoint", "settings", "date")


def read_results(folder: Path) -> dict[str, Any]:
    """The ``results.json`` of a test.

    Raises:
        DataError: missing, or not such a file.
    """
    path = folder / RESULTS
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MissingDataError(
            f"no {path}: name the folder that a test wrote to (python test.py -c CONFIG -o OUTDIR)"
        ) from error
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    missing = [key for key in _KEYS if not isinstance(results, dict) or key not in results]
    if missing:
        raise DataError(f"{path} lacks {listed(missing)}: test again")
    scores = results["scores"]
    if not isinstance(scores, list) or not all(isinstance(score, dict) for score in scores):
        raise DataError(f"{path} is not the {RESULTS} of a test: 'scores' is no list; test again")
    return results
