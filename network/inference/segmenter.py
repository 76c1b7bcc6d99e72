"""A trained network with what it takes to use it on images."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from network.datasets.catalog import DatasetSpec
from network.datasets.dataset import SegmentationDataset
from network.datasets.normalisation import Normalisation
from network.errors import ConfigError
from network.files.hashing import file_hash
from network.files.notes import say_once
from network.inference.checkpoint_files import IMAGE_TYPE
from network.inference.identity import Identity
from network.inference.inspection import Inspection, inspect
from network.inference.predictor import Predictor
from network.models.geometry import stride_of


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

    @property
    def stride(self) -> int:
        """Pixels of the coarsest features; windows of a scene start at its multiples."""
        return stride_of(self.net)

    def normalise(self, values: Tensor) -> Tensor:
        """Stored values [B, bands, H, W] -> float32 for the predictor, on their device."""
        return self._normalise(values)

    def predictor(self, tta: str) -> Predictor:
        """The network with an augmentation: ``none``, ``lr`` or ``d4``."""
        passes, classes = self.spec.augmentation(tta), self.spec.num_classes
        return Predictor(self.net, passes, self.device, self.precision, classes)

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
