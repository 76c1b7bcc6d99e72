"""Values of a map as they come, uncompressed in a file that several processes may fill."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import numpy as np

from network.errors import OutputError


class RawMap:
    """A file of bands after bands, rows after rows.

    Args:
        path: of the file; made anew, all zeros, unless it is there.
        shape: bands, height, width.
        dtype: of the values.
        shown: what a fault names instead of the path.

    Raises:
        OutputError: it cannot be written.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, int, int],
        dtype: str | np.dtype,
        shown: Path | None = None,
    ) -> None:
        self.path = path
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self.shown = shown or path
        with self._written():
            self.file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)

    def __enter__(self) -> RawMap:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self.file)

    def write(self, values: np.ndarray, rows: slice, cols: slice) -> None:
        """Write a part: values [h, w] or [bands, h, w].

        Raises:
            OutputError: it cannot be written.
        """
        values = np.ascontiguousarray(values, self.dtype)
        values = values[None] if values.ndim == 2 else values
        with self._written():
            for offset, part in self._places(values, rows, cols):
                _write_all(self.file, memoryview(part).cast("B"), offset)

    def read(self, rows: slice, cols: slice) -> np.ndarray:
        """A part: [bands, h, w]."""
        shape = self.shape[0], rows.stop - rows.start, cols.stop - cols.start
        values = np.zeros(shape, self.dtype)
        for offset, part in self._places(values, rows, cols):
            _read_all(self.file, memoryview(part).cast("B"), offset)
        return values

    def _places(
        self, values: np.ndarray, rows: slice, cols: slice
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Rows of a part, or all of them where they are whole ones, each with its offset."""
        _, height, width = self.shape
        for band, part in enumerate(values):
            first = (band * height + rows.start) * width + cols.start
            if part.shape[1] == width:
                yield first * self.dtype.itemsize, part.reshape(-1)
                continue
            for number, row in enumerate(part):
                yield (first + number * width) * self.dtype.itemsize, row

    @contextmanager
    def _written(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(f"cannot write {self.shown}: {error.strerror}") from error


def _read_all(file: int, values: memoryview, offset: int) -> None:
    while found := os.pread(file, len(values), offset):
        values[: len(found)] = found
        values, offset = values[len(found) :], offset + len(found)


def _write_all(file: int, values: memoryview, offset: int) -> None:
    while values:
        count = os.pwrite(file, values, offset)
        values, offset = values[count:], offset + count
