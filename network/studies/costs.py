"""What the networks of a study cost, counted once and kept in its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from network.comparison.costs import Cost, Costs, not_counted
from network.complexity.cost import count
from network.complexity.table import CONVENTION
from network.errors import first_line
from network.experiment import Experiment
from network.experiment.values import without_addresses
from network.files.json_files import read_record
from network.files.writing import write_json
from network.studies.sources import config_code, counting_code, digest
from network.studies.task import Task

_COSTS = ".costs.json"
_SIZE = 512


def study_costs(tasks: Mapping[str, Task], folder: Path) -> Costs:
    """Parameters, multiply-adds and FLOPs for an image of the size of a run's training crops.

    They are counted on the CPU, and again where the network of a run is another.

    Args:
        tasks: one of every run that has a row, by its name.
        folder: of the study.

    Returns:
        costs; what cannot be counted is left out, with a note that says why.

    Raises:
        OutputError: what was counted cannot be kept.
    """
    kept = read_record(folder / _COSTS)
    found, notes = {}, []
    for name, task in tqdm(tasks.items(), desc="counting", unit="network", leave=False, delay=1):
        experiment = task.load()
        about = _about(task, experiment)
        record = kept.get(name)
        if not _is_of(record, about):
            record = _counted(experiment, about)
            if "failed" not in record:
                kept = read_record(folder / _COSTS) | {name: record}
                write_json(folder / _COSTS, kept)
        found[name] = record
        if "failed" in record:
            notes.append(f"What {name} costs could not be counted: {record['failed']}")
        elif record["uncounted"]:
            notes.append(not_counted(name, record["uncounted"]))
    methods = {
        name: Cost(*(record.get(field) for field in ("parameters", "multiply_adds", "flops")))
        for name, record in found.items()
    }
    return Costs(methods, _conditions(found), tuple(notes))


def _about(task: Task, experiment: Experiment) -> dict[str, Any]:
    """What the costs of a run depend on."""
    spec, settings = experiment.build_dataset().spec, experiment.settings()
    net = without_addresses(settings["net"])
    return {
        "size": getattr(experiment.build_transform(spec), "crop_size", _SIZE),
        "bands": spec.num_bands,
        "classes": spec.num_classes,
        "network": digest([net, config_code(task.config, settings), counting_code()]),
        "torch": torch.__version__,
    }


def _is_of(record: Any, about: dict[str, Any]) -> bool:
    numbers = ("parameters", "multiply_adds", "flops")
    return (
        isinstance(record, dict)
        and {name: record.get(name) for name in about} == about
        and all(name in record and isinstance(record[name], int | None) for name in numbers)
        and isinstance(record.get("uncounted"), list)
    )


def _counted(experiment: Experiment, about: dict[str, Any]) -> dict[str, Any]:
    quiet = replace(experiment, accelerator="cpu", devices=1, precision="32-true", compile=False)
    try:
        parameters, inference = count(quiet, about["size"])
    except Exception as error:  # the network may be somebody's
        return about | {"failed": first_line(error)}
    flops = None if inference.uncounted else inference.flops
    return about | {
        "parameters": parameters.all,
        "multiply_adds": None if flops is None else flops // 2,
        "flops": flops,
        "uncounted": list(inference.uncounted),
    }


def _conditions(found: Mapping[str, dict[str, Any]]) -> str:
    """Size of the images and bands, by the runs where they differ."""
    of: dict[str, list[str]] = {}
    for name, record in found.items():
        text = f"{record['size']}x{record['size']} pixels, {record['bands']} bands"
        of.setdefault(text, []).append(name)
    sizes = "; ".join(f"{text} ({', '.join(names)})" for text, names in of.items())
    if len(of) == 1:
        sizes = next(iter(of))
    return f"one image of {sizes}; {CONVENTION}"
