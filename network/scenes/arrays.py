"""Arrays of torch or of NumPy: what blending asks of both, so that it needs no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import torch

Array: TypeAlias = "torch.Tensor | np.ndarray"
Device: TypeAlias = "torch.device | str | None"


class Arrays:
    """Arrays of NumPy.

    Attributes:
        module: with functions that torch and NumPy call the same.
    """

    module: Any = np

    def zeros(self, *shape: int) -> Array:
        """Zeros in float32."""
        return np.zeros(shape, np.float32)

    def placed(self, array: Array) -> Array:
        """An array where the probabilities are."""
        return array

    def float32(self, array: Array) -> Array:
        """An array in float32."""
        return array.astype(np.float32)

    def copy(self, array: Array) -> Array:
        """An array of its own memory."""
        return array.copy()

    def image(self, values: np.ndarray) -> Array:
        """A part of a scene [h, w, bands] as a batch [1, bands, h, w]."""
        return values.transpose(2, 0, 1)[None]

    def classes(self, probabilities: Array) -> np.ndarray:
        """The likeliest class of every pixel: [N, h, w] -> uint8 [h, w]."""
        return probabilities.argmax(axis=0).astype(np.uint8)


class Tensors(Arrays):
    """Tensors on a device."""

    def __init__(self, device: torch.device | str) -> None:
        import torch

        self.module = torch
        self.device = device

    def zeros(self, *shape: int) -> Array:
        """Zeros in float32."""
        return self.module.zeros(shape, device=self.device)

    def placed(self, array: Array) -> Array:
        """A tensor on the device."""
        return array.to(self.device)

    def float32(self, array: Array) -> Array:
        """A tensor in float32."""
        return array.float()

    def copy(self, array: Array) -> Array:
        """A tensor of its own memory."""
        return array.clone()

    def image(self, values: np.ndarray) -> Array:
        """A part of a scene [h, w, bands] as a batch [1, bands, h, w] on the device."""
        tensor = self.module.from_numpy(np.ascontiguousarray(values)).permute(2, 0, 1)[None]
        return tensor.to(self.device, non_blocking=True)

    def classes(self, probabilities: Array) -> np.ndarray:
        """The likeliest class of every pixel: [N, h, w] -> uint8 [h, w]."""
        return probabilities.argmax(dim=0).to(self.module.uint8).cpu().numpy()


def arrays_on(device: Device) -> Arrays:
    """Tensors on a device; of None, arrays of NumPy."""
    return Arrays() if device is None else Tensors(device)


def as_numpy(array: Array) -> np.ndarray:
    """A tensor as an array of NumPy, which one stays as it is."""
    return array if isinstance(array, np.ndarray) else array.cpu().numpy()
