"""The processes in which a study trains and tests: the scripts that a user would start."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from network.errors import OutputError, UserError
from network.experiment.provenance import now

_SCRIPTS = Path(__file__).resolve().parents[2]
_PATIENCE = 60


class Failed(UserError):
    """A training or a test that ended with a fault, with its own last words."""


class Children:
    """Processes that are started, waited for, and ended together.

    Attributes:
        ending: they are; none is started any more.
    """

    def __init__(self) -> None:
        self._running: set[subprocess.Popen] = set()
        self._changing = threading.Lock()
        self.ending = False

    def run(
        self,
        script: str,
        arguments: Sequence[str],
        log: Path,
        environment: Mapping[str, str],
        kept_open: int,
    ) -> None:
        """Run a script of this repository to its end; what it prints is added to a log file.

        Args:
            script: its name.
            arguments: of its command line.
            log: where to.
            environment: variables beside those that there are.
            kept_open: descriptor of a file that stays open as long as the process lives.

        Raises:
            Failed: it ended with a fault.
            OutputError: the log cannot be written.
        """
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            file = log.open("ab")
        except OSError as error:
            raise OutputError(f"cannot write {log}: {error.strerror}") from error
        with file:
            words = shlex.join(["python", script, *arguments])
            begins = file.write(f"\n{now()}  {words}\n".encode()) + log.stat().st_size
            file.flush()
            with self._changing:
                if self.ending:
                    raise Failed("not started")
                process = subprocess.Popen(
                    [sys.executable, str(_SCRIPTS / script), *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    env=os.environ | {"PYTHONUNBUFFERED": "1"} | environment,
                    pass_fds=(kept_open,) if os.name == "posix" else (),
                )
                self._running.add(process)
        status = process.wait()
        self._running.discard(process)
        if status:
            raise Failed(_reason(status, _since(log, begins)))

    def end(self) -> None:
        """Let all of them end, which keeps what was trained; none is started any more."""
        with self._changing:
            self.ending = True
            running = list(self._running)
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


def _since(log: Path, start: int) -> str:
    with log.open("rb") as file:
        file.seek(start)
        return file.read().decode(errors="replace")


def _reason(status: int, printed: str) -> str:
    """Why a process ended, in one line or a few."""
    if status < 0:
        name = signal.Signals(-status).name
        hint = ", as the system does where memory is short" if name == "SIGKILL" else ""
        return f"ended by {name}{hint}"
    _, found, message = printed.rpartition("error: ")
    lines = [line for line in printed.splitlines() if line.strip()]
    last = lines[-1] if lines else "it printed nothing"
    return message.strip() if found else f"status {status}: {last}"
