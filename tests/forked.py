"""Scripts in processes of their own, begun where this one has imported what they need."""

from __future__ import annotations

import atexit
import multiprocessing.process
import multiprocessing.util
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


class Forked:
    """A script that runs as ``python SCRIPT ARGUMENTS`` does, without the seconds of its imports.

    It leads a session of its own. What it says goes to files (``merged``: to one); the names are
    those of ``subprocess.Popen``.
    """

    def __init__(self, folder, script, *arguments, merged=False):
        self.returncode = None
        out = tempfile.TemporaryFile()  # noqa: SIM115
        self.files = [out, out if merged else tempfile.TemporaryFile()]  # noqa: SIM115
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # idle threads stay behind
            self.pid = os.fork()
        if not self.pid:
            _become(folder, [str(REPOSITORY / script), *map(str, arguments)], self.files)

    def poll(self):
        """Exit status, negative for a signal; None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def communicate(self, timeout=400):
        """What it said, once it has ended."""
        end = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > end:
                os.killpg(self.pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired("script", timeout)
            time.sleep(0.005)
        said = []
        for file in self.files:
            file.seek(0)
            said.append(file.read().decode())
        return tuple(said)

    def send_signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)


def _become(folder, command, files):
    """The rest of the forked process; does not return."""
    status = 1
    try:
        os.setsid()
        os.chdir(folder)
        for number, file in enumerate((open(os.devnull), *files)):  # noqa: SIM115
            os.dup2(file.fileno(), number)
        sys.stdin, sys.stdout, sys.stderr = (
            open(number, mode, closefd=False)  # noqa: SIM115
            for number, mode in enumerate("rww")
        )
        atexit._clear()  # of what this process has not begun
        multiprocessing.process._children.clear()
        sys.argv = command
        try:
            runpy.run_path(command[0], run_name="__main__")
            status = 0
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
            if isinstance(stop.code, str):
                print(stop.code, file=sys.stderr)
        multiprocessing.util._exit_function()
        atexit._run_exitfuncs()
    except BaseException:
        traceback.print_exc()
        status = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
