"""The loss of BiCoR-Seg: named terms and their weighted total."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from network.errors import ConfigError
from network.losses.fisher import fisher
from network.losses.segmentation import (
    Target,
    cross_entropy,
    cross_entropy_and_dice,
    log_softmax,
)
from network.processes import local, total

Weights = float | Sequence[float]


class Output(Protocol):
    """What the loss reads of a network's output (see ``network.models.BiCoROutput``)."""

    logits: Tensor
    aux_logits: Tensor | None
    heatmaps: Sequence[Tensor]
    class_embeddings: Sequence[Tensor]


class BiCoRLoss(nn.Module):
    """total = main + sum_l heatmap_weight_l heatmap_l + sum_l fisher_weight_l fisher_l.

    main is CE + Dice on the logits plus ``aux_weight`` times CE on the auxiliary logits (where
    there are any); heatmap_l is CE + Dice on the heatmap logits of layer l, upsampled bilinearly
    to the label; fisher_l the Fisher ratio of its class embeddings.

    In training every term is that of the whole batch, of whichever processes share it: the pixels
    of all count alike, and Dice and Fisher see all images. So it means the same on 1 and on 8 GPUs.
    In evaluation mode it is that of the process's own images.

    Args:
        ignore_index: label of pixels that count nowhere.
        aux_weight: of the auxiliary logits in main.
        heatmap_weight: one number, or one per HBIS layer.
        fisher_weight: one number, or one per HBIS layer.
        label_smoothing: of every cross-entropy.
        dice_smooth: added to numerator and denominator of Dice.
        class_weights: one number for each class, of its pixels in every cross-entropy.
    """

    def __init__(
        self,
        ignore_index: int,
        aux_weight: float = 0.4,
        heatmap_weight: Weights = 0.1,
        fisher_weight: Weights = 0.1,
        label_smoothing: float = 0.05,
        dice_smooth: float = 0.05,
        class_weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.ignore_index = ignore_index
        self.aux_weight = aux_weight
        self.heatmap_weight = heatmap_weight
        self.fisher_weight = fisher_weight
        self.label_smoothing = label_smoothing
        self.dice_smooth = dice_smooth
        weights = None if class_weights is None else torch.tensor(class_weights).float()
        self.register_buffer("class_weights", weights, persistent=False)

    def forward(self, out: Output, mask: Tensor) -> dict[str, Tensor]:
        """Compare an output with its label.

        Shapes: mask int64 [B, H, W] -> scalars ``main``, ``heatmap``, ``fisher`` (each the plain
        sum over layers, 0 of a network without) and ``total`` (the weighted sum).

        Raises:
            ConfigError: a list of weights whose length is not the number of HBIS layers.
        """
        layers = len(out.heatmaps)
        heatmap_weights = _per_layer("heatmap_weight", self.heatmap_weight, layers)
        fisher_weights = _per_layer("fisher_weight", self.fisher_weight, layers)
        over_processes = total if self.training else local
        target = Target(
            mask, out.logits.shape[1], self.ignore_index, over_processes, self.class_weights
        )

        with torch.autocast(mask.device.type, enabled=False):
            main = self._segmentation(out.logits, target)
            if out.aux_logits is not None:
                aux = cross_entropy(log_softmax(out.aux_logits), target, self.label_smoothing)
                main = main + self.aux_weight * aux
            heatmaps = [
                self._segmentation(_upsample(heatmap, mask.shape[-2:]), target)
                for heatmap in out.heatmaps
            ]
            fishers = [fisher(layer, over_processes) for layer in out.class_embeddings]

        weighted = main
        for weight, term in zip(heatmap_weights + fisher_weights, heatmaps + fishers, strict=True):
            weighted = weighted + weight * term
        none = torch.zeros_like(main)
        return {
            "main": main,
            "heatmap": sum(heatmaps, none),
            "fisher": sum(fishers, none),
            "total": weighted,
        }

    def _segmentation(self, logits: Tensor, target: Target) -> Tensor:
        return cross_entropy_and_dice(logits, target, self.label_smoothing, self.dice_smooth)


def _upsample(heatmap: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(heatmap, size=size, mode="bilinear", align_corners=False)


def _per_layer(name: str, weights: Weights, layers: int) -> list[float]:
    if isinstance(weights, int | float):
        return [weights] * layers
    if len(weights) != layers:
        raise ConfigError(
            f"loss.{name} lists {len(weights)} weights, but the network has {layers} HBIS layers: "
            "give one number for all, or one for each"
        )
    return list(weights)
