"""Images and maps brought to another size: mirrored over their edges, or interpolated."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def pad_to_multiple(x: Tensor, multiple: int, least: int = 0) -> Tensor:
    """Mirror a map over its right and bottom edge until both sides are divisible.

    The mirror goes back and forth where the map is smaller than what is added.

    Shapes: [B, C, H, W] -> [B, C, H', W'].

    Args:
        x: the map.
        multiple: divisor of H' and W'.
        least: of H' and W', a multiple of ``multiple``.
    """
    height, width = (max(least, math.ceil(side / multiple) * multiple) for side in x.shape[-2:])
    return mirror(x, 0, height - x.shape[-2], 0, width - x.shape[-1])


def mirror(x: Tensor, top: int, bottom: int, left: int, right: int) -> Tensor:
    """Add so many rows and columns on each side, mirrored without repeating the edge.

    Shapes: [B, C, H, W] -> [B, C, top + H + bottom, left + W + right].
    """
    height, width = x.shape[-2:]
    if max(top, bottom) < height and max(left, right) < width:
        return F.pad(x, (left, right, top, bottom), mode="reflect") if x.numel() else x
    rows = _folded(height, top, bottom, x.device)
    cols = _folded(width, left, right, x.device)
    return x[..., rows[:, None], cols]


def resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """A map in another height and width, bilinear."""
    if x.shape[-2:] == size:
        return x
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def _folded(length: int, before: int, after: int, device: torch.device) -> Tensor:
    period = max(1, 2 * (length - 1))
    index = torch.arange(-before, length + after, device=device) % period
    return torch.minimum(index, period - index) if length > 1 else index * 0
