"""Stored values as a network takes them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from network.datasets.bands import Bands

_CACHED = 1 << 17
"""Values at a time on a CPU, which stay in its cache."""


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
        """Normalise images; on a CPU by one thread."""
        if image.device.type == "cpu":
            return self._on_host(image)
        if image.device not in self._on_device:
            with torch.inference_mode(False):  # they outlive the caller's mode
                self._on_device[image.device] = (
                    self.mean.to(image.device),
                    self.std.to(image.device),
                )
        mean, std = self._on_device[image.device]
        image = (image.float() - mean) / std
        return image.contiguous(memory_format=torch.channels_last)

    def _on_host(self, image: Tensor) -> Tensor:
        """The same, bit by bit; torch is slow where bands are the innermost axis."""
        pixels = image.permute(0, 2, 3, 1).contiguous()
        stored = pixels.flatten(0, 1).flatten(1).numpy()
        mean, std = (
            np.tile(each.flatten().numpy(), image.shape[3]) for each in (self.mean, self.std)
        )
        found = np.empty(stored.shape, np.float32)
        step = max(1, _CACHED // stored.shape[1])
        for top in range(0, len(stored), step):
            part = found[top : top + step]
            part[...] = stored[top : top + step]
            part -= mean
            part /= std
        return torch.from_numpy(found).view(pixels.shape).permute(0, 3, 1, 2)
