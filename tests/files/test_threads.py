"""Calls in threads: their order, their faults, and a signal at any moment."""

import signal
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from concurrent.futures import CancelledError

import pytest

from network.files.parallel import in_threads
from network.files.threads import Threads, default_threads
from tests.conftest import REPOSITORY


def test_results_come_in_the_order_of_the_items():
    first = threading.Event()

    def double(number):
        if number == 0:
            assert first.wait(30)
        if number == 3:
            first.set()
        return 2 * number

    with Threads(2) as threads:
        assert list(threads.map(double, range(4))) == [0, 2, 4, 6]


def test_calls_of_one_thread_are_made_one_after_the_other():
    made = []
    with Threads() as threads:
        calls = [threads.submit(made.append, number) for number in range(100)]
        assert [call.result() for call in calls] == [None] * 100
    assert made == list(range(100))


def test_no_more_threads_than_are_needed():
    found = set()
    with Threads(8) as threads:
        for _ in range(3):
            threads.submit(lambda: found.add(threading.get_ident())).result()
    with Threads(2) as threads:
        for _ in threads.map(lambda _: found.add(threading.get_ident()), range(50)):
            pass
    assert threading.get_ident() not in found
    assert len(found) <= 3 + 2


def test_a_fault_is_raised_where_the_result_is_asked_for_each_time():
    with Threads() as threads:
        call = threads.submit(int, "x")
        assert call.done(30)
        for _ in range(2):
            with pytest.raises(ValueError, match="invalid literal"):
                call.result()


def test_at_the_end_what_is_begun_is_waited_for_and_the_rest_dropped():
    begun, ready = threading.Event(), threading.Event()
    made = []

    def work():
        begun.set()
        assert ready.wait(30)
        made.append(1)

    with Threads() as threads:
        first, second = threads.submit(work), threads.submit(made.append, 2)
        assert begun.wait(30)
        assert not first.done()
        threading.Timer(0.2, ready.set).start()
    assert made == [1]
    assert first.result() is None
    with pytest.raises(CancelledError):
        second.result()


def test_faults_of_one_item_end_the_others():
    made = []

    def work(number):
        if number == 1:
            raise OSError("no room")
        made.append(number)

    with pytest.raises(OSError, match="no room"):
        list(in_threads(work, range(1000), "working", 1))
    assert len(made) < 1000
    assert list(in_threads(abs, [-1, 2], "working")) == [1, 2]
    assert default_threads() >= 1


def run(code):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_what_raises_between_any_two_steps_of_the_main_thread_ends_it():
    """As a handler of a signal may; an executor of Python's waits without end after some steps."""
    result = run("""
        import sys, time
        from concurrent.futures import CancelledError
        from network.files.threads import Threads

        calls, busy = [], []

        def work():
            busy.append(1)
            time.sleep(0.0002)
            busy.pop()
            return 1

        def use():
            with Threads() as threads:
                calls[:] = []
                calls.append(threads.submit(work))
                calls.append(threads.submit(work))
                calls[0].done()
                assert [call.result() for call in calls] == [1, 1]

        def raised_after(steps):
            left, where = steps, None

            def trace(frame, event, _):
                nonlocal left, where
                frame.f_trace_opcodes, frame.f_trace_lines = True, False
                if event == "opcode":
                    left -= 1
                    if left == 0:
                        where = frame.f_code.co_name
                        raise KeyboardInterrupt
                return trace

            sys.settrace(trace)
            try:
                use()
            except KeyboardInterrupt:
                pass
            finally:
                sys.settrace(None)
            return where

        steps = 1
        while where := raised_after(steps):
            if where not in ("use", "__exit__"):  # where nothing can be done
                assert not busy, where
            for call in calls:
                try:
                    assert call.result() == 1
                except CancelledError:
                    pass
            while busy:
                time.sleep(0.001)
            steps += 1
        print(steps)
        """)
    assert (result.returncode, result.stderr) == (0, "")
    assert int(result.stdout) > 100


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_signals_at_any_moment_end_a_busy_program(sent):
    result = run(f"""
        import os, random, signal, sys, time
        from network.files.threads import Threads

        def busy(ready):
            signal.signal({int(sent)}, lambda *_: sys.exit(3))
            with Threads() as threads:
                os.write(ready, b" ")
                while True:
                    call = threads.submit(int)
                    if not call.done():
                        call.result()

        for _ in range(100):
            begun, ready = os.pipe()
            process = os.fork()
            if process == 0:
                try:
                    busy(ready)
                except SystemExit as stop:
                    os._exit(stop.code)
                os._exit(1)
            os.read(begun, 1)
            time.sleep(random.random() / 200)
            os.kill(process, {int(sent)})
            assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 3
        """)
    assert (result.returncode, result.stderr) == (0, "")


def test_nothing_is_kept_of_a_call_but_its_result_until_it_is_let_go():
    class Large:
        pass

    def work(argument):
        assert isinstance(argument, Large)
        return Large()

    argument = Large()
    given = weakref.ref(argument)
    with Threads() as threads:
        call = threads.submit(work, argument)
        del argument
        found = weakref.ref(call.result())
        assert given() is None
        assert found() is not None
        del call
        deadline = time.monotonic() + 30
        while found() is not None and time.monotonic() < deadline:
            time.sleep(0.001)
        assert found() is None
