"""Costs from the JSON file of ``tools/complexity.py``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from network.comparison.comparison import Comparison
from network.comparison.costs import Cost, Costs, not_counted
from network.complexity.table import CONVENTION
from network.errors import DataError, MissingDataError, UserError
from network.experiment.values import nearest


def read_costs(path: Path, found: Comparison) -> Costs:
    """Costs of the methods of a comparison.

    An entry is of the method that has its ``name``, if one was written into it, else the name of
    its config without folders and ``.py``.

    Args:
        path: of the file.
        found: the comparison.

    Raises:
        DataError: it is missing or no such file; or an entry is of no method, of the same as
            another, or of another network than the tested one.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        entries = _by_name(path, record["networks"])
        for name, entry in entries.items():
            _check(path, name, str(entry["network"]), found)
        costs = {name: _cost(entry) for name, entry in entries.items()}
        uncounted = {name: entry["inference"]["uncounted"] for name, entry in entries.items()}
        notes = [not_counted(name, what) for name, what in uncounted.items() if what]
        timed = any(cost.images_per_second is not None for cost in costs.values())
        return Costs(costs, _conditions(record, timed), tuple(notes))
    except UserError:
        raise
    except FileNotFoundError as error:
        raise MissingDataError(
            f"no file {path}; write it by: python tools/complexity.py -c CONFIG --json {path}"
        ) from error
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise DataError(
            f"{path} is not what tools/complexity.py --json writes ({type(error).__name__}: "
            f"{error}): write it anew"
        ) from error


def _by_name(path: Path, networks: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    entries: dict[str, dict[str, Any]] = {}
    for entry in networks:
        name = str(entry.get("name") or Path(entry["config"]).stem)
        if entries.setdefault(name, entry) is not entry:
            raise DataError(
                f"{path}: {entries[name]['config']} and {entry['config']} would both be {name!r}; "
                'write names into them: "name": "..."'
            )
    return entries


def _check(path: Path, name: str, network: str, found: Comparison) -> None:
    methods = {method.name: method for method in found.methods}
    if name not in methods:
        raise DataError(
            f"{path}: no method {name!r}{nearest(name, methods)}. Give the method this name "
            '(NAME=DIR), or write the method\'s into the entry: "name": "..."'
        )
    tested = methods[name].tests[0].settings.get("net", network)
    if tested != network:
        raise DataError(
            f"{path}: {name} was counted as {network}, but tested was {tested}; count it with the "
            "settings of its training"
        )


def _cost(entry: dict[str, Any]) -> Cost:
    inference, timing = entry["inference"], entry["timing"]
    whole = not inference["uncounted"]
    batch = None if timing is None else timing["batch"]
    return Cost(
        int(entry["parameters"]["all"]),
        int(inference["multiply_adds"]) if whole else None,
        int(inference["flops"]) if whole else None,
        batch["images"] / batch["seconds"] if batch else None,
        int(batch["memory"]) if batch and batch["memory"] is not None else None,
    )


def _conditions(record: dict[str, Any], timed: bool) -> str:
    protocol, networks = record["protocol"], record["networks"]
    machine, side = protocol["machine"], protocol["size"]
    bands = " or ".join(str(each) for each in sorted({entry["bands"] for entry in networks}))
    parts = [f"one image of {side}x{side} pixels, {bands} bands; {CONVENTION}"]
    if protocol["overrides"]:
        parts.append(f"settings {' '.join(protocol['overrides'])}")
    if timed:
        precisions = " and ".join(dict.fromkeys(str(entry["precision"]) for entry in networks))
        parts.append(
            f"images per second and peak memory of inference in batches of {protocol['batch']}, "
            f"{precisions} on {machine['device']}, {machine['threads']} threads"
        )
    return f"{'; '.join(parts)}; torch {machine['torch']}"
