"""Predicting with test-time augmentation."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
import ttach
from torch import Tensor, nn

from network.datasets.catalog import PLAIN, Augmentation
from network.devices import AUTOCAST_DTYPES
from network.freed_memory import release_freed_memory
from network.models.geometry import min_size_of, stride_of
from network.models.output import segment
from network.models.padding import resized

RUNS_PER_RELEASE = 8
"""Runs of the network on a CPU after which freed memory goes back to the system."""


class Predictor:
    """Class probabilities of normalised images, averaged over the passes of an augmentation.

    Args:
        net: network in evaluation mode.
        augmentation: the passes.
        device: where to run.
        precision: a key of ``network.devices.AUTOCAST_DTYPES``.
        num_classes: N; without it, as many as the network gives.
    """

    def __init__(
        self,
        net: nn.Module,
        augmentation: Augmentation = PLAIN,
        device: torch.device | str = "cpu",
        precision: str = "32-true",
        num_classes: int | None = None,
    ) -> None:
        self.device = torch.device(device)
        self.net = net.to(self.device, memory_format=torch.channels_last).eval()
        self.num_classes = num_classes
        self.passes = _passes(augmentation)
        self.overshoots = augmentation.interpolation == "bicubic"
        self.min_size = math.ceil(min_size_of(net) / min(1.0, *augmentation.scales))
        self.dtype = AUTOCAST_DTYPES[precision]
        self.runs = 0

    @property
    def stride(self) -> int:
        """Pixels of the coarsest features; windows of a scene start at its multiples."""
        return stride_of(self.net)

    @torch.inference_mode()
    def __call__(self, image: Tensor) -> Tensor:
        """Predict; images too small for the network are padded with their border.

        Shapes: float [B, bands, H, W] -> float32 probabilities [B, N, H, W].
        """
        height, width = image.shape[-2:]
        below, beside = max(0, self.min_size - height), max(0, self.min_size - width)
        image = F.pad(image, (0, beside, 0, below), mode="replicate")
        total = None
        for augment in self.passes:
            probabilities = self._probabilities(augment.augment_image(image))
            probabilities = resized(augment.deaugment_mask(probabilities), image.shape[-2:])
            if self.overshoots:
                probabilities = _brought_back(probabilities)
            total = probabilities if total is None else total.add_(probabilities)
        return total[..., :height, :width] / len(self.passes)

    def _probabilities(self, image: Tensor) -> Tensor:
        self.runs += 1
        if self.device.type == "cpu" and self.runs % RUNS_PER_RELEASE == 0:
            release_freed_memory()
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not None):
            logits = segment(self.net, image, self.num_classes).logits
        return logits.float().softmax(dim=1)


def _brought_back(probabilities: Tensor) -> Tensor:
    """Interpolated values, which may lie beyond 0 and 1, as probabilities again."""
    clamped = probabilities.clamp(0, 1)
    return clamped / clamped.sum(dim=1, keepdim=True)


def _passes(augmentation: Augmentation) -> list[ttach.base.Transformer]:
    transforms = [
        *([ttach.HorizontalFlip()] if augmentation.hflip else []),
        *([ttach.VerticalFlip()] if augmentation.vflip else []),
        *([ttach.Rotate90(angles=[0, 90])] if augmentation.rotate90 else []),
        *(
            [ttach.Scale(list(augmentation.scales), interpolation=augmentation.interpolation)]
            if augmentation.scales != (1.0,)
            else []
        ),
    ]
    return list(ttach.Compose(transforms))
