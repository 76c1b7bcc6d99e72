"""BiCoR: encoder, class embeddings, a stack of HBIS layers, output head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from network.errors import ConfigError
from network.models.backbone import Encoder
from network.models.geometry import MIN_SIZE, STRIDE
from network.models.hbis import HBIS
from network.models.open_sizes import larger, parts_over, rounded_share
from network.models.output import SegmentationOutput
from network.models.padding import cropped, pad_to_multiple

BiCoROutput = SegmentationOutput
"""What BiCoR returns, in training and evaluation mode alike.

``aux_logits`` are None in evaluation mode. ``heatmaps`` are [B, N, ceil(H/4), ceil(W/4)], one for
each HBIS layer (of the resized image, where there is an ``input_scale``). ``class_embeddings`` are
one for each layer, and none without F2CE, which makes them those of the image.
"""


class Head(nn.Module):
    """Features at stride 4 and class weights to logits at full resolution.

    The features are upsampled by PixelShuffle(2), LN, GELU, PixelShuffle(2), GELU to C/16 channels
    and multiplied with the class weights. Neither GELU nor the product over channels looks at
    positions, so both stand before the second shuffle, which then moves N channels only.

    Shapes: features [B, C, h, w], class weights [B, N, C/16] -> [B, N, 4h, 4w].
    """

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(embed_dim // 4, eps=1e-6)

    def forward(self, features: Tensor, class_weights: Tensor) -> Tensor:
        """Upsample and classify."""
        x = F.pixel_shuffle(features, 2).permute(0, 2, 3, 1)
        x = F.gelu(F.gelu(self.norm(x)))
        batch, height, width, _ = x.shape
        # Channel c of the four positions of a shuffle meets the weights of c in each of the four.
        positions = torch.eye(4, dtype=class_weights.dtype, device=x.device)
        weights = torch.einsum("bnc,pq->bnpcq", class_weights, positions)
        logits = weights.reshape(batch, -1, x.shape[-1]) @ x.flatten(1, 2).transpose(1, 2)
        return F.pixel_shuffle(logits.unflatten(2, (height, width)), 2)


class BiCoR(nn.Module):
    """BiCoR-Seg (arXiv 2512.20255): features and class embeddings that refine each other.

    image -> pyramid -> F_0; CE_0 is learned; HBIS layers 1..L turn (CE, F) into refined ones by
    way of class heatmaps; the head compares the upsampled F_L with CE_L.

    Args:
        backbone: name of a timm network with a feature pyramid.
        num_classes: N, at least 2.
        embed_dim: C, divisible by 16.
        num_hbis: L, number of HBIS layers; 0 leaves encoder and static class embeddings.
        topk_ratio: share of the positions that a class gathers context from (F2CE); one number,
            or one per layer.
        min_pixels: lower bound of the number of those positions.
        mix: share of the modulated features in CE2F.
        temperature: of the softmax over classes in CE2F.
        pretrained: backbone weights: False, True (timm's hub), or the path of a local file.
        in_chans: bands of the input image.
        input_scale: the image is resized by it before the encoder and the logits are resized back;
            below 1 for imagery that is finer than its labels, or to save time.
        backbone_options: further arguments of the backbone, as ``{"img_size": 256}``.
        checkpointing: compute the backbone's activations again in the backward pass.
        f2ce: class embeddings are refined by the features.
        ce2f: features are refined by the class embeddings.
        embed_std: standard deviation of CE_0 before training. With the published 0.02 all classes
            begin almost alike, which takes hundreds of steps to come apart.

    Raises:
        ConfigError: a value out of its range, or a backbone that does not fit.
        WeightsError: pretrained weights that cannot be had.
    """

    min_size = MIN_SIZE
    stride = STRIDE

    def __init__(
        self,
        backbone: str = "convnext_base",
        num_classes: int = 6,
        embed_dim: int = 256,
        num_hbis: int = 2,
        topk_ratio: float | Sequence[float] = 1.0,
        min_pixels: int = 64,
        mix: float = 0.5,
        temperature: float = 1.0,
        pretrained: bool | str | Path = False,
        in_chans: int = 3,
        input_scale: float = 1.0,
        backbone_options: Mapping[str, Any] | None = None,
        checkpointing: bool = False,
        f2ce: bool = True,
        ce2f: bool = True,
        embed_std: float = 0.02,
    ) -> None:
        super().__init__()
        _check(num_classes >= 2, f"num_classes={num_classes}: at least 2")
        _check(embed_dim >= 16 and embed_dim % 16 == 0, f"embed_dim={embed_dim}: a multiple of 16")
        _check(num_hbis >= 0, f"num_hbis={num_hbis}: at least 0")
        _check(min_pixels >= 1, f"min_pixels={min_pixels}: at least 1")
        _check(0 < input_scale <= 4, f"input_scale={input_scale}: above 0, at most 4")
        _check(temperature > 0, f"temperature={temperature}: above 0")
        _check(embed_std > 0, f"embed_std={embed_std}: above 0")
        ratios = [topk_ratio] * num_hbis if isinstance(topk_ratio, int | float) else [*topk_ratio]
        _check(
            num_hbis == 0 or len(ratios) == num_hbis,
            f"topk_ratio={topk_ratio}: one number, or one for each of the {num_hbis} HBIS layers",
        )
        _check(all(0 < r <= 1 for r in ratios), f"topk_ratio={topk_ratio}: above 0, at most 1")

        self.num_classes = num_classes
        self.input_scale = input_scale
        self.encoder = Encoder(
            backbone, embed_dim, pretrained, in_chans, backbone_options, checkpointing
        )
        self.stride, self.least = self.encoder.backbone.multiple, self.encoder.backbone.least
        self.class_embeddings = nn.Parameter(torch.empty(num_classes, embed_dim))
        bound = 100 * embed_std
        nn.init.trunc_normal_(self.class_embeddings, std=embed_std, a=-bound, b=bound)
        self.hbis = nn.ModuleList(
            HBIS(embed_dim, ratio, min_pixels, mix, temperature, f2ce, ce2f)
            for ratio in ratios[:num_hbis]
        )
        self.head = Head(embed_dim)
        self.class_weights = nn.Linear(embed_dim, embed_dim // 16, bias=False)
        self.aux_class_weights = nn.Linear(embed_dim, embed_dim // 16, bias=False)

    @property
    def backbone(self) -> nn.Module:
        """What pretrained weights are for."""
        return self.encoder.backbone

    def forward(self, x: Tensor) -> BiCoROutput:
        """Segment a batch of images.

        Shapes: float [B, in_chans, H, W], any H and W from 32 up -> ``BiCoROutput``.
        """
        height, width = x.shape[-2:]
        if height < self.min_size or width < self.min_size:
            raise ValueError(
                f"image of {height}x{width} pixels: BiCoR needs at least "
                f"{self.min_size}x{self.min_size}"
            )
        if self.input_scale == 1:
            return self._segment(x)
        size = [
            larger(rounded_share(self.input_scale, side), self.min_size) for side in (height, width)
        ]
        out = self._segment(F.interpolate(x, size, mode="bilinear", antialias=True))
        logits, aux_logits = (
            None if y is None else F.interpolate(y, (height, width), mode="bilinear")
            for y in (out.logits, out.aux_logits)
        )
        return out._replace(logits=logits, aux_logits=aux_logits)

    def _segment(self, x: Tensor) -> BiCoROutput:
        height, width = x.shape[-2:]
        f0 = self.encoder(pad_to_multiple(x, self.stride, self.least))
        batch, _, h, w = f0.shape

        features = f0.flatten(2).transpose(1, 2)
        embeddings = self.class_embeddings.expand(batch, -1, -1)
        heatmaps, class_embeddings = [], []
        for layer in self.hbis:
            embeddings, features, heatmap = layer(embeddings, features)
            heatmap = heatmap.unflatten(2, (h, w))
            heatmaps.append(cropped(heatmap, parts_over(height, 4), parts_over(width, 4)))
            if layer.f2ce is not None:
                class_embeddings.append(embeddings)

        f_last = features.transpose(1, 2).unflatten(2, (h, w))
        logits = cropped(self.head(f_last, self.class_weights(embeddings)), height, width)
        aux_logits = None
        if self.training:
            static = self.aux_class_weights(self.class_embeddings.detach())
            aux_logits = self.head(f0, static.expand(batch, -1, -1))[..., :height, :width]
        return BiCoROutput(logits, aux_logits, heatmaps, class_embeddings)


def _check(holds: bool, what: str) -> None:
    if not holds:
        raise ConfigError(f"BiCoR: {what}")
