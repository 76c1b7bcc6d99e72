"""Whatever is wrong with an input, a script says so and harms no file."""

import contextlib
import os
import shutil
import signal
from collections import Counter
from pathlib import Path
from unittest import mock

import pytest

from tests.conftest import REPOSITORY, files_of, run_here
from tests.scripts.bad import KINDS, cases
from tests.scripts.bad.case import GOOD


def test_there_are_enough_of_every_kind_and_script(prepared):
    found = list(cases(prepared))
    names = Counter(case.name for case in found)
    assert [name for name, count in names.items() if count > 1] == []
    assert len(found) >= 1000
    assert {case.kind for case in found} == set(KINDS)
    tools = (f"tools/{path.name}" for path in (REPOSITORY / "tools").glob("*.py"))
    scripts = {*(p.name for p in REPOSITORY.glob("*.py")), *tools}
    assert scripts == GOOD.keys() == {case.script for case in found}


class Endless(BaseException):
    """Nothing that handles errors handles it."""


@contextlib.contextmanager
def patience(seconds):
    """Ends what waits for ever, as a reader of a pipe into which nobody writes."""

    def stop(*_):
        raise Endless(f"nothing came of it in {seconds} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def harm(case, prepared, root):
    """What is wrong with the way that a case ends; empty if nothing is."""
    shutil.copytree(prepared, root, copy_function=os.link)
    case.spoil(root)
    before = files_of(root)
    try:
        with patience(60), mock.patch.dict(os.environ, case.environment):
            result = run_here(root, case.script, *case.arguments)
    except BaseException as error:  # a traceback, for its user
        return f"{type(error).__name__}: {str(error)[:300]}"
    text = result.error + result.out
    after = files_of(root)
    left = after.keys() - before.keys() - {Path("new/predictions.json")}  # a record without images
    last = result.error[max(result.error.rfind("error: "), 0) :]
    faults = {
        f"status {result.status}": result.status not in (1, 2),
        "a traceback": "Traceback" in text,
        f"no message: {result.error[-300:]}": "error: " not in result.error,
        "usage without a word": result.status == 2 and "usage: " not in result.error,
        f"{case.word!r} is not in {last[:400]!r}": case.word not in last,
        f"it is short: {last!r}": len(last.split()) < 3,
        f"changed {[str(p) for p in before if after.get(p) != before[p]]}": any(
            after.get(path) != before[path] for path in before
        ),
        f"left {sorted(map(str, left))[:4]}": left,
    }
    return "; ".join(fault for fault, found in faults.items() if found)


@pytest.mark.parametrize("kind", KINDS)
def test_bad_inputs_are_refused(prepared, tmp_path, kind):
    found = {}
    for number, case in enumerate(case for case in cases(prepared) if case.kind == kind):
        fault = harm(case, prepared, tmp_path / str(number))
        shutil.rmtree(tmp_path / str(number))
        if fault:
            found[case.name] = fault
    assert not found, "\n".join(f"{name}: {fault}" for name, fault in found.items())
