"""Saving masks while predicting goes on."""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from torch import Tensor

from network.datasets.catalog import DatasetSpec
from network.datasets.colors import decode_colors
from network.datasets.files import write_image
from network.datasets.staging import remove_abandoned, staging_folder
from network.errors import OutputError, UserError

MASKS = "masks"
COLORED_MASKS = "masks_rgb"
RESULTS = "results.json"


def check_output(folder: Path) -> None:
    """Refuse a folder whose masks are not those of an earlier test.

    Raises:
        OutputError: it has ``masks`` or ``masks_rgb`` but no ``results.json``, or is no folder.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"cannot write to {folder}: it is a file")
    for name in (MASKS, COLORED_MASKS):
        if (folder / name).exists() and not (folder / RESULTS).is_file():
            raise OutputError(
                f"{folder / name} is not from a test (there is no {folder / RESULTS}); choose "
                "another folder for -o"
            )


@contextmanager
def replaced_outputs(folder: Path) -> Iterator[Path]:
    """A folder for new masks and results, which replace those of an earlier test at the end.

    Masks of other names go with the earlier ones, so that what lies together belongs together. A
    fault or an interruption leaves the earlier ones as they were.

    Raises:
        OutputError: it cannot be written.
    """
    target = folder.resolve() / MASKS
    aside = staging_folder(target)
    try:
        aside.mkdir(parents=True, exist_ok=True)
        remove_abandoned(target)
        yield aside
        (aside / RESULTS).replace(folder / RESULTS)
        for name in (MASKS, COLORED_MASKS):
            if (folder / name).exists():
                shutil.rmtree(folder / name)
            if (aside / name).exists():
                (aside / name).rename(folder / name)
    except UserError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {error.filename}: {error.strerror}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


class MaskWriter:
    """Writes masks in background threads, at most a few waiting, so memory stays bounded.

    Class indices go to ``folder/masks/NAME.png``, colors to ``folder/masks_rgb/NAME.png``;
    a NAME with a slash lies in a subfolder.
    """

    def __init__(self, folder: Path, spec: DatasetSpec, rgb: bool, threads: int = 2) -> None:
        self.folder = folder
        self.spec = spec
        self.rgb = rgb
        self.most_waiting = 4 * threads
        self.pool = ThreadPoolExecutor(threads)
        self.waiting: deque[Future] = deque()

    def __enter__(self) -> MaskWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.pool.shutdown(cancel_futures=kind is not None)
        if kind is None:
            while self.waiting:
                self.waiting.popleft().result()

    def write(self, name: str, mask: Tensor) -> None:
        """Queue a mask, uint8 [H, W], on any device; waits while too many are queued.

        Raises:
            OutputError: an earlier mask could not be written.
        """
        if len(self.waiting) >= self.most_waiting:
            self.waiting.popleft().result()
        self.waiting.append(self.pool.submit(self._write, name, mask))

    def _write(self, name: str, mask: Tensor) -> None:
        indices = mask.cpu().numpy()
        write_image(self.folder / MASKS / f"{name}.png", indices)
        if self.rgb:
            colors = decode_colors(indices, self.spec)
            write_image(self.folder / COLORED_MASKS / f"{name}.png", colors)
