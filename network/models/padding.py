"""Images and maps brought to another size: mirrored over their edges, or interpolated."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from network.models.open_sizes import is_open, larger, parts_over


def pad_to_multiple(x: Tensor, multiple: int, least: int = 0) -> Tensor:
    """Mirror a map over its right and bottom edge until both sides are divisible.

    The mirror goes back and forth where the map is smaller than what is added.

    Shapes: [B, C, H, W] -> [B, C, H', W'].

    Args:
        x: the map.
        multiple: divisor of H' and W'.
        least: of H' and W', a multiple of ``multiple``.
    """
    height, width = (_whole(side, multiple, least) for side in x.shape[-2:])
    return mirror(x, 0, height - x.shape[-2], 0, width - x.shape[-1])


def cropped(x: Tensor, height: int, width: int) -> Tensor:
    """The upper left part of a map."""
    if is_open(height, width):
        rows, cols = (torch.arange(side, device=x.device) for side in (height, width))
        return x.index_select(-2, rows).index_select(-1, cols)
    return x[..., :height, :width]


def mirror(x: Tensor, top: int, bottom: int, left: int, right: int) -> Tensor:
    """Add so many rows and columns on each side, mirrored without repeating the edge.

    Shapes: [B, C, H, W] -> [B, C, top + H + bottom, left + W + right].
    """
    height, width = x.shape[-2:]
    sides = (top, bottom, height, left, right, width)
    if not is_open(*sides) and max(top, bottom) < height and max(left, right) < width:
        return F.pad(x, (left, right, top, bottom), mode="reflect") if x.numel() else x
    rows = _folded(height, top, bottom, x.device)
    cols = _folded(width, left, right, x.device)
    return x.index_select(-2, rows).index_select(-1, cols)


def resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """A map in another height and width, bilinear."""
    if x.shape[-2:] == size:
        return x
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def _whole(side: int, multiple: int, least: int) -> int:
    count = parts_over(side, multiple)
    if least > multiple:
        count = larger(count, least // multiple)
    return multiple * count


def _folded(length: int, before: int, after: int, device: torch.device) -> Tensor:
    period = torch.scalar_tensor(2 * (length - 1), dtype=torch.long, device=device).clamp(min=1)
    index = torch.arange(-before, length + after, device=device) % period
    return torch.minimum(index, period - index)
