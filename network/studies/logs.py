"""What the trainings of a study logged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from network.datasets.layout import listed
from network.errors import DataError, MissingDataError
from network.figures.curves import Line, Log
from network.files.json_files import read_record
from network.studies.signature import trained_with
from network.studies.state import RECORD
from network.studies.study import Study
from network.studies.task import Task, tasks_of
from network.training.read_log import read_log
from network.training.run_record import RUN_RECORD


def read_lines(study: Study) -> tuple[list[Line], list[str]]:
    """The logs of a study by its runs, those of all seeds and folds together.

    Returns:
        the lines, and in words what is left out and why.

    Raises:
        ConfigError: a fault in a config.
        DataError: no run has a log.
    """
    logs: dict[str, list[tuple[Task, Log]]] = {}
    left_out = []
    for task in tasks_of(study, Path()):
        try:
            log = _read(task)
        except DataError as error:
            left_out.append(f"{task} is left out: {error}")
        else:
            logs.setdefault(task.name, []).append((task, log))
    if not logs:
        raise MissingDataError(
            f"no run of {study.path} has a log: {'; '.join(left_out[:3])}. Train first: python "
            f"study.py {study.path}"
        )
    lines = [Line(name, [log for _, log in logs[name]]) for name in study.runs if name in logs]
    return lines, left_out + [said for found in logs.values() for said in _cut(found)]


def _read(task: Task) -> Log:
    """The log of a task's training.

    Raises:
        DataError: there is none, or it is of another study or other settings.
    """
    owner = read_record(task.weights / RECORD)
    place = read_record(task.weights / RUN_RECORD).get("log")
    if not owner or not isinstance(place, str):
        raise MissingDataError(f"no training is recorded in {task.weights}")
    if owner.get("study") != task.owner:
        raise DataError(f"{task.weights} is of the study {owner.get('study')}")
    training = owner.get("training")
    before = training.get("settings") if isinstance(training, dict) else None
    now = trained_with(task.load())
    if not isinstance(before, dict) or before != now:
        names = dict.fromkeys([*now, *(before if isinstance(before, dict) else ())])
        differ = [n for n in names if not before or before.get(n) != now.get(n)]
        raise DataError(f"{task.weights} was trained with other settings: {listed(differ, 5)}")
    return read_log(place)


def _cut(found: Sequence[tuple[Task, Log]]) -> list[str]:
    """Runs whose log is longer than the mean of all runs can be."""
    last = {task: max(epoch for v in log.values.values() for epoch, _ in v) for task, log in found}
    least = min(last, key=last.__getitem__)
    if len(set(last.values())) == 1:
        return []
    return [
        f"{least.name} is drawn up to epoch {last[least]} of {max(last.values())}, the last one "
        f"that {least} has"
    ]
