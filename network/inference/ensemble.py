"""Several networks for the same classes and images as one: the mean of their probabilities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from network.datasets.catalog import DatasetSpec
from network.errors import CheckpointError, ConfigError
from network.files.hashing import file_hash
from network.inference.agreement import differing
from network.inference.checkpoint_keys import PROTOCOL
from network.inference.predictor import Predictor
from network.inference.protocols import joined_protocol
from network.inference.segmenter import Segmenter

_MUST_AGREE = ("classes", "ignore_index", "bands", "band_numbers", "scale", "mean", "std",
               "alpha")  # fmt: skip
_OF_THE_FIRST = ("dataset", "colors", "unscored", "band_names")


@dataclass
class Ensemble:
    """What takes the place of a ``Segmenter``, of several of them.

    Attributes:
        members: networks on one device, in the order of their user.

    Raises:
        ConfigError: fewer than two, or the same file twice.
        CheckpointError: they differ in classes, bands or normalisation.
    """

    members: Sequence[Segmenter]

    def __post_init__(self) -> None:
        if len(self.members) < 2:
            raise ConfigError("an ensemble is of at least two networks")
        hashes = [(member.checkpoint, file_hash(member.checkpoint)) for member in self.members]
        for (path, found), (other, same) in combinations(hashes, 2):
            if found == same:
                raise ConfigError(
                    f"{path} and {other} are the same file (their SHA-256 is one): an ensemble is "
                    "of different networks"
                )
        first = self.members[0]
        for other in self.members[1:]:
            if found := differing(first.identity, other.identity, _MUST_AGREE):
                raise CheckpointError(
                    f"{first.checkpoint} and {other.checkpoint} are no networks of one ensemble: "
                    f"{found}"
                )
            if found := differing(first.identity, other.identity, _OF_THE_FIRST):
                print(
                    f"note: {first.checkpoint} and {other.checkpoint} differ, and what the first "
                    f"says is taken: {found}"
                )
        print(f"{self.described()}: their probabilities are averaged")

    @classmethod
    def of_checkpoints(
        cls,
        paths: Sequence[str | Path],
        accelerator: str = "auto",
        devices: int | str | Sequence[int] = 1,
        precision: str | None = None,
    ) -> Ensemble:
        """Load networks that their checkpoints describe.

        Args:
            paths: of checkpoints, or of model folders.
            accelerator, devices, precision: as of ``Segmenter.of_checkpoint``, for each of them.

        Raises:
            UserError: as ``Segmenter.of_checkpoint`` and the class.
        """
        return cls(
            [Segmenter.of_checkpoint(path, accelerator, devices, precision) for path in paths]
        )

    @property
    def spec(self) -> DatasetSpec:
        """Of the dataset that the first one is for."""
        return self.members[0].spec

    @property
    def device(self) -> torch.device:
        """Where they run."""
        return self.members[0].device

    @property
    def precision(self) -> str:
        """That of each; where they differ, all in order."""
        return ", ".join(_alike([member.precision for member in self.members]))

    @property
    def stride(self) -> int:
        """Pixels between positions at which the coarsest features of all of them start."""
        return math.lcm(*(member.stride for member in self.members))

    @property
    def stored(self) -> dict[str, Any]:
        """What holds of all of them together of what their checkpoints say."""
        joined = joined_protocol([member.stored.get(PROTOCOL) for member in self.members])
        return {} if joined is None else {PROTOCOL: joined}

    def normalise(self, values: Tensor) -> Tensor:
        """As of a ``Segmenter``."""
        return self.members[0].normalise(values)

    def predictor(self, tta: str) -> EnsemblePredictor:
        """The networks, each with an augmentation: ``none``, ``lr`` or ``d4``.

        Raises:
            ConfigError: nothing says the passes of ``d4`` of one.
        """
        return EnsemblePredictor([member.predictor(tta) for member in self.members])

    def note_type(self, path: Path, dtype: np.dtype) -> None:
        """As of a ``Segmenter``."""
        for member in self.members:
            member.note_type(path, dtype)

    def described(self) -> str:
        """The networks as the calls that build them."""
        return f"ensemble of {' and '.join(each.identity.described() for each in self.members)}"

    def record(self) -> dict[str, Any]:
        """All that predictions depend on beside the image and how it is predicted; plain values."""
        return {"ensemble": [member.record() for member in self.members]}


class EnsemblePredictor:
    """Class probabilities of normalised images, averaged over networks.

    Args:
        predictors: of the networks, each with its own augmentation, all on one device.
    """

    def __init__(self, predictors: Sequence[Predictor]) -> None:
        self.predictors = predictors
        self.device = predictors[0].device
        self.stride = math.lcm(*(predictor.stride for predictor in predictors))
        self.passes = predictors[0].passes

    @torch.inference_mode()
    def __call__(self, image: Tensor) -> Tensor:
        """Predict; each network pads images that are too small for it.

        Shapes: float [B, bands, H, W] -> float32 probabilities [B, N, H, W].
        """
        first, *others = self.predictors
        total = first(image)
        for predictor in others:
            total += predictor(image)
        return total / len(self.predictors)


def _alike(values: Sequence[str]) -> list[str]:
    """One value where all are the same, else all."""
    return [values[0]] if len(set(values)) == 1 else list(values)
