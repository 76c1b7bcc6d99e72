"""A whole study: what there is to do, doing it, and the table of what is done."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from network.comparison.choice import Viewed
from network.comparison.comparison import compare_methods
from network.comparison.plain import plain_table
from network.comparison.tables import write_comparison
from network.errors import ConfigError, DataError, OutputError, TrainingError
from network.experiment.values import nearest
from network.files.writing import write_json
from network.studies.conducting import Conductor, slots_of
from network.studies.costs import study_costs
from network.studies.progress import Progress
from network.studies.state import RECORD, Stage, State
from network.studies.study import Study
from network.studies.task import Task, tasks_of


def carry_out(
    study: Study,
    output: Path,
    names: Collection[str] = (),
    seeds: Collection[int] = (),
    folds: Collection[str] = (),
    devices: Sequence[int] = (),
    jobs: int = 1,
    plan: bool = False,
    any_code: bool = False,
) -> None:
    """Train and test what is not done yet, and draw the table of all that is.

    Args:
        study: the study.
        output: its folder.
        names: of the runs wanted; none for all.
        seeds: wanted; none for all.
        folds: wanted; none for all.
        devices: CUDA cards, by their numbers on this machine, each of which does a run at a time.
        jobs: runs at a time without ``devices``.
        plan: only say what there is to do.
        any_code: results of another version of the library's code are kept.

    Raises:
        UserError: found before anything is begun.
        TrainingError: at the end, naming the runs that failed; or others do all that is wanted.
    """
    if jobs < 1:
        raise ConfigError(f"--jobs {jobs}: at least 1")
    if any(device < 0 for device in devices):
        raise ConfigError(f"--devices {min(devices)}: cards are counted from 0")
    everything = tasks_of(study, output)
    wanted = tasks_of(study, output, names, seeds, folds)
    _check_output(output, everything[0])
    conductor = Conductor(output, any_code)
    states = {task: conductor.state(task) for task in everything}
    _check_same_images(states)
    _check_pictured(study, states)
    if devices:
        _check_devices(wanted)
    print(_plan(wanted, states))
    if plan:
        return
    write_json(output / RECORD, {"study": everything[0].owner})
    to_do = [task for task in wanted if states[task].stage is not Stage.DONE]
    if to_do:
        with Progress(wanted, [states[task].stage for task in wanted]) as progress:
            conductor.conduct(to_do, slots_of(devices, jobs), progress)
    _draw_table(study, output, everything, conductor)
    _report(wanted, conductor)


def _check_output(output: Path, task: Task) -> None:
    """Refuse the folder of another study, whose runs and tables may have the same names."""
    path = output / RECORD
    if output.exists() and not output.is_dir():
        raise OutputError(f"cannot write to {output}: it is a file")
    if not path.exists():
        return
    try:
        owner = json.loads(path.read_text(encoding="utf-8"))["study"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise OutputError(f"{path} is damaged ({error!r}); choose another folder for -o") from error
    if owner != task.owner:
        raise OutputError(
            f"{output} belongs to the study {owner}, and this one is {task.owner}; choose another "
            "folder for -o"
        )


def _check_same_images(states: Mapping[Task, State]) -> None:
    """Refuse runs that are tested on different images or masks: no table could hold them."""
    firsts: dict[str | None, Task] = {}
    for task, state in states.items():
        first = firsts.setdefault(task.fold, task)
        if state.tested.files != states[first].tested.files:
            raise ConfigError(
                f"{task.study.path}: {task.name!r} would be tested on other images or masks than "
                f"{first.name!r}; the runs of a study share their {task.study.split} images"
            )
    _check_folds([(task, states[task]) for task in firsts.values()])


def _check_folds(firsts: Sequence[tuple[Task, State]]) -> None:
    """Refuse images that two folds test."""
    folds: dict[str, str | None] = {}
    for task, state in firsts:
        for image in state.tested.files[task.study.split]:
            other = folds.setdefault(image, task.fold)
            if other != task.fold:
                raise ConfigError(
                    f"{task.study.path}: {image} would be tested in the folds {other!r} and "
                    f"{task.fold!r}; it counts once, so hold it out in one of them"
                )


def _check_pictured(study: Study, states: Mapping[Task, State]) -> None:
    """Refuse images for the picture that no run is tested on."""
    known = {name: None for state in states.values() for name in state.tested.files[study.split]}
    for name in study.images:
        if name not in known:
            raise ConfigError(
                f"{study.path}: images: no image {name!r} in the {study.split} split"
                f"{nearest(name, known)}"
            )


def _check_devices(tasks: Sequence[Task]) -> None:
    for task in tasks:
        if (devices := task.load().devices) not in (1, "1", "auto"):
            raise ConfigError(
                f"--devices gives each run one card, but {task.name!r} sets devices={devices!r}; "
                "leave one of them out"
            )


def _plan(tasks: Sequence[Task], states: Mapping[Task, State]) -> str:
    counts = Counter(states[task].stage for task in tasks)
    parts = [f"{counts[stage]} {stage.value}" for stage in Stage if counts[stage]]
    lines = [f"{_runs(len(tasks))}: {', '.join(parts)}"]
    for task in tasks:
        if reasons := states[task].reasons:
            what = "tested" if states[task].stage is Stage.TEST else "trained"
            lines.append(f"{task} is {what} anew: {'; '.join(reasons)}")
    return "\n".join(lines)


def _draw_table(study: Study, output: Path, tasks: Sequence[Task], conductor: Conductor) -> None:
    """Draw the table of the tests that are as study, data and code are now.

    A seed counts once all its folds are tested.
    """
    done = [task for task in tasks if conductor.state(task).stage is Stage.DONE]
    folds = Counter((task.name, task.seed) for task in done)
    whole = {each for each, number in folds.items() if number >= len(study.folds)}
    rows = {
        name: [task.test for task in done if task.name == name and (name, task.seed) in whole]
        for name in study.runs
    }
    rows = {name: tests for name, tests in rows.items() if tests}
    if rows:
        reference = study.reference if study.reference in rows else None
        first = {name: next(task for task in done if task.name == name) for name in rows}
        costs = study_costs(first, output)
        viewed = Viewed(first[next(iter(rows))].config, names=study.images)
        found = compare_methods(rows, reference)
        try:
            write_comparison(found, output, costs, viewed)
        except DataError as error:  # masks may be deleted once they are scored
            write_comparison(found, output, costs)
            print(f"note: no picture, and a page without images: {error}")
        print(plain_table(found))
        print(f"table of {sum(map(len, rows.values()))} of {_runs(len(tasks))} in {output}")
    elif done:
        print(f"{len(done)} of {_runs(len(tasks))} are tested; the table needs all folds of a seed")


def _report(tasks: Sequence[Task], conductor: Conductor) -> None:
    for task, held in conductor.elsewhere.items():
        print(f"note: {task} is left to another worker: {held}")
    if conductor.failed:
        reasons = "\n  ".join(
            f"{task}: {reason} (log: {task.log})" for task, reason in conductor.failed.items()
        )
        raise TrainingError(
            f"{len(conductor.failed)} of {_runs(len(tasks))} failed; the same command tries again:"
            f"\n  {reasons}"
        )
    if len(conductor.elsewhere) == len(tasks):
        raise TrainingError("another worker is at all that was asked for; see above")


def _runs(number: int) -> str:
    return "1 run" if number == 1 else f"{number} runs"
