"""Brightness and contrast of every band of a crop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Light:
    """Draws for every band by how much it becomes brighter and richer in contrast.

    Band v becomes mean + (v - mean) * (1 + c) + b * (high - low), of which c is drawn evenly from
    -contrast to contrast and b from -brightness to brightness. Whole numbers are rounded, and stay
    within what their type holds.

    Args:
        brightness, contrast: shares; 0 for none.
        value_range: low and high, the values that stand for 0 and 1.
    """

    brightness: float
    contrast: float
    value_range: tuple[float, float]

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Change an image [H, W, bands]; nothing is drawn where both shares are 0."""
        if not (self.brightness or self.contrast):
            return image
        low, high = self.value_range
        bands = image.shape[2]
        factor = 1 + rng.uniform(-self.contrast, self.contrast, bands)
        mean = image.mean(axis=(0, 1), dtype=np.float64)
        added = rng.uniform(-self.brightness, self.brightness, bands) * (high - low)
        moved = mean * (1 - factor) + added
        changed = image * factor.astype(np.float32) + moved.astype(np.float32)
        if image.dtype.kind in "iu":
            limits = np.iinfo(image.dtype)
            changed = np.rint(changed).clip(limits.min, limits.max)
        return changed.astype(image.dtype)
