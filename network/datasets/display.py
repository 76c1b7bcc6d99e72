"""Images of any bands and type as pictures to look at."""

from __future__ import annotations

import numpy as np

from network.datasets.bands import Bands

STRETCH = (2, 98)
"""Percentiles of every shown band of an image that become black and full color."""


def displayed(values: np.ndarray, bands: Bands, valid: np.ndarray | None = None) -> np.ndarray:
    """The shown bands of an image.

    Values with a scale are stretched linearly from one of ``STRETCH`` to the other; 8 bits without
    one are shown as they are.

    Shapes: values [H, W, bands] -> RGB uint8 [H, W, 3].

    Args:
        values: as they are stored.
        bands: of the dataset.
        valid: where they are data, bool [H, W]; None for everywhere.
    """
    picture = bands.shown == (0, 1, 2) and values.shape[2] == 3
    chosen = values if picture else values[..., list(bands.shown)]
    if bands.scale is None:
        return chosen
    counted = chosen.reshape(-1, 3) if valid is None else chosen[valid]
    if not len(counted):
        return np.zeros(chosen.shape, np.uint8)
    low, high = np.percentile(counted.astype(np.float64), STRETCH, axis=0)
    share = (chosen - low) / np.where(high > low, high - low, 1)
    return np.rint(share.clip(0, 1) * 255).astype(np.uint8)


def display_note(bands: Bands) -> str:
    """How ``displayed`` shows images: bands and stretch; empty for pictures as they are."""
    names = [bands.band_names[index] for index in bands.shown] if bands.band_names else []
    parts = [", ".join(dict.fromkeys(names))] if names else []
    if bands.scale is not None:
        parts.append(f"{STRETCH[0]}% to {STRETCH[1]}%")
    return "; ".join(parts)
