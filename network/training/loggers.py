"""Where the values of a training are logged."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from network.errors import ConfigError
from network.files.writing import replacing

LOGS_ROOT = Path("lightning_logs")
METRICS = "metrics.csv"
_WANDB_PROJECT = "bicor-seg"


class EpochLog(Logger):
    """``metrics.csv`` with one row an epoch.

    The file is written whole each time, so it is complete at any moment, and comes back should its
    folder disappear.

    Args:
        folder: where to.

    Attributes:
        rows: the values by their names, one mapping an epoch.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.rows: list[dict[str, float]] = []

    @property
    def name(self) -> str:
        """Of the run."""
        return self.folder.parent.name

    @property
    def version(self) -> int:
        """N of the folder ``version_N``."""
        return int(self.folder.name.rpartition("_")[2])

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add values to the row of their ``epoch``; others, of no epoch, are not ours.

        Raises:
            OutputError: the file cannot be written.
        """
        if "epoch" not in metrics:
            return
        values = {"epoch": metrics["epoch"], "step": step} | dict(metrics)
        if self.rows and self.rows[-1]["epoch"] == values["epoch"]:
            self.rows[-1] |= values
        else:
            self.rows.append(values)
        names = dict.fromkeys(name for row in self.rows for name in row)
        with (
            replacing(self.folder / METRICS) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(self.rows)

    def log_hyperparams(self, *_: Any, **__: Any) -> None:
        """Nothing: they are in the run's record."""


def new_log_folder(run: str) -> Path:
    """The next ``version_N`` of a run's logs.

    Args:
        run: dataset/name.
    """
    folder = LOGS_ROOT / run
    found = [re.fullmatch(r"version_(\d+)", path.name) for path in folder.glob("version_*")]
    return folder / f"version_{max((int(match[1]) for match in found if match), default=-1) + 1}"


def build_loggers(kind: str, run: str, log: EpochLog, started: str, step: int) -> list[Logger]:
    """TensorBoard or Weights & Biases beside ``metrics.csv``.

    Args:
        kind: one of ``network.experiment.ranges.LOGGERS``.
        run: dataset/name.
        log: of the run.
        started: date of the run, by which Weights & Biases knows it when it is resumed.
        step: from which the run goes on; what TensorBoard has of later ones is hidden.

    Raises:
        ConfigError: the package of that logger is not installed.
    """
    if kind == "csv":
        return [log]
    try:
        if kind == "tensorboard":
            options = {"purge_step": step + 1} if step else {}
            return [log, TensorBoardLogger(LOGS_ROOT, run, log.version, **options)]
        log.folder.mkdir(parents=True, exist_ok=True)
        identity = re.sub(r"\W+", "-", f"{run}-version-{log.version}-{started}")
        wandb = WandbLogger(
            run, log.folder, version=identity, resume="allow", project=_WANDB_PROJECT
        )
        return [log, wandb]
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"logger={kind} needs a package that is not installed: pip install {kind}"
        ) from error


def log_picture(loggers: Sequence[Logger], name: str, picture: np.ndarray, epoch: int) -> None:
    """Hand a picture, RGB uint8 [H, W, 3], to those loggers that show pictures."""
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_image(name, picture, epoch, dataformats="HWC")
        elif isinstance(logger, WandbLogger):
            logger.log_image(name, [picture], caption=[f"epoch {epoch}"])
