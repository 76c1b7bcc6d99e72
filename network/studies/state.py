"""What of a task is done, as the files say that it left."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from network.errors import ConfigError
from network.evaluation.output_folder import RESULTS
from network.experiment.provenance import now
from network.files.hashing import file_hash
from network.files.json_files import read_record
from network.files.writing import write_json
from network.inference.checkpoint_files import BEST, LAST
from network.studies.hashes import Hashes
from network.studies.signature import Signature, signatures
from network.studies.task import Task

RECORD = "study.json"


class Stage(Enum):
    """What is to be done next."""

    TRAIN = "to be trained"
    RESUME = "to go on"
    TEST = "to be tested"
    DONE = "done"


@dataclass(frozen=True)
class State:
    """Where a task stands.

    Attributes:
        stage: what is next.
        trained, tested: what training and test depend on, as files and code are now.
        reasons: why what is there is not taken, or the test not; nothing where there is nothing.
    """

    stage: Stage
    trained: Signature
    tested: Signature
    reasons: tuple[str, ...] = ()


def state_of(task: Task, hashes: Hashes, any_code: bool = False) -> State:
    """Compare what is there with what the study asks for.

    Args:
        task: the run and its seed.
        hashes: of files.
        any_code: results of another version of the library's code are kept.

    Raises:
        ConfigError: a config that cannot be used, or a folder that is not of this study.
        DataError: a dataset that cannot be used.
    """
    trained, tested = signatures(task, hashes)

    def state(stage: Stage, reasons: list[str] | None = None) -> State:
        return State(stage, trained, tested, tuple(reasons or ()))

    def changes(now: Signature, record: dict[str, Any], name: str) -> list[str]:
        before = Signature.stored(record.get(name))
        return ["its record is damaged"] if before is None else now.changes(before, any_code)

    test, training = read_record(_test_record(task)), read_record(task.weights / RECORD)
    of_training, of_test = changes(trained, test, "training"), changes(tested, test, "test")
    if test and not of_training and not of_test and _is_there(task, test):
        return state(Stage.DONE)
    _refuse_foreign(task, training)
    if not training:
        return state(Stage.TRAIN, of_training if test else [])
    if reasons := changes(trained, training, "training"):
        return state(Stage.TRAIN, reasons)
    if "finished" not in training:
        return state(Stage.RESUME if (task.weights / LAST).is_file() else Stage.TRAIN)
    if not (task.weights / BEST).is_file():
        return state(Stage.TRAIN, [f"{task.weights / BEST} is gone"])
    if test and not of_test:
        of_test = [f"{task.test / RESULTS} is not what the test wrote"]
    return state(Stage.TEST, of_test if test else [])


def begin_training(task: Task, state: State) -> None:
    """Note what a training depends on, before it begins."""
    write_json(task.weights / RECORD, _head(task) | {"training": state.trained.record()})


def end_training(task: Task, seconds: float) -> None:
    """Note that a training has come to its end."""
    record = read_record(task.weights / RECORD)
    finished = {"date": now(), "seconds of the last start": round(seconds)}
    write_json(task.weights / RECORD, record | {"finished": finished})


def end_test(task: Task, state: State) -> None:
    """Note what a test that was written depends on, with its training."""
    record = _head(task) | {"results": file_hash(task.test / RESULTS)}
    record |= {"training": state.trained.record(), "test": state.tested.record()}
    write_json(_test_record(task), record)


def _head(task: Task) -> dict[str, Any]:
    return {"study": task.owner, "run": task.name, "seed": task.seed}


def _test_record(task: Task) -> Path:
    return task.test.with_name(f"{task.test.name}.json")


def _is_there(task: Task, record: dict[str, Any]) -> bool:
    path = task.test / RESULTS
    return path.is_file() and file_hash(path) == record.get("results")


def _refuse_foreign(task: Task, record: dict[str, Any]) -> None:
    if not task.weights.is_dir() or not any(task.weights.iterdir()):
        return
    if not record:
        raise ConfigError(
            f"{task.weights} holds a run that is not of a study; move it away, or rename the study"
        )
    if record.get("study") != task.owner:
        raise ConfigError(
            f"{task.weights} holds a run of the study {record.get('study')}, and this one is "
            f"{task.owner}; rename the file of one of them, or move that folder away"
        )
