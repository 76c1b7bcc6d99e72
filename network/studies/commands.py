"""A study as commands, each of one run, seed and fold, for any place with the same folders."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from network.studies.task import Task


def commands(tasks: Sequence[Task], script: str, any_code: bool = False) -> list[str]:
    """One line for each task, that trains and tests it, goes on with it, or finds it done.

    Args:
        tasks: of a study.
        script: path of ``study.py``.
        any_code: the option of that name.
    """
    flags = ["--any-code"] if any_code else []
    lines = []
    for task in tasks:
        words = ["python", script, str(task.study.path), "-o", str(task.output)]
        words += ["--only", task.name, "--seed", str(task.seed)]
        words += (["--fold", task.fold] if task.fold else []) + flags
        lines.append(shlex.join(words))
    return lines
