"""A comparison as plain values: CSV and JSON, scores from 0 to 1."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

from network.comparison.caption import caption
from network.comparison.comparison import Comparison, Method
from network.comparison.costs import Cost, Costs, cost_columns
from network.comparison.intervals import CONFIDENCE, RESAMPLES

_OF_SCORE = ("mean", "std", "difference", "low", "high")


def csv_table(found: Comparison, costs: Costs) -> str:
    """The text of ``table.csv``: a row for each method, nothing where there is no value."""
    fields = cost_columns(costs)
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    scores = [f"{name} {of}" for name in found.columns for of in (*_OF_SCORE, "mark")]
    writer.writerow(["method", "seeds", *scores, *fields])
    for method in found.methods:
        cells: list[Any] = [method.name, " ".join(map(str, method.seeds))]
        for column in range(len(found.columns)):
            values = _values(method, column)
            cells += ["" if values[of] is None else f"{values[of]:.6f}" for of in _OF_SCORE]
            cells.append(
                "best" if values["best"] else "as good" if values["as_good_as_best"] else ""
            )
        cost = costs.methods.get(method.name, Cost())
        writer.writerow([*cells, *(getattr(cost, field) for field in fields)])
    return file.getvalue()


def record(found: Comparison, costs: Costs) -> dict[str, Any]:
    """The content of ``table.json``."""
    first = found.first
    return {
        "caption": " ".join(caption(found, costs)),
        "reference": found.reference,
        "confidence": CONFIDENCE,
        "resamples": RESAMPLES,
        "protocol": {
            **first.protocol,
            "classes": list(first.classes),
            "classes in the means": [first.classes[index] for index in first.scored],
            "images": first.counted.names,
            "tiles": list(found.tiles),
        },
        "methods": [
            {
                "name": method.name,
                "scores": {
                    name: _values(method, column) for column, name in enumerate(found.columns)
                },
                "tests": [
                    {
                        "folders": [str(fold.folder) for fold in test.folds or (test,)],
                        "seed": test.seed,
                        "checkpoint": test.checkpoint,
                        "settings": test.settings,
                        **test.circumstances,
                    }
                    for test in method.tests
                ],
                "cost": costs.methods.get(method.name, Cost())._asdict(),
            }
            for method in found.methods
        ],
    }


def _values(method: Method, column: int) -> dict[str, Any]:
    found = method.difference
    interval = [None] * 3 if found is None else [float(each[column]) for each in found]
    numbers = [float(method.mean[column]), float(method.deviation[column]), *interval]
    known = [None if value is None or math.isnan(value) else value for value in numbers]
    return dict(zip(_OF_SCORE, known, strict=True)) | {
        "best": bool(method.best[column]),
        "as_good_as_best": bool(method.as_good[column]),
    }
