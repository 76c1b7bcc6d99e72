"""One process at a time, among all that use a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: there, the work is done twice and the later result counts
    fcntl = None


@contextmanager
def locked(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold a lock that ends with the process; file systems without locks have none.

    Args:
        path: of the file to lock, in a folder that is there.
        waiting: called before waiting for another process.

    Raises:
        OSError: the file cannot be written.
    """
    with open(path, "a", encoding="utf-8") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError:  # this file system has no locks
                pass
        yield
