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


class _Event:
    """What one thread waits for and another says; a wait that is interrupted can be repeated."""

    def __init__(self) -> None:
        self.happened = False
        self._woken: SimpleQueue[None] = SimpleQueue()

    def happen(self) -> None:
        self.happened = True
        self._woken.put(None)

    def wait(self, seconds: float | None = None) -> bool:
        """Whether it has happened; with a number of seconds it is waited for no longer."""
        if not self.happened:
            try:
                self._woken.get(timeout=seconds)
            except Empty:
                return False
        return True


class Call(Generic[Result]):
    """A call that a thread makes.

    Args:
        function: to call.
        arguments: with these.
    """

    def __init__(self, function: Callable[..., Result], arguments: tuple[Any, ...]) -> None:
        self._asked: tuple[Callable[..., Result], tuple[Any, ...]] | None = function, arguments
        self._outcome: tuple[Result | None, BaseException | None] = None, CancelledError()
        self._ended = _Event()

    def make(self) -> None:
        """Call the function, once, and let go of all but its result."""
        function, arguments = self._asked
        self._asked = None
        try:
            self._outcome = function(*arguments), None
        except BaseException as error:
            self._outcome = None, error
        self._ended.happen()
        del self, function, arguments  # which a fault's traceback would hold

    def drop(self) -> None:
        """Let it never be made."""
        self._asked = None
        self._ended.happen()

    def done(self, seconds: float | None = 0) -> bool:
        """Whether it has ended; waits for it, with a number of seconds at most so long."""
        return self._ended.wait(seconds)

    def result(self) -> Result:
        """What it gave, as soon as it has; what it raised is raised.

        Raises:
            CancelledError: it was dropped.
        """
        self._ended.wait()
        found, error = self._outcome
        try:
            if error is not None:
                raise error
            return found
        finally:
            del self, error


class Threads:
    """Threads that make calls in order; a context, which at its end drops calls that are not begun.

    It waits for those that are under way. Unlike ``concurrent.futures.ThreadPoolExecutor`` it can
    be ended by a signal at any time: where Ctrl-C or SIGTERM raises in the main thread just as it
    has taken a lock of Python's ``threading``, nothing gives the lock back
    (https://github.com/python/cpython/issues/74174), and an executor then waits without end for
    its threads, and they for the lock. Here all wait in ``SimpleQueue``, which nothing interrupts
    half way. Calls have to do without locks that the main thread takes, as tqdm's.

    Args:
        count: of the threads, which are started as they are needed.
    """

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self._started = 0
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        self._ends: list[_Event] = []
        self._over = False

    def __enter__(self) -> Threads:
        return self

    def __exit__(self, *error) -> None:
        self._over = True  # a thread that begins only now makes no call
        self._calls.put(None)
        try:
            self._wait()
        except BaseException:
            self._wait()
            raise

    def submit(self, function: Callable[..., Result], *arguments: Any) -> Call[Result]:
        """Have a function called by the next thread that is free."""
        call = Call(function, arguments)
        self._calls.put(call)
        if self._started < self.count:
            start_new_thread(self._work, ())  # a ``Thread`` would wait for itself by a lock
            self._started += 1
        return call

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Results of a function in the order of the items; all are submitted with the first."""
        calls = deque([self.submit(function, item) for item in items])
        while calls:
            yield calls.popleft().result()

    def _wait(self) -> None:
        for end in list(self._ends):
            end.wait()

    def _work(self) -> None:
        end = _Event()
        self._ends.append(end)
        while (call := self._calls.get()) is not None:
            call.drop() if self._over else call.make()
            del call  # and its result, while the next one is waited for
        self._calls.put(None)  # for the others
        end.happen()
