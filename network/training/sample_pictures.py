"""Predictions of some validation images as pictures, while training goes on."""

from __future__ import annotations

from pathlib import Path

import pytorch_lightning as pl

from network.datasets.catalog import DatasetSpec
from network.datasets.datamodule import SegmentationDataModule
from network.figures.predictions import prediction_figure
from network.figures.style import pixels
from network.files.images import write_image
from network.inference.inspection import inspect, select, spread
from network.models.modes import evaluating
from network.training.loggers import log_picture
from network.training.module import SegmentationModule


class SamplePredictions(pl.Callback):
    """Draws ``epoch_NNN.png`` every few epochs and after the last one.

    Args:
        folder: where to.
        spec: of the dataset.
        precision: of the run.
        every: epochs between two.
        most: number of images, evenly over the validation set.
    """

    def __init__(
        self, folder: Path, spec: DatasetSpec, precision: str, every: int, most: int
    ) -> None:
        self.folder = folder
        self.spec = spec
        self.precision = precision
        self.every = every
        self.most = most

    def on_train_epoch_end(self, trainer: pl.Trainer, module: SegmentationModule) -> None:
        """Predict, draw, hand to the loggers."""
        epoch = trainer.current_epoch + 1
        due = epoch % self.every == 0 or epoch == trainer.max_epochs
        if not due or not trainer.is_global_zero:
            return
        data: SegmentationDataModule = trainer.datamodule
        dataset = select(data.val, spread(data.val, self.most))
        net = module.evaluated_net
        with evaluating(module):
            found = list(inspect(net, dataset, data.normalise, module.device, self.precision))
        picture = pixels(prediction_figure(found, self.spec, f"epoch {epoch}"))
        write_image(self.folder / f"epoch_{epoch:03d}.png", picture)
        log_picture(trainer.loggers, "samples", picture, epoch)
