"""How scripts report faults."""

from __future__ import annotations

import errno
import functools
import os
import re
import signal
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

from network.errors import UserError

_OF_PATHS = {
    *(errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR),
    *(errno.EACCES, errno.EPERM, errno.EROFS),
}
"""Faults of a path itself, or of the rights to it."""
_LOST = re.compile("Connection (closed|reset) by peer")
"""In what gloo and NCCL say where another process has ended."""


def reports_faults(main: Callable[..., None]) -> Callable[..., None]:
    """Decorate a script's main: a ``UserError`` ends it with one message and status 1.

    Ctrl-C ends it with status 130, SIGTERM with 143, both after cleaning up. Set BICOR_TRACEBACK=1
    to see where a fault was found.
    """

    @functools.wraps(main)
    def wrapper(*args, **kwargs) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, _stop)
        try:
            main(*args, **kwargs)
        except (UserError, RuntimeError, OSError) as error:
            message = _message(error) if isinstance(error, UserError) else _explained(error)
            if message is None or os.environ.get("BICOR_TRACEBACK"):
                raise
            print(f"error: {message}", file=sys.stderr)
            sys.exit(1)
        except KeyboardInterrupt:
            _interrupted()
        except SystemExit as stop:
            if isinstance(stop.__context__, KeyboardInterrupt):  # as Lightning passes it on
                _interrupted()
            raise

    return wrapper


def _stop(*_: object) -> NoReturn:
    print("terminated", file=sys.stderr)
    sys.exit(143)


def _interrupted() -> NoReturn:
    print("interrupted", file=sys.stderr)
    sys.exit(130)


def _explained(error: RuntimeError | OSError) -> str | None:
    """What a fault of the machine means for the user; None for any other error."""
    text = str(error).strip()
    if text.startswith("DataLoader worker"):
        return (
            f"a data loading process died ({text}), as they do where memory is short: lower "
            "num_workers, or enlarge /dev/shm where the words 'Bus error' stand. num_workers=0 "
            "loads without such processes"
        )
    if type(error).__name__.startswith("Dist") or _LOST.search(text):
        return (
            f"lost another process of this training ({text.splitlines()[0]}): its own message says "
            "why it ended"
        )
    if type(error).__name__ == "OutOfMemoryError":
        return (
            f"the GPU's memory is full ({text.splitlines()[0]}): lower train_batch_size (and raise "
            "accumulate), val_batch_size or transform.crop_size"
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"cannot write {error.filename or 'a file'}: {error.strerror}; make room"
    if isinstance(error, OSError) and error.errno in _OF_PATHS and error.filename:
        return f"{error.filename}: {error.strerror}; name another file or folder, or mend this one"
    if text.startswith("Symlink loop"):  # of pathlib, before Python 3.13
        return f"{text}: mend the link, or name another file or folder"
    return None


def _message(error: UserError) -> str:
    """The message as it was raised: a data loader's worker wraps it in the text of a traceback."""
    kind = f"{type(error).__module__}.{type(error).__qualname__}: "
    text = str(error)
    return text.rpartition(kind)[2].strip() if "Original Traceback" in text else text
