"""D2LS: class queries made anew for every image, and attention between them and the image.

Dynamic dictionary learning for remote sensing image segmentation, ICCV 2025, arXiv:2503.06683.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from network.errors import ConfigError
from network.models.backbone import Encoder
from network.models.bicor import Head
from network.models.output import SegmentationOutput
from network.models.padding import cropped, pad_to_multiple

HEADS = 8


class DynamicQueries(nn.Module):
    """Class tokens of an image, each a mixture of R candidates of its class.

    A linear map makes R candidates of every class query. Their weights, a softmax over R, are read
    off the coarsest features: one half of their projection is pooled by its maximum, the other by
    its mean.

    Shapes: queries [N, C], features [B, C_4, h, w] -> tokens [B, N, C].
    """

    def __init__(self, channels: int, embed_dim: int, num_classes: int, candidates: int) -> None:
        super().__init__()
        half = embed_dim // 2
        self.candidates = candidates
        self.expand = nn.Linear(embed_dim, candidates * embed_dim)
        self.project = nn.Conv2d(channels, embed_dim, 1)
        self.of_maximum = nn.Conv2d(half, half, 1)
        self.of_mean = nn.Conv2d(half, half, 1)
        self.weigh = nn.Sequential(
            nn.Linear(embed_dim, 2 * embed_dim),
            nn.ReLU(),
            nn.Linear(2 * embed_dim, num_classes * candidates),
        )

    def forward(self, queries: Tensor, features: Tensor) -> Tensor:
        """Mix the candidates of every class."""
        first, second = self.project(features).chunk(2, dim=1)
        pooled = torch.cat(
            [
                self.of_maximum(F.adaptive_max_pool2d(first, 1)),
                self.of_mean(F.adaptive_avg_pool2d(second, 1)),
            ],
            dim=1,
        ).flatten(1)
        weights = self.weigh(pooled).unflatten(1, (len(queries), self.candidates)).softmax(dim=2)
        choices = self.expand(queries).unflatten(1, (self.candidates, -1))
        return torch.einsum("bnr,nrc->bnc", weights, choices)


class Attention(nn.Module):
    """Multi-head attention whose heads have C / 2 channels in all.

    Shapes: query [B, Q, C], key and value [B, K, C] -> [B, Q, C].
    """

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        inner = embed_dim // 2
        self.query, self.key, self.value = (nn.Linear(embed_dim, inner) for _ in range(3))
        self.out = nn.Linear(inner, embed_dim)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attend."""
        q, k, v = (
            layer(x).unflatten(2, (HEADS, -1)).transpose(1, 2)
            for layer, x in ((self.query, query), (self.key, key), (self.value, value))
        )
        attended = F.scaled_dot_product_attention(q, k, v)
        return self.out(attended.transpose(1, 2).flatten(2))


