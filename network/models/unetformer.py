"""UNetFormer: a convolutional encoder and a decoder of global-local attention.

Wang et al., UNetFormer: a UNet-like transformer for efficient semantic segmentation of remote
sensing urban scene imagery, ISPRS Journal of Photogrammetry and Remote Sensing 190, 2022.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from network.models.backbone import Backbone
from network.models.output import SegmentationOutput
from network.models.padding import cropped, mirror, pad_to_multiple, resized

WINDOW = 8


def conv_bn(inputs: int, outputs: int, kernel: int, groups: int = 1) -> nn.Sequential:
    """Convolution without bias that keeps the size, then batch norm."""
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs))


class WindowAttention(nn.Module):
    """Multi-head attention among the pixels of each window, with a learned relative position bias.

    The map is mirrored over its lower and right edge to whole windows.

    Shapes: [B, D, h, w] -> [B, D, h, w].
    """

    def __init__(self, dim: int, heads: int, window: int = WINDOW) -> None:
        super().__init__()
        self.heads = heads
        self.window = window
        self.qkv = nn.Conv2d(dim, 3 * dim, 1, bias=False)
        self.bias = nn.Parameter(torch.empty((2 * window - 1) ** 2, heads))
        nn.init.trunc_normal_(self.bias, std=0.02)
        steps = torch.arange(window)
        rows, cols = (side.flatten() for side in torch.meshgrid(steps, steps, indexing="ij"))
        down = rows[:, None] - rows + window - 1
        across = cols[:, None] - cols + window - 1
        self.register_buffer("place", down * (2 * window - 1) + across, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Attend within windows."""
        height, width = x.shape[-2:]
        side = self.window
        qkv = self.qkv(pad_to_multiple(x, side))
        batch, channels, h, w = qkv.shape
        grid = (3, self.heads, channels // (3 * self.heads), h // side, side, w // side, side)
        # B 3 heads d rows y cols x -> 3, B rows cols, heads, y x, d
        q, k, v = (
            qkv.reshape(batch, *grid)
            .permute(1, 0, 4, 6, 2, 5, 7, 3)
            .reshape(3, -1, self.heads, side**2, grid[2])
        )
        bias = self.bias[self.place].permute(2, 0, 1)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype))
        out = out.reshape(batch, h // side, w // side, self.heads, side, side, grid[2])
        out = out.permute(0, 3, 6, 1, 4, 2, 5).reshape(batch, channels // 3, h, w)
        return cropped(out, height, width)


class GlobalLocalAttention(nn.Module):
    """Convolutions beside window attention whose output is averaged down columns and along rows.

    Shapes: [B, D, h, w] -> [B, D, h, w].
    """

    def __init__(self, dim: int, heads: int, window: int = WINDOW) -> None:
        super().__init__()
        self.before, self.after = window // 2 - 1, window // 2
        self.window = window
        self.local3 = conv_bn(dim, dim, 3)
        self.local1 = conv_bn(dim, dim, 1)
        self.attention = WindowAttention(dim, heads, window)
        self.depthwise = nn.Conv2d(dim, dim, window, groups=dim, bias=False)
        self.norm = nn.BatchNorm2d(dim)
        self.pointwise = nn.Conv2d(dim, dim, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Attend and project."""
        local = self.local3(x) + self.local1(x)
        attended = self.attention(x)
        down = F.avg_pool2d(
            mirror(attended, self.before, self.after, 0, 0), (self.window, 1), stride=1
        )
        across = F.avg_pool2d(
            mirror(attended, 0, 0, self.before, self.after), (1, self.window), stride=1
        )
        both = mirror(local + down + across, *(self.before, self.after) * 2)
        return self.pointwise(self.norm(self.depthwise(both)))


class Block(nn.Module):
    """Global-local transformer block (GLTB): x + A(BN(x)), then x + MLP(BN(x)).

    Shapes: [B, D, h, w] -> [B, D, h, w].
    """

    def __init__(self, dim: int, heads: int, ratio: int = 4) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(dim)
        self.attention = GlobalLocalAttention(dim, heads)
        self.norm2 = nn.BatchNorm2d(dim)
        self.mlp = nn.Sequential(
            nn.Conv2d(dim, ratio * dim, 1), nn.ReLU6(), nn.Conv2d(ratio * dim, dim, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Attend, then mix channels."""
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class WeightedFusion(nn.Module):
    """An encoder level and the upsampled decoder, added with two learned weights.

    w = relu(two numbers) / (their sum + 1e-8); then a 3x3 convolution.

    Shapes: decoder [B, D, h, w], level [B, C_i, h', w'] -> [B, D, h', w'].
    """

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(channels, dim, 1, bias=False)
        self.weights = nn.Parameter(torch.ones(2))
        self.mix = nn.Sequential(conv_bn(dim, dim, 3), nn.ReLU6())

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        """Fuse."""
        weights = F.relu(self.weights)
        own, below = weights / (weights.sum() + 1e-8)
        return self.mix(own * self.project(level) + below * resized(x, level.shape[-2:]))


class FeatureRefinement(nn.Module):
    """Spatial and channel gates beside a shortcut, at the finest level.

    Shapes: [B, D, h, w] -> [B, D, h, w].
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.spatial = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)
        self.channel = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(dim, dim // 16, 1, bias=False),
            nn.ReLU6(),
            nn.Conv2d(dim // 16, dim, 1, bias=False),
        )
        self.shortcut = conv_bn(dim, dim, 1)
        self.project = nn.Sequential(
            *conv_bn(dim, dim, 3, groups=dim), nn.Conv2d(dim, dim, 1, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Refine."""
        gated = x * self.spatial(x).sigmoid() + x * self.channel(x).sigmoid()
        return F.relu6(self.shortcut(x) + self.project(gated))


class UNetFormer(nn.Module):
    """UNetFormer on any timm backbone.

    The coarsest level goes through a global-local block; two finer levels are fused in, each with a
    block of its own; the finest one is fused and refined.

    Args:
        backbone: name of a timm network.
        num_classes: N.
        dim: D, width of the decoder.
        heads: of the attention.
        dropout: before the classifier.
        pretrained: backbone weights: False, True (timm's hub), or the path of a local file.
        in_chans: bands of the input image.
        backbone_options: further arguments of the backbone, as ``{"img_size": 256}``.
        checkpointing: compute the backbone's activations again in the backward pass.

    Raises:
        ConfigError: a backbone that does not fit.
        WeightsError: pretrained weights that cannot be had.
    """

    def __init__(
        self,
        backbone: str = "resnet18",
        num_classes: int = 6,
        dim: int = 64,
        heads: int = 8,
        dropout: float = 0.1,
        pretrained: bool | str | Path = False,
        in_chans: int = 3,
        backbone_options: Mapping[str, Any] | None = None,
        checkpointing: bool = False,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.backbone = Backbone(backbone, pretrained, in_chans, backbone_options, checkpointing)
        self.stride = self.backbone.multiple
        *finer, coarsest = self.backbone.channels
        self.project = conv_bn(coarsest, dim, 1)
        self.block = Block(dim, heads)
        self.fusions = nn.ModuleList(WeightedFusion(c, dim) for c in reversed(finer))
        self.blocks = nn.ModuleList(Block(dim, heads) for _ in finer[1:])
        self.refinement = FeatureRefinement(dim)
        self.head = _head(dim, num_classes, nn.Dropout2d(dropout))
        self.aux_head = _head(dim, num_classes, nn.Dropout(dropout))

    def forward(self, x: Tensor) -> SegmentationOutput:
        """Segment a batch of images.

        Shapes: float [B, in_chans, H, W] -> logits [B, N, H, W], in training also aux_logits.
        """
        height, width = x.shape[-2:]
        padded = pad_to_multiple(x, self.stride, self.backbone.least)
        size = padded.shape[-2:]
        *finer, coarsest = self.backbone(padded)
        y = self.block(self.project(coarsest))
        decoded = [y]
        for index, (level, fusion) in enumerate(zip(reversed(finer), self.fusions, strict=True)):
            y = fusion(y, level)
            if index < len(self.blocks):
                y = self.blocks[index](y)
                decoded.append(y)
        logits = cropped(resized(self.head(self.refinement(y)), size), height, width)
        if not self.training:
            return SegmentationOutput(logits)
        together = sum(resized(each, decoded[-1].shape[-2:]) for each in decoded)
        aux_logits = resized(self.aux_head(together), size)[..., :height, :width]
        return SegmentationOutput(logits, aux_logits)


def _head(dim: int, num_classes: int, dropout: nn.Module) -> nn.Sequential:
    return nn.Sequential(
        conv_bn(dim, dim, 3), nn.ReLU6(), dropout, nn.Conv2d(dim, num_classes, 1, bias=False)
    )
