"""Work on many files in several processes or threads, with a progress bar."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

import cv2
from tqdm import tqdm

from network.errors import ConfigError, DataError
from network.files.machine import usable_processors
from network.files.threads import Threads, default_threads

MAX_PROCESSES = 8
Item = TypeVar("Item")
Result = TypeVar("Result")


def default_processes() -> int:
    """One for each processor that may be used, up to ``MAX_PROCESSES``."""
    return min(usable_processors(), MAX_PROCESSES)


def forks() -> bool:
    """Whether a new process inherits what this one has in memory (Linux before Python 3.14)."""
    method = multiprocessing.get_start_method(allow_none=True)
    return (method or multiprocessing.get_all_start_methods()[0]) == "fork"


def in_processes(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    processes: int,
    description: str,
    unit: str,
) -> Iterator[Result]:
    """Results of a picklable function in the order of the items.

    A fault of the function is raised here, and nothing new is begun.

    Raises:
        ConfigError: fewer than one process.
        DataError: a process was killed, as a machine does that runs out of memory.
    """
    if processes < 1:
        raise ConfigError(f"--processes {processes}: at least 1")
    chunk = max(1, min(16, len(items) // (4 * processes)))
    pool = ProcessPoolExecutor(processes, initializer=start_beside_others)
    try:
        results = pool.map(function, items, chunksize=chunk)
        yield from tqdm(results, total=len(items), desc=description, unit=unit)
    except BrokenProcessPool as error:
        raise DataError(
            "a working process was killed, most likely because memory ran out; "
            "try again with --processes 1"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def in_threads(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    description: str,
    threads: int | None = None,
) -> Iterator[Result]:
    """Results of a function in the order of the items; its bar goes when all are there.

    A fault of the function is raised here, and nothing new is begun.

    Args:
        function: to call.
        items: with each of these.
        description: of the work, for its bar.
        threads: how many; without it, a few more than processors.
    """
    with Threads(threads or default_threads()) as pool:
        results = pool.map(function, items)
        yield from tqdm(results, total=len(items), desc=description, leave=False, delay=1)


def leave_cores(_: int = 0) -> None:
    """Let OpenCV take no threads in this process, which works beside others of its kind."""
    cv2.setNumThreads(0)  # not 1, which waits for threads that a forked process lacks


def start_beside_others() -> None:
    """Leave Ctrl-C to the parent, end with it, and leave the cores to the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    leave_cores()


def _end_with(parent: int) -> None:
    started_by = multiprocessing.parent_process()  # not ``parent`` where a server forks
    while os.getppid() == parent and started_by.is_alive():
        time.sleep(0.2)
    os._exit(1)
