"""How far a study is: a bar over the epochs of all its runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from tqdm import tqdm

from network.files.json_files import read_record
from network.studies.state import Stage
from network.studies.task import Task
from network.training.loggers import METRICS
from network.training.run_record import RUN_RECORD

_FORMAT = (
    "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} epochs [{elapsed}, {remaining} left]"
)


class Progress:
    """A bar that follows the logs of trainings, also of those that other workers do.

    Args:
        tasks: of the study.
        stages: of each; runs that are trained already count as done.
    """

    def __init__(self, tasks: Sequence[Task], stages: Sequence[Stage]) -> None:
        epochs = {task: task.load().max_epoch for task in tasks}
        trained = (Stage.TEST, Stage.DONE)
        self.counted = {
            task: epochs[task] if stage in trained else _epochs(task) * (stage is Stage.RESUME)
            for task, stage in zip(tasks, stages, strict=True)
        }
        self.epochs = epochs
        self.bar = tqdm(
            total=sum(epochs.values()),
            initial=sum(self.counted.values()),
            desc="study",
            bar_format=_FORMAT,
            smoothing=0,
            mininterval=0.5 if sys.stderr.isatty() else 60,
        )

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.close()

    def look(self, tasks: Sequence[Task]) -> None:
        """Count the epochs of trainings that are going on."""
        for task in tasks:
            self._count(task, _epochs(task))

    def trained(self, task: Task) -> None:
        """Count all epochs of a training that has ended."""
        self._count(task, self.epochs[task])

    def _count(self, task: Task, epochs: int) -> None:
        new = min(epochs, self.epochs[task]) - self.counted[task]
        if new > 0:
            self.counted[task] += new
            self.bar.update(new)


def _epochs(task: Task) -> int:
    """Epochs in the log of a task's training."""
    record = read_record(task.weights / RUN_RECORD)
    try:
        text = (Path(record["log"]) / METRICS).read_text(encoding="utf-8")
    except (OSError, ValueError, KeyError, TypeError):
        return 0
    return max(len(text.splitlines()) - 1, 0)
