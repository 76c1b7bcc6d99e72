"""Folders that are filled whole or not at all."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from network.errors import ConfigError, OutputError, UserError


@contextmanager
def staged(
    folders: Sequence[Path],
    is_stale: Callable[[Path], bool] = lambda path: False,
    sources: Sequence[Path] = (),
) -> Iterator[list[Path]]:
    """Folders to write to instead of ``folders``; their files take their places at the end.

    A fault or an interruption in the block leaves the folders as they were; what a killed run left
    aside is removed by the next one. Runs at the same time do not meet.

    Args:
        folders: where the files belong.
        is_stale: earlier files there to remove, unless they are replaced.
        sources: folders that are read from.

    Raises:
        ConfigError: a folder that is read from would be written to.
        OutputError: folders that cannot be written.
    """
    targets = [folder.resolve() for folder in folders]
    read = {folder.resolve() for folder in sources}
    for folder, target in zip(folders, targets, strict=True):
        if target in read:
            raise ConfigError(f"{folder} is read from; write to another folder")
    with beside(targets) as aside:
        yield aside
        for source, target in dict(zip(aside, targets, strict=True)).items():
            _publish(source, target, is_stale)


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


def _publish(source: Path, target: Path, is_stale: Callable[[Path], bool]) -> None:
    target.mkdir(parents=True, exist_ok=True)
    new = {path.name for path in source.iterdir()}
    for path in target.iterdir():
        if path.name not in new and is_stale(path):
            path.unlink()
    for name in sorted(new):
        (source / name).replace(target / name)
