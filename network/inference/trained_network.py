"""A trained network together with the data that it is to be looked at on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from network.datasets.catalog import DatasetSpec
from network.datasets.datamodule import SegmentationDataModule
from network.datasets.dataset import SegmentationDataset
from network.datasets.layout import DatasetLayout
from network.devices import choose_precision, prepare_device
from network.errors import ConfigError
from network.experiment import Experiment
from network.files.notes import say_once
from network.inference.checkpoint_files import (
    BEST,
    IMAGE_TYPE,
    find_checkpoint,
    load_network,
    run_folder,
)
from network.inference.inspection import Inspection, inspect
from network.inference.predictor import Predictor


@dataclass
class Trained:
    """What a test, a figure or a report starts from.

    Attributes:
        experiment: the config, its network's settings as the checkpoint says.
        layout: of its dataset.
        net: with the weights of the checkpoint, in evaluation mode.
        checkpoint: the path.
        stored: what the checkpoint says beside its tensors; ``notes`` on how the config differs.
        data: loaders over the layout.
        device: where to run.
        precision: a key of ``network.devices.AUTOCAST_DTYPES``.
    """

    experiment: Experiment
    layout: DatasetLayout
    net: nn.Module
    checkpoint: Path
    stored: dict[str, Any]
    data: SegmentationDataModule
    device: torch.device
    precision: str

    @classmethod
    def open(cls, experiment: Experiment, checkpoint: str | Path | None = None) -> Trained:
        """Load a network.

        Args:
            experiment: the config that it was trained with.
            checkpoint: path; without it, the run's best.

        Raises:
            UserError: no such checkpoint, one that does not fit, a device that is not there.
        """
        device = prepare_device(experiment.accelerator, experiment.devices)
        precision = choose_precision(experiment.precision, device)
        layout = experiment.build_dataset()
        if checkpoint is None:
            checkpoint = find_checkpoint(
                run_folder(layout.spec.name, experiment.name),
                BEST,
                "train first (python train.py -c CONFIG), or name one by --ckpt",
            )
        net, stored, experiment = load_network(experiment, layout.spec, checkpoint)
        data = experiment.build_data(layout)
        return cls(experiment, layout, net, Path(checkpoint), stored, data, device, precision)

    @property
    def spec(self) -> DatasetSpec:
        """Classes and colors of the dataset."""
        return self.layout.spec

    def note_type(self, path: Path, dtype: np.dtype) -> None:
        """Say that values are of another type than those of the training, once for a folder.

        Args:
            path: of the image.
            dtype: of its values.
        """
        trained = self.stored.get(IMAGE_TYPE, str(dtype))
        if self.spec.scale is not None and trained != str(dtype):
            say_once(
                path.parent,
                "type",
                f"{path} holds {dtype}, and the network was trained on {trained}; its values are "
                f"taken as they are, by scale={list(self.spec.scale)}",
            )

    def predictor(self, tta: str) -> Predictor:
        """The network with an augmentation: ``none``, ``lr`` or ``d4``."""
        passes, classes = self.spec.augmentation(tta), self.spec.num_classes
        return Predictor(self.net, passes, self.device, self.precision, classes)

    def dataset(self, split: str) -> SegmentationDataset:
        """The samples of ``train``, ``val`` or ``test``, whole and as they are."""
        return SegmentationDataset(self.layout, split)

    def inspect(
        self, dataset: SegmentationDataset, needs: str = "", longest: int = sys.maxsize
    ) -> Iterator[Inspection]:
        """``network.inference.inspection.inspect`` of this network.

        Args:
            dataset: the samples.
            needs: ``heatmaps`` or ``embeddings``, where there is nothing to do without.
            longest: side in pixels of the images that the network sees.

        Raises:
            ConfigError: the network gives none of what is needed.
        """
        net = self.net.to(self.device, memory_format=torch.channels_last)
        normalise = self.data.normalise
        for found in inspect(net, dataset, normalise, self.device, self.precision, longest):
            if needs and not len(getattr(found, needs)):
                raise ConfigError(f"{type(net).__name__} gives no class {needs} to look at")
            yield found

    def batches(self, dataset: SegmentationDataset) -> Batches:
        """Batches of a dataset, in order, normalised and on the device."""
        return Batches(self.data, self.data.whole_images(dataset), self.device)


@dataclass
class Batches:
    """A loader whose batches come normalised and on the device."""

    data: SegmentationDataModule
    loader: DataLoader
    device: torch.device

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[dict]:
        for batch in self.loader:
            moved = {
                key: value.to(self.device, non_blocking=True)
                for key, value in batch.items()
                if isinstance(value, Tensor)
            }
            yield self.data.on_after_batch_transfer(batch | moved)