class Interaction(nn.Module):
    """Tokens attend to the image, then the image to the tokens; each with residual and LN.

    Shapes: tokens and first tokens [B, N, C], features [B, S, C], places [S, C] -> tokens and
    features.
    """

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.to_image, self.to_tokens = Attention(embed_dim), Attention(embed_dim)
        self.token_norm, self.feature_norm = nn.LayerNorm(embed_dim), nn.LayerNorm(embed_dim)

    def forward(
        self, tokens: Tensor, first: Tensor, features: Tensor, places: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Attend both ways."""
        placed = features + places
        tokens = self.token_norm(tokens + self.to_image(tokens + first, placed, features))
        back = self.to_tokens(placed, tokens + first, tokens)
        return tokens, self.feature_norm(features + back)


class PixelPlaces(nn.Module):
    """Random Fourier features of the centers of pixels, drawn once and fixed.

    Shapes: height h, width w -> [h * w, C].
    """

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.randn(2, embed_dim // 2))

    def forward(self, height: int, width: int) -> Tensor:
        """Sines and cosines of the places, which run from -1 to 1."""
        rows, cols = (
            (2 * torch.arange(n, device=self.frequencies.device) + 1).to(self.frequencies) / n - 1
            for n in (height, width)
        )
        x, y = cols.expand(height, -1), rows[:, None].expand(-1, width)
        angles = 2 * math.pi * torch.stack([x, y], dim=-1).flatten(0, 1) @ self.frequencies
        return torch.cat([angles.sin(), angles.cos()], dim=1)


class D2LS(nn.Module):
    """D2LS on any timm backbone, with the fusion and the head of ``BiCoR``.

    The auxiliary logits come from the same features and the same layers with the class queries in
    place of the tokens. ``class_embeddings`` are the dynamic tokens, for the Fisher loss.

    Args:
        backbone: name of a timm network.
        num_classes: N.
        embed_dim: C, divisible by 16.
        num_layers: of the interaction.
        candidates: R, for each class.
        pretrained: backbone weights: False, True (timm's hub), or the path of a local file.
        in_chans: bands of the input image.
        backbone_options: further arguments of the backbone, as ``{"img_size": 256}``.
        checkpointing: compute the backbone's activations again in the backward pass.

    Raises:
        ConfigError: a value out of its range, or a backbone that does not fit.
        WeightsError: pretrained weights that cannot be had.
    """

    def __init__(
        self,
        backbone: str = "convnext_base",
        num_classes: int = 6,
        embed_dim: int = 256,
        num_layers: int = 2,
        candidates: int = 4,
        pretrained: bool | str | Path = False,
        in_chans: int = 3,
        backbone_options: Mapping[str, Any] | None = None,
        checkpointing: bool = False,
    ) -> None:
        super().__init__()
        if embed_dim < 16 or embed_dim % 16:
            raise ConfigError(f"D2LS: embed_dim={embed_dim}: a multiple of 16")
        self.num_classes = num_classes
        self.encoder = Encoder(
            backbone, embed_dim, pretrained, in_chans, backbone_options, checkpointing
        )
        self.stride = self.encoder.backbone.multiple
        self.queries = nn.Parameter(torch.randn(num_classes, embed_dim))
        self.dynamic = DynamicQueries(
            self.encoder.backbone.channels[-1], embed_dim, num_classes, candidates
        )
        self.places = PixelPlaces(embed_dim)
        self.layers = nn.ModuleList(Interaction(embed_dim) for _ in range(num_layers))
        self.last = Attention(embed_dim)
        self.last_norm = nn.LayerNorm(embed_dim)
        self.head = Head(embed_dim)
        self.class_weights = nn.Sequential(
            nn.Linear(embed_dim, embed_dim),
            nn.ReLU(),
            nn.Linear(embed_dim, embed_dim),
            nn.ReLU(),
            nn.Linear(embed_dim, embed_dim // 16),
        )

    @property
    def backbone(self) -> nn.Module:
        """What pretrained weights are for."""
        return self.encoder.backbone

    def forward(self, x: Tensor) -> SegmentationOutput:
        """Segment a batch of images.

        Shapes: float [B, in_chans, H, W] -> logits [B, N, H, W], class_embeddings [[B, N, C]], in
        training also aux_logits [B, N, H, W].
        """
        height, width = x.shape[-2:]
        padded = pad_to_multiple(x, self.stride, self.encoder.backbone.least)
        maps = self.encoder.backbone(padded)
        f0 = self.encoder.fuse(maps, padded.shape[-2:])
        h, w = f0.shape[-2:]
        first = tokens = self.dynamic(self.queries, maps[-1])
        features, places = f0.flatten(2).transpose(1, 2), self.places(h, w)
        for layer in self.layers:
            tokens, features = layer(tokens, first, features, places)
        attended = self.last(tokens + first, features + places, features)
        tokens = self.last_norm(tokens + attended)
        refined = features.transpose(1, 2).unflatten(2, (h, w))
        logits = cropped(self.head(refined, self.class_weights(tokens)), height, width)
        aux_logits = None
        if self.training:
            static = self.class_weights(self.queries).expand(len(x), -1, -1)
            aux_logits = self.head(refined, static)[..., :height, :width]
        return SegmentationOutput(logits, aux_logits, class_embeddings=[first])
