"""The loss of any network: named terms on its logits and auxiliary logits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from network.errors import ConfigError
from network.losses.bicor import Output
from network.losses.segmentation import Target, as_tensor, cross_entropy, dice, log_softmax
from network.processes import local, total

KINDS = ("ce", "dice", "focal", "lovasz", "tversky")


class SegmentationLoss(nn.Module):
    """total = the sum of the losses of ``kind`` on the logits + aux_weight * CE on auxiliary ones.

    ``ce`` is cross-entropy and ``dice`` Dice, as in ``BiCoRLoss``; the others are those of
    segmentation_models_pytorch: ``focal`` (one class against the rest, mean over pixels and
    classes), ``lovasz`` (Lovasz-Softmax, mean over the classes in the label) and ``tversky``.

    In training, ``ce``, ``dice``, ``focal`` and the auxiliary term are those of the whole batch, of
    whichever processes share it. ``lovasz`` and ``tversky`` are not sums over pixels: each process
    has those of its own images, and what is trained on is the mean of them, which is not the value
    that one process would have on all images. In evaluation mode every term is that of the
    process's own images.

    Args:
        ignore_index: label of pixels that count nowhere.
        kind: one of ``KINDS``, or several.
        aux_weight: of the auxiliary logits, where there are any; 0 leaves them out.
        label_smoothing: of every cross-entropy.
        dice_smooth: added to numerator and denominator of Dice.
        focal_gamma: exponent of the focal loss.
        tversky_alpha: weight of pixels that are taken for the class and are not of it.
        tversky_beta: weight of pixels of the class that are missed.
        class_weights: one number for each class, of its pixels in every cross-entropy.

    Raises:
        ConfigError: no such kind, or none.
    """

    def __init__(
        self,
        ignore_index: int,
        kind: str | Sequence[str] = ("ce", "dice"),
        aux_weight: float = 0.4,
        label_smoothing: float = 0.05,
        dice_smooth: float = 0.05,
        focal_gamma: float = 2.0,
        tversky_alpha: float = 0.3,
        tversky_beta: float = 0.7,
        class_weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        kinds = (kind,) if isinstance(kind, str) else tuple(kind)
        unknown = [repr(each) for each in kinds if each not in KINDS]
        if unknown or not kinds or len(set(kinds)) < len(kinds):
            what = f"no {', '.join(unknown)}" if unknown else f"kind={kind!r}"
            raise ConfigError(f"SegmentationLoss: {what}; one or several of {', '.join(KINDS)}")
        self.ignore_index = ignore_index
        self.kinds = kinds
        self.aux_weight = aux_weight
        self.label_smoothing = label_smoothing
        self.dice_smooth = dice_smooth
        self.register_buffer("class_weights", as_tensor(class_weights), persistent=False)
        options = {
            "focal": {"gamma": focal_gamma, "reduction": "sum"},
            "lovasz": {},
            "tversky": {"alpha": tversky_alpha, "beta": tversky_beta},
        }
        self.others = nn.ModuleDict(
            {
                kind: _of_package(kind, ignore_index, **of_kind)
                for kind, of_kind in options.items()
                if kind in kinds
            }
        )

    def forward(self, out: Output, mask: Tensor) -> dict[str, Tensor]:
        """Compare an output with its label.

        Shapes: mask int64 [B, H, W] -> a scalar for each of ``kind``, ``aux`` (where there are
        auxiliary logits) and ``total`` (the weighted sum).
        """
        over_processes = total if self.training else local
        target = Target(
            mask, out.logits.shape[1], self.ignore_index, over_processes, self.class_weights
        )
        with torch.autocast(mask.device.type, enabled=False):
            terms = {kind: self._term(kind, out.logits, mask, target) for kind in self.kinds}
            weighted = sum(terms.values())
            if out.aux_logits is not None and self.aux_weight:
                terms["aux"] = self._term("ce", out.aux_logits, mask, target)
                weighted = weighted + self.aux_weight * terms["aux"]
        return terms | {"total": weighted}

    def _term(self, kind: str, logits: Tensor, mask: Tensor, target: Target) -> Tensor:
        if kind == "ce":
            return cross_entropy(log_softmax(logits), target, self.label_smoothing)
        if kind == "dice":
            return dice(log_softmax(logits), target, self.dice_smooth)
        value = self.others[kind](logits.float(), mask)
        if kind == "focal":
            return target.total(value) / target.pixels.clamp_min(1)
        return value.sum()  # of nothing, where Lovasz has no pixel that counts


def _of_package(kind: str, ignore_index: int, **options: Any) -> nn.Module:
    try:
        from segmentation_models_pytorch import losses
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the loss {kind!r} needs a package that is not installed: "
            "pip install segmentation-models-pytorch"
        ) from error
    kinds = {"focal": "FocalLoss", "lovasz": "LovaszLoss", "tversky": "TverskyLoss"}
    return getattr(losses, kinds[kind])("multiclass", ignore_index=ignore_index, **options)
