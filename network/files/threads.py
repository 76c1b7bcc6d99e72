"""Calls in threads, of which a signal to the program leaves none waiting."""

from __future__ import annotations

from _thread import start_new_thread
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from network.files.machine import usable_processors

MAX_THREADS = 32
Item = TypeVar("Item")
Result = TypeVar("Result")


def default_threads() -> int:
    """A few more than processors that may be used, as some wait for a disk."""
    return min(usable_processors() + 4, MAX_THREADS)


class Call(Generic[Result]):
    """A call that a thread makes.

    Args:
        function: to call.
        arguments: with these.
    """

    def __init__(self, function: Callable[..., Result], arguments: tuple[Any, ...]) -> None:
        self._asked: tuple[Callable[..., Result], tuple[Any, ...]] | None = function, arguments
        self._outcome: SimpleQueue[tuple[Result | None, BaseException | None]] = SimpleQueue()
        self._taken: tuple[Result | None, BaseException | None] | None = None

    def make(self) -> None:
        """Call the function, once."""
        function, arguments = self._asked
        self._asked = None  # memory: whoever waits holds the call
        try:
            outcome = function(*arguments), None
        except BaseException as error:
            outcome = None, error
        self._outcome.put(outcome)

    def drop(self) -> None:
        """Let it never be made."""
        self._outcome.put((None, CancelledError()))

    def done(self, seconds: float | None = 0) -> bool:
        """Whether it has ended; waits for it, with a number of seconds at most so long."""
        if self._taken is None:
            try:
                self._taken = self._outcome.get(timeout=seconds)
            except Empty:
                return False
        return True

    def result(self) -> Result:
        """What it gave, as soon as it has; what it raised is raised."""
        if self._taken is None:
            self._taken = self._outcome.get()
        found, error = self._taken
        if error is not None:
            raise error
        return found


class Threads:
    """Threads that make calls in order; a context, which at its end drops calls that are not begun.

    It waits for those that are under way. Unlike ``concurrent.futures.ThreadPoolExecutor`` it can
    be ended by a signal at any time: where Ctrl-C or SIGTERM raises in the main thread just as it
    has taken a lock of Python's ``threading``, nothing gives the lock back
    (https://github.com/python/cpython/issues/74174), and an executor then waits without end for
    its threads, and they for the lock. Here all wait in ``SimpleQueue``, which nothing interrupts
    half way.

    Args:
        count: of the threads, which are started as they are needed.
    """

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self._started = 0
        self._ended: SimpleQueue[None] = SimpleQueue()
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        self._over = False

    def __enter__(self) -> Threads:
        return self

    def __exit__(self, *error) -> None:
        self._over = True
        for _ in range(self._started):
            self._calls.put(None)
        for _ in range(self._started):
            self._ended.get()

    def submit(self, function: Callable[..., Result], *arguments: Any) -> Call[Result]:
        """Have a function called by the next thread that is free."""
        call = Call(function, arguments)
        self._calls.put(call)
        if self._started < self.count:
            start_new_thread(self._work, ())  # a ``Thread`` would wait for itself by a lock
            self._started += 1
        return call

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Results of a function in the order of the items; all are begun at once."""
        calls = deque([self.submit(function, item) for item in items])
        while calls:
            yield calls.popleft().result()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call.drop() if self._over else call.make()
            del call  # and its result, while the next one is waited for
        self._ended.put(None)
