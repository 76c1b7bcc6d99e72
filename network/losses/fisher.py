"""Fisher discriminative loss on class embeddings."""

from __future__ import annotations

import torch
from torch import Tensor


def fisher(embeddings: Tensor) -> Tensor:
    """Scatter within classes over scatter between classes: S_w / (max(S_b, 1e-4) + 1e-6).

    With mu_n the batch mean of class n: S_w is the mean over batch and classes of
    |CE_n - mu_n|^2, S_b the mean over pairs of classes of |mu_n - mu_m|^2. The latter is
    2 / (N - 1) times the summed squared distance of the means from their own mean.

    Shapes: [B, N, C] -> scalar, in float32 or wider.
    """
    embeddings = embeddings.to(torch.promote_types(embeddings.dtype, torch.float32))
    means = embeddings.mean(dim=0)
    within = (embeddings - means).square().sum(dim=-1).mean()
    spread = (means - means.mean(dim=0)).square().sum()
    between = 2 / (means.shape[0] - 1) * spread
    return within / (between.clamp_min(1e-4) + 1e-6)
