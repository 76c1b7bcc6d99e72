"""Folders that are filled whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from network.errors import OutputError, UserError


@contextmanager
def staged(
    folders: Sequence[Path], is_stale: Callable[[Path], bool] = lambda path: False
) -> Iterator[list[Path]]:
    """Folders to write to instead of ``folders``; their files take their places at the end.

    A fault or an interruption in the block leaves the folders as they were; what an interrupted
    run left aside is removed by the next one.

    Args:
        folders: where the files belong.
        is_stale: earlier files there to remove, unless they are replaced.

    Raises:
        OutputError: folders that cannot be written.
    """
    aside = [folder.with_name(f".{folder.name}.partial") for folder in folders]
    try:
        _remove(aside)
        for folder in aside:
            folder.mkdir(parents=True, exist_ok=True)
        yield aside
        for source, target in dict(zip(aside, folders, strict=True)).items():
            _publish(source, target, is_stale)
    except UserError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {error.filename}: {error.strerror}") from error
    finally:
        _remove(aside)


def _publish(source: Path, target: Path, is_stale: Callable[[Path], bool]) -> None:
    target.mkdir(parents=True, exist_ok=True)
    new = sorted(path.name for path in source.iterdir())
    for path in target.iterdir():
        if path.name not in new and is_stale(path):
            path.unlink()
    for name in new:
        (source / name).replace(target / name)


def _remove(folders: Sequence[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
