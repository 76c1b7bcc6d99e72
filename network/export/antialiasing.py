"""Interpolation without aliasing as products with matrices: opset 17 of ONNX has no other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

_SHARPNESS = -0.5
"""Of cubic interpolation without aliasing, in torch as in Pillow."""


def _triangle(away: Tensor) -> Tensor:
    return (1 - away).clamp(min=0)


def _cubic(away: Tensor) -> Tensor:
    a = _SHARPNESS
    near = ((a + 2) * away - (a + 3)) * away * away + 1
    far = (((away - 5) * away + 8) * away - 4) * a
    return torch.where(away < 1, near, torch.where(away < 2, far, torch.zeros_like(away)))


def _as_products(kernel: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    def interpolate(
        x: Tensor,
        output_size: Sequence[int] | None,
        align_corners: bool,
        scale_factors: Sequence[float] | None = None,
    ) -> Tensor:
        """Shapes: [B, C, H, W] -> [B, C, *output_size]."""
        if align_corners or scale_factors or output_size is None:
            return NotImplemented
        down, across = (
            _weights(length, size, kernel, x.device).to(x.dtype)
            for length, size in zip(x.shape[-2:], output_size, strict=True)
        )
        return down @ x @ across.transpose(0, 1)

    return interpolate


def _weights(
    length: int, size: int, kernel: Callable[[Tensor], Tensor], device: torch.device
) -> Tensor:
    """Weights [size, length] of the pixels of one side in those of another."""
    whole, part = (
        torch.scalar_tensor(n, dtype=torch.float64, device=device) for n in (length, size)
    )
    step = whole / part
    pixels, centers = (
        torch.arange(n, dtype=torch.float64, device=device) + 0.5 for n in (length, size)
    )
    weights = kernel((pixels - (centers * step)[:, None]).abs() / step.clamp(min=1))
    return weights / weights.sum(dim=1, keepdim=True)


DECOMPOSITIONS = {
    torch.ops.aten._upsample_bilinear2d_aa.vec: _as_products(_triangle),
    torch.ops.aten._upsample_bicubic2d_aa.vec: _as_products(_cubic),
}
"""For ``torch.export.ExportedProgram.run_decompositions``."""
