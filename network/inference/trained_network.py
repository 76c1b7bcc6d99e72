"""A trained network together with the data that it is to be looked at on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from network.datasets.datamodule import SegmentationDataModule
from network.datasets.dataset import SegmentationDataset
from network.datasets.layout import DatasetLayout
from network.devices import choose_precision, prepare_device
from network.experiment import Experiment
from network.inference.checkpoint_files import (
    BEST,
    find_checkpoint,
    load_network,
    run_folder,
    weights_file,
)
from network.inference.identity import Identity
from network.inference.segmenter import Segmenter


@dataclass
class OnDataset:
    """Part of what a test, a figure or a report starts from: the data.

    Attributes:
        experiment: the config, its network's settings as the checkpoint says.
        layout: of its dataset.
        data: loaders over the layout.
    """

    experiment: Experiment
    layout: DatasetLayout
    data: SegmentationDataModule

    def dataset(self, split: str) -> SegmentationDataset:
        """The samples of ``train``, ``val`` or ``test``, whole and as they are."""
        return SegmentationDataset(self.layout, split)

    def batches(self, dataset: SegmentationDataset) -> Batches:
        """Batches of a dataset, in order, normalised and on the device."""
        return Batches(self.data, self.data.whole_images(dataset), self.device)


@dataclass
class Trained(OnDataset, Segmenter):
    """What a test, a figure or a report starts from."""

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
        spec = layout.spec
        net, stored, experiment = load_network(experiment, spec, checkpoint)
        return cls(
            net=net,
            spec=spec,
            identity=Identity.of(experiment, spec),
            checkpoint=weights_file(checkpoint),
            stored=stored,
            device=device,
            precision=precision,
            experiment=experiment,
            layout=layout,
            data=experiment.build_data(layout),
        )


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
