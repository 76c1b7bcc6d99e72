"""Several trained networks together with the data that they are to be looked at on."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from network.datasets.catalog import DatasetSpec
from network.datasets.dataset import SegmentationDataset
from network.devices import choose_precision, prepare_device
from network.experiment import Experiment
from network.inference.agreement import check_other_network
from network.inference.checkpoint_files import load_checkpoint, load_network, weights_file
from network.inference.ensemble import Ensemble
from network.inference.identity import Identity
from network.inference.inspection import Inspection, inspect
from network.inference.segmenter import Segmenter
from network.inference.trained_network import OnDataset, Trained


@dataclass
class TrainedEnsemble(OnDataset, Ensemble):
    """What takes the place of a ``Trained``, of several networks."""

    @classmethod
    def open(cls, experiment: Experiment, checkpoints: Sequence[str | Path]) -> TrainedEnsemble:
        """Load networks.

        Those of the config's class are as ``Trained.open`` gives them. Others are built from the
        records of their checkpoints.

        Args:
            experiment: the config, which says dataset, device and precision.
            checkpoints: paths.

        Raises:
            UserError: no such checkpoint, one that does not fit, a device that is not there.
        """
        device = prepare_device(experiment.accelerator, experiment.devices)
        precision = choose_precision(experiment.precision, device)
        layout = experiment.build_dataset()
        members = [
            _member(experiment, layout.spec, path, device, precision) for path in checkpoints
        ]
        return cls(
            members=members,
            experiment=experiment,
            layout=layout,
            data=experiment.build_data(layout),
        )

    def inspect(
        self, dataset: SegmentationDataset, needs: str = "", longest: int = sys.maxsize
    ) -> Iterator[Inspection]:
        """As of a ``Segmenter``, of images and masks alone: heatmaps are of one network."""
        net = self.members[0].net
        return inspect(net, dataset, self.normalise, self.device, self.precision, longest=0)


def open_trained(
    experiment: Experiment, checkpoints: Sequence[str | Path] = ()
) -> Trained | TrainedEnsemble:
    """The network of a config, or the ensemble of several.

    Args:
        experiment: the config that it was trained with.
        checkpoints: paths; without them, the run's best.

    Raises:
        UserError: as ``Trained.open``.
    """
    if len(checkpoints) < 2:
        return Trained.open(experiment, *checkpoints)
    return TrainedEnsemble.open(experiment, checkpoints)


def _member(
    experiment: Experiment,
    spec: DatasetSpec,
    path: str | Path,
    device: torch.device,
    precision: str,
) -> Segmenter:
    now = Identity.of(experiment, spec)
    before = Identity.stored(load_checkpoint(path), path)
    if before is None or before.kind == now.kind:
        net, stored, experiment = load_network(experiment, spec, path)
        identity = Identity.of(experiment, spec)
        return Segmenter(net, spec, identity, weights_file(path), stored, device, precision)
    notes = check_other_network(experiment, spec, before, path)
    found = Segmenter.of_checkpoint(path, experiment.accelerator, experiment.devices, precision)
    for note in notes:
        print(f"note: {note}")
    found.stored["notes"] += notes
    return replace(found, spec=spec, identity=now.with_network(before))
