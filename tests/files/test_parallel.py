"""Working processes end with the process that started them, whichever way they were started."""

import subprocess
import sys
import time

import pytest

from tests.conftest import REPOSITORY

LAST = 2000
WORK = f"""
import multiprocessing, sys, time
sys.path.insert(0, {str(REPOSITORY)!r})
from network.files.parallel import in_processes

def count_up(path):
    for number in range({LAST + 1}):
        with open(path, "w") as file:
            file.write(str(number))
        time.sleep(0.05)

if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    list(in_processes(count_up, ["one", "two"], 2, "counting", "file"))
"""


def wait_until(reached):
    for _ in range(600):
        if reached():
            return
        time.sleep(0.1)
    raise AssertionError("not within a minute")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_killed_process_takes_its_workers_with_it(tmp_path, method):
    (tmp_path / "work.py").write_text(WORK)
    files = [tmp_path / "one", tmp_path / "two"]

    def stands_still():
        before = [path.read_text() for path in files]
        time.sleep(1)
        return [path.read_text() for path in files] == before

    command = [sys.executable, "work.py", method]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: all(path.exists() and path.read_text() for path in files))
        assert not stands_still()
    finally:
        process.kill()
        process.wait()
    wait_until(stands_still)
    assert all(path.read_text() != str(LAST) for path in files)  # they did not come to their end
