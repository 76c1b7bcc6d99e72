"""A trained network with what it takes to use it on images."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from network.datasets.catalog import DatasetSpec
from network.datasets.dataset import SegmentationDataset
from network.datasets.normalisation import Normalisation
from network.devices import choose_precision, prepare_device
from network.errors import CheckpointError, ConfigError
from network.files.hashing import file_hash
from network.inference.checkpoint_files import (
    check_settings,
    load_checkpoint,
    load_weights,
    said,
    weights_file,
)
from network.inference.checkpoint_keys import IMAGE_TYPE, SETTINGS
from network.inference.identity import Identity
from network.inference.image_type import note_other_type
from network.inference.inspection import Inspection, inspect
from network.inference.predictor import Predictor
from network.models.geometry import stride_of
from network.models.recorded import build_recorded

ASK_FOR_CONFIG = "name the config that it was trained with by -c CONFIG"


@dataclass
class Segmenter:
    """A trained network, and what its images are.

    Attributes:
        net: with the weights of the checkpoint, in evaluation mode.
        spec: of the dataset that it is for: classes, colors, bands, normalisation.
        identity: what it was built with.
        checkpoint: the path.
        stored: what the checkpoint says beside its tensors; ``notes`` for its user.
        device: where to run.
        precision: a key of ``network.devices.AUTOCAST_DTYPES``.
    """

    net: nn.Module
    spec: DatasetSpec
    identity: Identity
    checkpoint: Path
    stored: dict[str, Any]
    device: torch.device
    precision: str

    def __post_init__(self) -> None:
        self._normalise = Normalisation(self.spec)

    @classmethod
    def of_checkpoint(
        cls,
        path: str | Path,
        accelerator: str = "auto",
        devices: int | str | Sequence[int] = 1,
        precision: str | None = None,
    ) -> Segmenter:
        """Load a network that a checkpoint describes, without the config of its training.

        No code of the file is executed: see ``network.models.recorded``.

        Args:
            path: of the checkpoint, or of a model folder.
            accelerator, devices, precision: as of an experiment; without a precision, that of the
                training's config.

        Raises:
            CheckpointError: no such checkpoint, or one that does not suffice without the config.
            ConfigError: a precision that this machine does not compute.
            DeviceError: a device that is not there.
        """
        device = prepare_device(accelerator, devices)
        checkpoint = load_checkpoint(path)
        check_settings(checkpoint, path)
        identity = Identity.stored(checkpoint, path)
        if identity is None:
            raise CheckpointError(
                f"{path} does not say what network it holds, as those of earlier versions: "
                f"{ASK_FOR_CONFIG}"
            )
        precision = choose_precision(precision or _precision(checkpoint), device)
        try:
            net = build_recorded(identity.network, identity.settings, identity.objects, path)
        except CheckpointError as error:
            raise CheckpointError(f"{error}: {ASK_FOR_CONFIG}") from error
        stored = said(checkpoint, path)
        load_weights(net, checkpoint, path, "its own record")
        spec = identity.spec()
        return cls(net.eval(), spec, identity, weights_file(path), stored, device, precision)

    @property
    def stride(self) -> int:
        """Pixels of the coarsest features; windows of a scene start at its multiples."""
        return stride_of(self.net)

    def normalise(self, values: Tensor) -> Tensor:
        """Stored values [B, bands, H, W] -> float32 for the predictor, on their device."""
        return self._normalise(values)

    def predictor(self, tta: str) -> Predictor:
        """The network with an augmentation: ``none``, ``lr`` or ``d4``.

        Raises:
            ConfigError: nothing says the passes of ``d4``.
        """
        if tta == "d4" and not self.identity.d4:
            raise ConfigError(
                f"-t d4: its passes are the dataset's, and {self.checkpoint}, of an earlier "
                f"version, does not say them: {ASK_FOR_CONFIG}"
            )
        passes, classes = self.spec.augmentation(tta), self.spec.num_classes
        return Predictor(self.net, passes, self.device, self.precision, classes)

    def note_type(self, path: Path, dtype: np.dtype) -> None:
        """Say that values are of another type than those of the training, once for a folder.

        Args:
            path: of the image.
            dtype: of its values.
        """
        note_other_type(path, dtype, self.stored.get(IMAGE_TYPE), self.spec)

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
        for found in inspect(net, dataset, self.normalise, self.device, self.precision, longest):
            if needs and not len(getattr(found, needs)):
                raise ConfigError(f"{type(net).__name__} gives no class {needs} to look at")
            yield found

    def record(self) -> dict[str, Any]:
        """All that predictions depend on beside the image and how it is predicted; plain values."""
        return {
            "checkpoint": file_hash(self.checkpoint),
            "net": self.identity.described(),
            "precision": self.precision,
        }


def _precision(checkpoint: Mapping[str, Any]) -> str:
    """The precision that the config of a training said, or the usual one."""
    text = checkpoint.get(SETTINGS, {}).get("precision", "")
    return text.strip("'\"") or "auto"
