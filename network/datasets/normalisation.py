"""Stored values as a network takes them."""

from __future__ import annotations

import torch
from torch import Tensor

from network.datasets.bands import Bands


class Normalisation:
    """Stored values [B, bands, H, W] -> float32 with mean 0 and deviation 1, on their device.

    Args:
        bands: of the dataset.

    Raises:
        ConfigError: bands whose mean and deviation are not known.
    """

    def __init__(self, bands: Bands) -> None:
        bands.check_normalised()
        low, high = bands.value_range
        self.mean = torch.tensor(bands.mean).view(-1, 1, 1) * (high - low) + low
        self.std = torch.tensor(bands.std).view(-1, 1, 1) * (high - low)
        self._on_device: dict[torch.device, tuple[Tensor, Tensor]] = {}

    def __call__(self, image: Tensor) -> Tensor:
        """Normalise images."""
        if image.device not in self._on_device:
            with torch.inference_mode(False):  # they outlive the caller's mode
                self._on_device[image.device] = (
                    self.mean.to(image.device),
                    self.std.to(image.device),
                )
        mean, std = self._on_device[image.device]
        image = (image.float() - mean) / std
        return image.contiguous(memory_format=torch.channels_last)
