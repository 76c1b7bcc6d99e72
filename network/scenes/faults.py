"""What is wrong with one file, and what will be wrong with the others too."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from network.errors import ConfigError, DataError, DeviceError, OutputError

_OF_THE_DEVICE = ("OutOfMemoryError", "AcceleratorError")
"""Names of torch's faults of a device that is out of memory or out of order."""

Item = TypeVar("Item")


def named(path: Path, items: Iterator[Item]) -> Iterator[Item]:
    """The same items; a fault on the way is one of the file, as ``fault_of_file`` says."""
    try:
        yield from items
    except Exception as error:
        raise fault_of_file(path, error) from error


def fault_of_file(path: Path, error: Exception) -> DataError:
    """What is wrong with one file; what will be wrong with the others too is raised.

    Raises:
        Exception: the network gives what is no output, the output cannot be written, or the device
            is out of memory or out of order.
    """
    if isinstance(error, DataError):
        return error
    of_device = any(kind.__name__ in _OF_THE_DEVICE for kind in type(error).__mro__)
    of_all = isinstance(error, (ConfigError, OutputError, DeviceError))
    if of_all or of_device or _is_full(error):
        raise error
    return DataError(f"{path}: {type(error).__name__}: {' '.join(str(error).split())}".rstrip(": "))


def _is_full(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
