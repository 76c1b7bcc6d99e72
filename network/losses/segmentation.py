"""Cross-entropy and Dice from one log-softmax."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from network.processes import Total, local

DICE_EPS = 1e-7


class Target:
    """A label map prepared once for all terms that compare with it.

    Args:
        mask: int64 [B, H, W], class indices and ``ignore_index``.
        num_classes: N.
        ignore_index: value of the pixels that count nowhere.
        total: sums over the processes that share the batch; all terms are those of the whole batch.
        class_weights: [N], of the pixels of each class in cross-entropies; None for equal ones.
    """

    def __init__(
        self,
        mask: Tensor,
        num_classes: int,
        ignore_index: int,
        total: Total = local,
        class_weights: Tensor | None = None,
    ) -> None:
        self.total = total
        self.valid = mask != ignore_index
        self.index = torch.where(self.valid, mask, 0).unsqueeze(1)
        classes = torch.arange(num_classes, device=mask.device).view(1, -1, 1, 1)
        self.one_hot = (self.index == classes) & self.valid.unsqueeze(1)
        self.class_pixels = total(self.one_hot.sum(dim=(0, 2, 3)))
        self.pixels = self.class_pixels.sum()
        if class_weights is None:
            self.weight, self.total_weight = self.valid, self.pixels.clamp_min(1)
        else:
            self.weight = class_weights[self.index.squeeze(1)] * self.valid
            weighted = (class_weights * self.class_pixels).sum()
            self.total_weight = torch.where(weighted > 0, weighted, 1)


def as_tensor(class_weights: Sequence[float] | None) -> Tensor | None:
    """Weights of classes as ``Target`` takes them."""
    return None if class_weights is None else torch.tensor(class_weights).float()


def cross_entropy(log_probs: Tensor, target: Target, smoothing: float = 0.0) -> Tensor:
    """Cross-entropy with label smoothing, mean over the pixels that count (0 if none does).

    With class weights, the mean is weighted: every pixel's value, smoothed as without, counts by
    the weight of its class. (torch weighs the smoothed part by the classes' own weights instead.)

    Shapes: log_probs [B, N, H, W] -> scalar.
    """
    per_pixel = -log_probs.gather(1, target.index).squeeze(1)
    if smoothing:
        per_pixel = (1 - smoothing) * per_pixel - smoothing * log_probs.mean(dim=1)
    return target.total((per_pixel * target.weight).sum()) / target.total_weight


def dice(log_probs: Tensor, target: Target, smooth: float = 0.05) -> Tensor:
    """1 - Dice per class over the whole batch, 0 for classes absent from the label, mean over N.

    Shapes: log_probs [B, N, H, W] -> scalar.
    """
    probs = log_probs.exp() * target.valid.unsqueeze(1)
    overlap = (probs * target.one_hot).sum(dim=(0, 2, 3))
    overlap, predicted = target.total(torch.stack([overlap, probs.sum(dim=(0, 2, 3))]))
    both = predicted + target.class_pixels
    score = (2 * overlap + smooth) / (both + smooth).clamp_min(DICE_EPS)
    return ((1 - score) * (target.class_pixels > 0)).mean()


def cross_entropy_and_dice(
    logits: Tensor, target: Target, label_smoothing: float, dice_smooth: float
) -> Tensor:
    """Sum of both, in float32 or wider.

    Shapes: logits [B, N, H, W] -> scalar.
    """
    log_probs = log_softmax(logits)
    return cross_entropy(log_probs, target, label_smoothing) + dice(log_probs, target, dice_smooth)


def log_softmax(logits: Tensor) -> Tensor:
    """Over classes (dimension 1), in float32 or wider whatever the logits are."""
    dtype = torch.promote_types(logits.dtype, torch.float32)
    return torch.log_softmax(logits.to(dtype), dim=1)
