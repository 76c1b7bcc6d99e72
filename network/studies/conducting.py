"""Doing what of a study is not done yet."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from network.errors import OutputError, TrainingError, UserError
from network.evaluation.output_folder import RESULTS
from network.files.notes import say
from network.files.threads import Threads
from network.inference.checkpoint_files import BEST, LAST
from network.studies.children import Children
from network.studies.hashes import Hashes
from network.studies.lock import Held, Lock
from network.studies.progress import Progress
from network.studies.state import (
    Stage,
    State,
    begin_training,
    end_test,
    end_training,
    state_of,
)
from network.studies.task import Task
from network.training.resuming import move_aside

_LOOK_EVERY = 1.0


@dataclass(frozen=True)
class Slot:
    """Where one run at a time goes on.

    Attributes:
        settings: for each script.
        environment: variables for it.
    """

    settings: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)


def slots_of(devices: Sequence[int], jobs: int) -> list[Slot]:
    """One for each CUDA card, or so many jobs that share the cores of the machine."""
    if devices:
        return [Slot(("accelerator=gpu",), {"CUDA_VISIBLE_DEVICES": str(n)}) for n in devices]
    if jobs == 1 or "OMP_NUM_THREADS" in os.environ:
        return [Slot()] * jobs
    return [Slot((), {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // jobs))})] * jobs


class Conductor:
    """Trains and tests tasks, each once, and keeps account of what came of them.

    Args:
        output: folder of the study.
        any_code: results of another version of the library's code are kept.

    Attributes:
        failed: reasons by task.
        elsewhere: who is at work, by task.
    """

    def __init__(self, output: Path, any_code: bool = False) -> None:
        self.hashes = Hashes(output)
        self.any_code = any_code
        self.failed: dict[Task, str] = {}
        self.elsewhere: dict[Task, str] = {}
        self._children = Children()
        self._looking = threading.Lock()

    def state(self, task: Task) -> State:
        """Where a task stands, as files and code are now."""
        with self._looking:
            return state_of(task, self.hashes, self.any_code)

    def conduct(self, tasks: Sequence[Task], slots: Sequence[Slot], progress: Progress) -> None:
        """Do all tasks, side by side in the slots.

        A task that fails does not keep the others from being done, nor one that another worker is
        at work on; such a one is tried once more at the end.
        """
        queue = deque(tasks)

        def work(slot: Slot) -> None:
            while queue:
                try:
                    task = queue.popleft()
                except IndexError:  # another slot was quicker
                    return
                again = task in self.elsewhere
                self._do(task, slot, progress)
                if task in self.elsewhere and not again:
                    queue.append(task)

        with Threads(len(slots)) as threads:
            try:
                going_on = [threads.submit(work, slot) for slot in slots]
                while going_on:
                    going_on[0].done(_LOOK_EVERY)
                    progress.look(tasks)
                    for call in [call for call in going_on if call.done()]:
                        call.result()
                        going_on.remove(call)
            except BaseException:
                queue.clear()
                self._children.end()
                raise

    def _do(self, task: Task, slot: Slot, progress: Progress) -> None:
        self.elsewhere.pop(task, None)
        try:
            with Lock.take(task.lock) as lock:
                if lock.taken_over:
                    say(f"{task}: goes on where a worker stopped that is no more")
                state = self.state(task)  # another worker may have done it in the meantime
                if state.stage in (Stage.TRAIN, Stage.RESUME):
                    self._train(task, state, slot, lock)
                    state = self._after_training(task)
                progress.trained(task)
                if state.stage is not Stage.DONE:
                    self._test(task, state, slot, lock)
        except Held as error:
            self.elsewhere[task] = str(error)
        except (UserError, OSError) as error:
            if self._children.ending:
                return
            self.failed[task] = str(error)
            say(f"{task}: failed, see {task.log}")

    def _train(self, task: Task, state: State, slot: Slot, lock: Lock) -> None:
        if state.stage is Stage.TRAIN:
            if state.reasons and (task.weights / LAST).exists():
                move_aside(task.weights)
            (task.weights / BEST).unlink(missing_ok=True)  # killed before it wrote its first last
            begin_training(task, state)
        goes_on = "training goes on" if state.stage is Stage.RESUME else "training"
        say(f"{task}: {goes_on}, log in {task.log}")
        start = time.monotonic()
        arguments = ["-c", str(task.config), "--resume", "auto", *task.overrides, *slot.settings]
        self._children.run("train.py", arguments, task.log, slot.environment, lock.descriptor)
        end_training(task, time.monotonic() - start)

    def _after_training(self, task: Task) -> State:
        state = self.state(task)
        if state.stage not in (Stage.TEST, Stage.DONE):
            raise TrainingError(
                f"it was trained, but in the meantime {'; '.join(state.reasons)}: start again"
            )
        return state

    def _test(self, task: Task, state: State, slot: Slot, lock: Lock) -> None:
        study = task.study
        arguments = ["-c", str(task.config), "-o", str(task.test), "-t", study.tta]
        arguments += ["--split", study.split, *task.overrides, *slot.settings]
        self._children.run("test.py", arguments, task.log, slot.environment, lock.descriptor)
        end_test(task, state)
        say(f"{task}: tested, {_score(task.test)}")


def _score(folder: Path) -> str:
    """The first score of a test, for a line of the terminal."""
    path = folder / RESULTS
    try:
        scores = json.loads(path.read_text(encoding="utf-8"))["scores"]
    except (OSError, ValueError, KeyError) as error:
        raise OutputError(f"{path} is not what a test writes: {error!r}") from error
    if not scores or scores[0]["mIoU"] is None:
        return "without a score, as no class has a pixel"
    return f"mIoU {100 * scores[0]['mIoU']:.1f}"
