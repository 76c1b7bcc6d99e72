"""When checkpoints are written."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint

from network.inference.checkpoint_files import BEST, LAST
from network.training.loggers import EpochLog


class Checkpoints(Checkpoint):
    """Writes ``best.ckpt`` and ``last.ckpt`` at the end of epochs, and ``last.ckpt`` between.

    An epoch without a finite score, as of a class that is nowhere, is never the best. The best is
    written before the last: a run that ends between the two repeats the epoch and finds the best
    again. The best score and the log so far travel in the checkpoints, so a run can
    be moved, or lose its log, and goes on as if nothing had happened.

    Args:
        folder: of the run.
        monitor: logged value that says which epoch is the best.
        mode: ``max`` or ``min``.
        every_minutes: between two checkpoints within an epoch; 0 for none.
        log: of the run.
    """

    def __init__(
        self, folder: Path, monitor: str, mode: str, every_minutes: float, log: EpochLog
    ) -> None:
        self.folder = folder
        self.monitor = monitor
        self.sign = 1 if mode == "max" else -1
        self.every_minutes = every_minutes
        self.epoch_log = log
        self.best: float = math.nan
        self.latest: float | None = None
        self._saved_at = time.monotonic()

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Count the minutes from here."""
        self._saved_at = time.monotonic()

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, index: int
    ) -> None:
        """Save where enough time has passed and no gradient waits for the optimizer."""
        ends_epoch = index + 1 >= trainer.num_training_batches
        if not self.every_minutes or ends_epoch or (index + 1) % trainer.accumulate_grad_batches:
            return
        due = time.monotonic() - self._saved_at >= 60 * self.every_minutes
        if trainer.strategy.broadcast(due):
            self._save(trainer, LAST)

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Save the epoch, as the best too where it is."""
        value = trainer.callback_metrics.get(self.monitor)
        if value is not None:
            self.latest = value.item()
            if trainer.strategy.broadcast(self._is_better(self.latest)):
                self.best = self.latest
                self._save(trainer, BEST)
        self._save(trainer, LAST)

    def outcome(self) -> str:
        """Where the best checkpoint is, and what is unusual about it; for the end of a training."""
        best, last = self.folder / BEST, self.folder / LAST
        line = f"best checkpoint: {best}"
        if not best.is_file():
            line = f"no best checkpoint, as {self.monitor} was never a number; the last is {last}"
        if self.latest is None or math.isfinite(self.latest):
            return line
        return (
            f"{line}\nnote: after the last epoch {self.monitor} was {self.latest:g}, and such an "
            "epoch is never the best (a class that is nowhere, not even predicted, has no score)"
        )

    def state_dict(self) -> dict[str, Any]:
        """Best score and log, for the checkpoint."""
        return {"monitor": self.monitor, "best": self.best, "log": self.epoch_log.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from ``state_dict``'s; without a best for another monitor or in a new folder."""
        if state_dict["monitor"] == self.monitor and (self.folder / BEST).is_file():
            self.best = state_dict["best"]
        self.epoch_log.rows = state_dict["log"]

    def _is_better(self, value: float) -> bool:
        if not math.isfinite(value):
            return False
        return math.isnan(self.best) or self.sign * value > self.sign * self.best

    def _save(self, trainer: pl.Trainer, name: str) -> None:
        trainer.save_checkpoint(self.folder / name, weights_only=False)
        self._saved_at = time.monotonic()
