"""Fisher discriminative loss on class embeddings."""

from __future__ import annotations

import torch
from torch import Tensor

from network.processes import Total, local


def fisher(embeddings: Tensor, total: Total = local) -> Tensor:
    """Scatter within classes over scatter between classes: S_w / (max(S_b, 1e-4) + 1e-6).

    With mu_n the batch mean of class n: S_w is the mean over batch and classes of
    |CE_n - mu_n|^2, S_b the mean over pairs of classes of |mu_n - mu_m|^2. The latter is
    2 / (N - 1) times the summed squared distance of the means from their own mean.

    Shapes: [B, N, C] -> scalar, in float32 or wider.

    Args:
        embeddings: of the images of this process.
        total: sums over the processes that share the batch.
    """
    embeddings = embeddings.to(torch.promote_types(embeddings.dtype, torch.float32))
    batch, classes, _ = embeddings.shape
    images = total(embeddings.new_full((), batch))
    means = total(embeddings.sum(dim=0)) / images
    within = total((embeddings - means).square().sum()) / (images * classes)
    spread = (means - means.mean(dim=0)).square().sum()
    between = 2 / (classes - 1) * spread
    return within / (between.clamp_min(1e-4) + 1e-6)
