"""Faults that a user can meet and mend: the message says what is wrong, where, and what to do.

Scripts print such a message and exit with status 1; every other exception is a defect and keeps
its traceback.
"""

from __future__ import annotations


def first_line(error: BaseException | None) -> str:
    """What a fault of somebody else's says, for a message of one's own."""
    return (str(error) or type(error).__name__).splitlines()[0]


def reason_of(error: BaseException) -> str:
    """What the cause of a fault says, or where there is none the fault, in one line."""
    return " ".join(str(error.__cause__ or error).split())


class UserError(Exception):
    """Base of all faults that are reported without a traceback."""


class ConfigError(UserError, ValueError):
    """A config file or an override that cannot be used."""


class DataError(UserError, ValueError):
    """A dataset that does not hold together: names, sizes, colors, unreadable files."""


class MissingDataError(DataError, FileNotFoundError):
    """A file or folder of a dataset that is not there."""


class OutputError(UserError, OSError):
    """A file or folder that cannot be written."""


class TrainingError(UserError, RuntimeError):
    """A training that cannot go on."""


class CheckpointError(UserError, ValueError):
    """A checkpoint that is missing, damaged or belongs to another network."""


class WeightsError(UserError, ValueError):
    """Pretrained backbone weights that cannot be had or do not fit."""


class DeviceError(UserError, ValueError):
    """A device that this machine does not have."""


class ExportError(UserError, RuntimeError):
    """A network that cannot be handed on in a format."""
