"""The logs of a study's trainings."""

from __future__ import annotations

from pathlib import Path

from network.errors import DataError
from network.figures.curves import Log
from network.files.json_files import read_record
from network.studies.study import Study
from network.studies.task import Task, default_output, tasks_of
from network.training.read_log import read_log
from network.training.run_record import RUN_RECORD


def log_folder(task: Task) -> Path | None:
    """Where a training logs to; None of one that has not begun."""
    log = read_record(task.weights / RUN_RECORD).get("log")
    return Path(log) if isinstance(log, str) else None


def study_logs(study: Study) -> tuple[list[Log], list[Task]]:
    """The logs of all trainings, by the names of their runs, and those that have none yet.

    Raises:
        UserError: a config or dataset that cannot be used.
    """
    logs, without = [], []
    for task in tasks_of(study, default_output(study)):
        folder = log_folder(task)
        try:
            values = {} if folder is None else read_log(folder).values
        except DataError:  # begun, but nothing is logged yet
            values = {}
        if values:
            logs.append(Log(task.name, values))
        else:
            without.append(task)
    return logs, without
