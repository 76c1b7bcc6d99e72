"""Saving masks while predicting goes on."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from types import TracebackType

from torch import Tensor

from network.datasets.catalog import DatasetSpec
from network.datasets.colors import decode_colors
from network.files.images import write_image
from network.files.threads import Call, Threads

MASKS = "masks"
COLORED_MASKS = "masks_rgb"


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
        self.pool = Threads(threads)
        self.waiting: deque[Call[None]] = deque()

    def __enter__(self) -> MaskWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self.pool:
            while kind is None and self.waiting:
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
