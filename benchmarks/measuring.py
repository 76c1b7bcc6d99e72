"""Comparing variants fairly: in one process, by turns, medians, peak memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import torch

from network.complexity.measuring import Measured, added_memory, timed

_ROOT = Path(__file__).resolve().parents[1]


class Row(NamedTuple):
    """A line of a benchmark: what was measured, its value, what the project aims at."""

    what: str
    value: float
    unit: str
    aim: str = ""


def compare(
    variants: Mapping[str, Callable[[], object]], rounds: int = 7, warmup: int = 2
) -> dict[str, Measured]:
    """Call the variants by turns.

    Args:
        variants: by name; each does the whole work once.
        rounds: calls of each that count.
        warmup: calls of each before.

    Returns:
        by name.
    """
    device = this_device()
    times: dict[str, list[float]] = {name: [] for name in variants}
    for turn in range(warmup + rounds):
        for name, call in variants.items():
            seconds = timed(call, device)
            if turn >= warmup:
                times[name].append(seconds)
    return {
        name: Measured(statistics.median(found), min(found), added_memory(variants[name], device))
        for name, found in times.items()
    }


def this_device() -> torch.device:
    """Where benchmarks run."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Alone(NamedTuple):
    """Seconds of a script, and the most bytes that its process held until the script ended.

    Ending the interpreter is left out: after no more than ``import torch`` it adds 100 MB.
    """

    seconds: float
    peak: int


_MEASURED = """
import runpy, sys
from network.complexity.measuring import resident
script = sys.argv.pop(1)
sys.argv[0] = script
runpy.run_path(script, run_name="__main__")
print("\\n", resident("VmHWM"))
"""


def run_alone(folder: Path, script: str, *arguments: str, **environment: str) -> Alone:
    """Run a script of the repository in a folder, in a process of its own.

    Raises:
        RuntimeError: it ended with a fault.
    """
    start = time.perf_counter()
    process = subprocess.run(
        [sys.executable, "-c", _MEASURED, str(_ROOT / script), *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(_ROOT)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        raise RuntimeError(f"{script} ended with {process.returncode}: {process.stderr[-500:]}")
    return Alone(time.perf_counter() - start, int(process.stdout.split()[-1]))


def table(rows: list[Row]) -> str:
    """The rows for a terminal."""
    width = max(len(row.what) for row in rows)
    return "\n".join(
        f"{row.what:<{width}}  {row.value:10.3f} {row.unit:<10} {row.aim}".rstrip() for row in rows
    )


def markdown(machine: Mapping[str, object], figures: Mapping[str, list[Row]]) -> str:
    """The rows of all benchmarks as a table of a document, under a line about the machine."""
    lines = [
        ", ".join(f"{key} {value}" for key, value in machine.items()),
        "",
        "| what | measured | aim | benchmark |",
        "|---|---|---|---|",
    ]
    for name, rows in figures.items():
        for what, value, unit, aim in rows:
            lines.append(f"| {what} | {f'{value:.4g} {unit}'.strip()} | {aim} | {name} |")
    return "\n".join(lines) + "\n"


def megabytes(size: int | None) -> float:
    """Bytes as MB; NaN where they are not known."""
    return float("nan") if size is None else size / 1e6
