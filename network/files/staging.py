"""Folders that are filled whole or not at all."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from network.errors import ConfigError, OutputError, UserError
from network.files.outputs import Known, Place, nothing, publish


@contextmanager
def staged(
    folders: Sequence[Path],
    is_stale: Known = nothing,
    sources: Sequence[Path] = (),
    known: Known = nothing,
) -> Iterator[list[Path]]:
    """Folders to write to instead of ``folders``; their files take their places at the end.

    A fault or an interruption in the block leaves the folders as they were; what a killed run left
    aside is removed by the next one. Runs at the same time do not meet. Nothing is replaced or
    removed that no run wrote.

    Args:
        folders: where the files belong.
        is_stale: earlier files there to remove, unless they are replaced.
        sources: folders that are read from.
        known: files that an earlier version wrote, see ``network.files.outputs.publish``.

    Raises:
        ConfigError: a folder that is read from would be written to.
        OutputError: folders that cannot be written, or files that would be replaced.
    """
    targets = [folder.resolve() for folder in folders]
    read = {folder.resolve() for folder in sources}
    for folder, target in zip(folders, targets, strict=True):
        if target in read:
            raise ConfigError(f"{folder} is read from; write to another folder")
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"cannot write {folder}: it is a file")
    with beside(targets) as aside:
        yield aside
        places = dict(zip(aside, folders, strict=True))
        there = [path for folder in folders if folder.is_dir() for path in folder.iterdir()]
        publish(
            [Place(source, folder, folder) for source, folder in places.items()],
            [path for path in there if is_stale(path)],
            known,
        )


@contextmanager
def staged_outputs(
    target: Path,
    inputs: Sequence[Path] = (),
    known: Known = nothing,
    folder: Path | None = None,
) -> Iterator[Path]:
    """A folder for the outputs of a tool, which take their places when the block ends.

    A fault or an interruption leaves things as they were.

    Args:
        target: the folder that they belong to.
        inputs: files that are read from.
        known: files that an earlier version wrote, see ``network.files.outputs.publish``.
        folder: of the outputs, where ``target`` is a file or the beginning of their names.

    Raises:
        OutputError: something cannot be written, or a file would be replaced that no run wrote.
    """
    folder = folder or target
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"cannot write {target}: {folder} is a file")
    with beside([folder.resolve() / target.resolve().name]) as (aside,):
        yield aside
        publish([Place(aside, folder, target)], known=known, inputs=inputs)


@contextmanager
def beside(targets: Sequence[Path]) -> Iterator[list[Path]]:
    """Empty folders of this process beside ``targets``; they are gone when the block ends.

    Raises:
        OutputError: something cannot be written, in the block too.
    """
    name = f"{socket.gethostname()}-{os.getpid()}.partial"
    aside = [target.with_name(f".{target.name}.{name}") for target in targets]
    try:
        for folder, target in zip(aside, targets, strict=True):
            _remove_abandoned(target)
            folder.mkdir(parents=True, exist_ok=True)
        yield aside
    except UserError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {error.filename}: {error.strerror}") from error
    finally:
        for folder in aside:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(target: Path) -> None:
    """Remove what processes of this machine that were killed left beside ``target``."""
    prefix = f".{target.name}.{socket.gethostname()}-"
    for path in target.parent.glob(f"{prefix}*.partial"):
        process = path.name.removeprefix(prefix).removesuffix(".partial")
        if process.isdigit() and not _is_running(int(process)):
            shutil.rmtree(path, ignore_errors=True)


def _is_running(process: int) -> bool:
    if os.name != "posix":
        return True  # there, asking would end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process != os.getpid()
