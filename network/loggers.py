"""Where the values of a training are logged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger

from network.errors import ConfigError

LOGS_ROOT = Path("lightning_logs")
_WANDB_PROJECT = "bicor-seg"


def build_loggers(kind: str, run: str) -> list[Logger]:
    """``metrics.csv`` always, and TensorBoard or Weights & Biases beside it.

    Args:
        kind: one of ``network.experiment.LOGGERS``.
        run: dataset/name.

    Raises:
        ConfigError: the package of that logger is not installed.
    """
    csv = CSVLogger(LOGS_ROOT, name=run)
    if kind == "csv":
        return [csv]
    try:
        if kind == "tensorboard":
            return [csv, TensorBoardLogger(LOGS_ROOT, name=run, version=csv.version)]
        return [csv, WandbLogger(run, csv.log_dir, project=_WANDB_PROJECT)]
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
