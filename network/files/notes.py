"""Saying what is worth knowing once, not for every file and epoch."""

from __future__ import annotations

import os
from multiprocessing import parent_process
from pathlib import Path

from tqdm import tqdm

_said: set[tuple[Path, str]] = set()


def starts_alone() -> bool:
    """Whether this is the first process of its kind, to be asked before they know each other."""
    ranks = (os.environ.get(name, "0") for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"))
    return all(rank == "0" for rank in ranks)


def say_once(of: Path, kind: str, text: str) -> None:
    """Print a note, once for a file or folder; only the first process does, and no process of it.

    Args:
        of: what the note is of.
        kind: of notes.
        text: the note.
    """
    key = (of.resolve(), kind)
    if key in _said or parent_process() is not None or not starts_alone():
        return
    _said.add(key)
    say(f"note: {text}")


def say(text: str) -> None:
    """Print a line above progress bars, from any thread.

    tqdm's lock is not taken: a signal could have left it to the main thread (see
    ``network.files.threads``).
    """
    tqdm.write(text, nolock=True)
