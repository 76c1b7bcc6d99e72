"""The loss of BiCoR-Seg: named terms and their weighted total."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from network.errors import ConfigError
from network.losses.fisher import fisher
from network.losses.segmentation import (
    Target,
    as_tensor,
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
    to the label; fisher_l the Fisher ratio of its class embeddings. A term of weight 0 is not
    computed.

    In training every term is that of the whole batch, of whichever processes share it: the pixels
    of all count alike, and Dice and Fisher see all images. So it means the same on 1 and on 8 GPUs.
    In evaluation mode it is that of the process's own images, and the Fisher ratio is left out: it
    compares the images of a batch, and of one image it is 0 whatever the network.

    Args:
        ignore_index: label of pixels that count nowhere.
        aux_weight: of the auxiliary logits in main.
        heatmap_weight: one number, or one per HBIS layer; a network without layers takes any.
        fisher_weight: likewise.
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
        self.register_buffer("class_weights", as_tensor(class_weights), persistent=False)

    def forward(self, out: Output, mask: Tensor) -> dict[str, Tensor]:
        """Compare an output with its label.

        Shapes: mask int64 [B, H, W] -> scalars ``main``, ``heatmap``, in training ``fisher`` (each
        the plain sum over the layers that weigh anything; left out where none does) and ``total``
        (the weighted sum).

        Raises:
            ConfigError: a list of weights whose length is not the number of HBIS layers.
        """
        over_processes = total if self.training else local
        target = Target(
            mask, out.logits.shape[1], self.ignore_index, over_processes, self.class_weights
        )

        def heatmap(logits: Tensor) -> Tensor:
            return self._segmentation(_upsample(logits, mask.shape[-2:]), target)

        heatmaps, embeddings = out.heatmaps, out.class_embeddings
        weights = _per_layer("heatmap_weight", self.heatmap_weight, len(heatmaps))
        by_layer = [("heatmap", heatmap, weights, heatmaps)]
        weights = _per_layer("fisher_weight", self.fisher_weight, len(embeddings))
        if self.training:
            by_layer.append(("fisher", partial(fisher, total=over_processes), weights, embeddings))
        with torch.autocast(mask.device.type, enabled=False):
            main = self._segmentation(out.logits, target)
            if self.aux_weight and out.aux_logits is not None:
                aux = cross_entropy(log_softmax(out.aux_logits), target, self.label_smoothing)
                main = main + self.aux_weight * aux
            terms, weighted = {"main": main}, main
            for name, term, weights, layers in by_layer:
                counted = [(w, term(x)) for w, x in zip(weights, layers, strict=True) if w]
                if counted:
                    terms[name] = sum(value for _, value in counted)
                for weight, value in counted:
                    weighted = weighted + weight * value
        return {**terms, "total": weighted}

    def _segmentation(self, logits: Tensor, target: Target) -> Tensor:
        return cross_entropy_and_dice(logits, target, self.label_smoothing, self.dice_smooth)


def _upsample(heatmap: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(heatmap, size=size, mode="bilinear", align_corners=False)


def _per_layer(name: str, weights: Weights, layers: int) -> list[float]:
    if isinstance(weights, int | float):
        return [weights] * layers
    if layers and len(weights) != layers:
        first, *others = weights or [0.1]
        fitting = [*[first] * (layers - len(others)), *others][-layers:]
        raise ConfigError(
            f"loss.{name} lists {len(weights)} weights, but the network has {layers} HBIS layers: "
            f"give one number for all, or one for each, as loss.{name}='{fitting}'"
        )
    return list(weights)[:layers]
