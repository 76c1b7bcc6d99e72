"""One worker at a time for each run, on one machine or on several with a shared folder."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from types import TracebackType

from network.errors import OutputError, UserError
from network.experiment.provenance import now

try:
    import fcntl
except ImportError:  # there are no such locks on Windows
    fcntl = None


class Held(UserError):
    """A lock that somebody else has."""


class Lock:
    """A file that is there while somebody is at work, with host and process.

    The file is made by an operation that succeeds for one alone, also on a shared folder. On its
    own host it is locked in the kernel, too, by the worker and all that it starts: when the last of
    them has ended, however that was, the next worker takes the file over. What another host left
    cannot be known, and is only ever removed by hand.

    Attributes:
        path: of the file.
        descriptor: of the open file, for the processes that are started.
        taken_over: it was left by a worker that did not end well.
    """

    def __init__(self, path: Path, descriptor: int, taken_over: bool) -> None:
        self.path = path
        self.descriptor = descriptor
        self.taken_over = taken_over

    @classmethod
    def take(cls, path: Path) -> Lock:
        """Take the lock, or leave it.

        Raises:
            Held: by another, with what is known of it.
            OutputError: the file cannot be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            while True:
                taken = cls._made(path) or cls._left(path)
                if taken is not None:
                    return taken
        except OSError as error:
            if isinstance(error, UserError):
                raise
            raise OutputError(f"cannot write {path}: {error.strerror}") from error

    @classmethod
    def _made(cls, path: Path) -> Lock | None:
        """A new file; None where there is one."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            return None
        _locked(descriptor)
        return cls(path, descriptor, False)._written()

    @classmethod
    def _left(cls, path: Path) -> Lock | None:
        """The file of a worker of this host that is no more; None where it has just gone."""
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return None
        try:
            host, said = _owner(descriptor)
            if host != socket.gethostname() or not _locked(descriptor):
                raise Held(said + _advice(path, host))
            if not _is(path, descriptor):
                os.close(descriptor)
                return None
        except BaseException:
            os.close(descriptor)
            raise
        return cls(path, descriptor, True)._written()

    def _written(self) -> Lock:
        """Itself, with its owner in the file."""
        owner = {"host": socket.gethostname(), "pid": os.getpid(), "since": now()}
        os.ftruncate(self.descriptor, 0)
        os.lseek(self.descriptor, 0, os.SEEK_SET)
        os.write(self.descriptor, json.dumps(owner).encode())
        os.fsync(self.descriptor)
        return self

    def __enter__(self) -> Lock:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.path.unlink(missing_ok=True)
        os.close(self.descriptor)


def _locked(descriptor: int) -> bool:
    """Whether the kernel gives the lock; some systems and file systems have none to give."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is(path: Path, descriptor: int) -> bool:
    """Whether the open file is still the one of that path."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _owner(descriptor: int) -> tuple[str | None, str]:
    """Host of a lock, and a few words on it."""
    try:
        owner = json.loads(os.read(descriptor, 4096))
        host = str(owner["host"])
        return host, f"process {owner['pid']} of {host} has it since {owner['since']}"
    except (ValueError, TypeError, KeyError):
        return None, "another worker has it"


def _advice(path: Path, host: str | None) -> str:
    where = f"on {host} " if host else ""
    return f"; if no such process runs {where}any more, delete {path} and start again"
