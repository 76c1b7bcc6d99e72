"""Arrays of torch or of NumPy: what blending asks of both, so that it needs no torch."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import torch

Array: TypeAlias = "torch.Tensor | np.ndarray"
Device: TypeAlias = "torch.device | str | None"


class Arrays:
    """Arrays of NumPy.

    Attributes:
        strip: rows of a window at a time; None for all.
    """

    strip: int | None = 64

    def computing(self) -> AbstractContextManager:
        """In which threads compute."""
        return nullcontext()

    def zeros(self, *shape: int) -> Array:
        """Zeros in float32."""
        return np.zeros(shape, np.float32)

    def empty(self, *shape: int) -> Array:
        """Any float32."""
        return np.empty(shape, np.float32)

    def constant(self, values: np.ndarray) -> Array:
        """Values where the probabilities are."""
        return values

    def multiply(self, one: Array, other: Array, out: Array) -> None:
        """A product in float32."""
        np.multiply(one, other, out=out)

    def joined(self, images: list[Array]) -> Array:
        """Batches of one image as one of all."""
        return images[0] if len(images) == 1 else np.concatenate(images)

    def image(self, values: np.ndarray) -> Array:
        """A part of a scene [h, w, bands] as a batch [1, bands, h, w]."""
        return values.transpose(2, 0, 1)[None]

    def understood(self, probabilities: Array | None) -> Array | None:
        """What a predictor gave, as an array of this kind."""
        return probabilities

    def given(self, sums: Array) -> Array:
        """Sums as an array of the predictor's kind."""
        return sums

    def class_map(self, height: int, width: int) -> Array:
        """Any uint8."""
        return np.empty((height, width), np.uint8)

    def classify(self, probabilities: Array, found: Array) -> None:
        """The likeliest class of every pixel, the first of equals: [N, h, w] -> uint8 [h, w]."""
        found[...] = 0  # far quicker than ``argmax`` over the outermost axis
        most = probabilities[0].copy()
        for index in range(1, len(probabilities)):
            larger = (probabilities[index] > most).view(np.uint8)
            larger *= np.uint8(index)
            np.maximum(found, larger, out=found)
            np.maximum(most, probabilities[index], out=most)


class _TorchImages(Arrays):
    """Images are tensors."""

    def joined(self, images: list[Array]) -> Array:
        """Batches of one image as one of all."""
        import torch

        if len(images) == 1:
            return images[0]
        return torch.cat(images).contiguous(memory_format=torch.channels_last)

    def image(self, values: np.ndarray) -> Array:
        """A part of a scene [h, w, bands] as a batch [1, bands, h, w] on the CPU."""
        import torch

        return torch.from_numpy(np.ascontiguousarray(values)).permute(2, 0, 1)[None]


class HostTensors(_TorchImages):
    """Tensors on the CPU, blended by NumPy, which leaves torch's threads to the network."""

    def understood(self, probabilities: Array | None) -> Array | None:
        """What a predictor gave, as an array of NumPy."""
        return None if probabilities is None else probabilities.detach().numpy()

    def given(self, sums: Array) -> Array:
        """Sums as a tensor."""
        import torch

        return torch.from_numpy(sums)


class Tensors(_TorchImages):
    """Tensors on a device."""

    strip = None

    def __init__(self, device: torch.device | str) -> None:
        import torch

        self.torch = torch
        self.device = device

    def computing(self) -> AbstractContextManager:
        """In which threads compute."""
        return self.torch.inference_mode()

    def zeros(self, *shape: int) -> Array:
        """Zeros in float32."""
        return self.torch.zeros(shape, device=self.device)

    def empty(self, *shape: int) -> Array:
        """Any float32."""
        return self.torch.empty(shape, device=self.device)

    def constant(self, values: np.ndarray) -> Array:
        """Values where the probabilities are."""
        return self.torch.from_numpy(values).to(self.device)

    def multiply(self, one: Array, other: Array, out: Array) -> None:
        """A product in float32."""
        self.torch.mul(one, other, out=out)

    def image(self, values: np.ndarray) -> Array:
        """A part of a scene [h, w, bands] as a batch [1, bands, h, w] on the device."""
        return super().image(values).to(self.device, non_blocking=True)

    def class_map(self, height: int, width: int) -> Array:
        """Any uint8."""
        return self.torch.empty((height, width), dtype=self.torch.uint8, device=self.device)

    def classify(self, probabilities: Array, found: Array) -> None:
        """The likeliest class of every pixel: [N, h, w] -> uint8 [h, w]."""
        found.copy_(probabilities.argmax(dim=0))


def arrays_on(device: Device) -> Arrays:
    """Tensors on a device; of None, arrays of NumPy."""
    if device is None:
        return Arrays()
    return HostTensors() if str(device).startswith("cpu") else Tensors(device)


def as_numpy(array: Array) -> np.ndarray:
    """A tensor as an array of NumPy, which one stays as it is."""
    return array if isinstance(array, np.ndarray) else array.cpu().numpy()
