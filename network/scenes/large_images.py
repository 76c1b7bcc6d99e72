"""Predicting images that are in memory already: whole, or window by window where they are large."""

from __future__ import annotations

import torch
from torch import Tensor

from network.inference.ensemble import EnsemblePredictor
from network.inference.predictor import Predictor
from network.scenes.blending import blend
from network.scenes.tiling import DEFAULT_OVERLAP, Tiling, check_windows, tile


def predict_classes(
    image: Tensor, predictor: Predictor | EnsemblePredictor, num_classes: int, window: int
) -> Tensor:
    """Class indices of images; of a side above ``window``, in blended windows as scenes are.

    Shapes: normalised float [B, bands, H, W] on the device of the predictor -> int64 [B, H, W].

    Args:
        image: the batch.
        predictor: of one augmentation.
        num_classes: N.
        window: side in pixels.

    Raises:
        ConfigError: windows below the stride of the network.
    """
    height, width = image.shape[-2:]
    if max(height, width) <= window:
        return predictor(image).argmax(dim=1)
    check_test_window(window, predictor)
    tiling = tile(height, width, window, DEFAULT_OVERLAP, predictor.stride)
    return torch.stack([_blended(each[None], predictor, tiling, num_classes) for each in image])


def check_test_window(window: int, predictor: Predictor | EnsemblePredictor) -> None:
    """Refuse windows that are too small for the network.

    Raises:
        ConfigError: they are below its stride.
    """
    check_windows(window, DEFAULT_OVERLAP, predictor.stride, "test_window=")


def _blended(
    image: Tensor, predictor: Predictor | EnsemblePredictor, tiling: Tiling, num_classes: int
) -> Tensor:
    classes = torch.empty(image.shape[-2:], dtype=torch.long, device=image.device)

    def read(top: int, left: int) -> tuple[Tensor, None]:
        rows = _mirrored(top, tiling.rows, tiling.height, image.device)
        cols = _mirrored(left, tiling.cols, tiling.width, image.device)
        window = image[:, :, rows[:, None], cols]
        return window.contiguous(memory_format=torch.channels_last), None

    for region in blend(read, predictor, tiling, num_classes, image.device):
        classes[region.rows, region.cols] = region.probabilities.argmax(dim=0)
    return classes


def _mirrored(start: int, size: int, length: int, device: torch.device) -> Tensor:
    """Indices of a window; what reaches over the edge is mirrored there, the edge repeated."""
    inside = length - start
    index = torch.arange(size, device=device) % (2 * inside)
    return start + torch.minimum(index, 2 * inside - 1 - index)
