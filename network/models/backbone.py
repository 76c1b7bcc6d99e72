"""The encoder: levels of a timm network, fused to one map at stride 4."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from network.errors import ConfigError, first_line
from network.models.modes import evaluating
from network.models.open_sizes import parts_over
from network.models.padding import resized
from network.models.simple_pyramid import FACTORS, SimplePyramid
from network.models.timm_features import create_features, recompute_activations


class Backbone(nn.Module):
    """Any timm network that keeps a spatial map, as levels from fine to coarse.

    A pyramid gives its last map at each stride from 4 up, the coarsest four of them. A network of
    one stride, as a plain vision transformer, gives four of its blocks, made a pyramid
    (``SimplePyramid``). What the network asks of the size of its image is found by trying it:
    multiples of its coarsest stride from some least size up, or one fixed size. In the latter case
    it sees the image in tiles of that size, whose maps are put together. A map of another size than
    its stride says is interpolated.

    Args:
        name: timm model name.
        pretrained: ``False``; ``True`` for the weights on timm's hub; or the path of a local file
            (.pth, .pt, .bin, .safetensors) with weights of the same network.
        in_chans: bands of the input.
        options: further arguments of the timm network, as ``{"img_size": 256}``.
        checkpointing: compute activations again in the backward pass instead of keeping them.

    Attributes:
        channels, strides: of the levels.
        multiple: divisor of height and width of the images that it takes.
        least: smallest height and width.
        tile: side of the tiles of a network of fixed size, else None.

    Shapes: [B, in_chans, H, W], H and W divisible by ``multiple`` -> maps
    [B, channels[i], ceil(H / s_i), ceil(W / s_i)] for the strides s_i.

    Raises:
        ConfigError: unknown name, or a network without such maps.
        WeightsError: the weights cannot be fetched, read, or belong to another network.
    """

    def __init__(
        self,
        name: str,
        pretrained: bool | str | Path = False,
        in_chans: int = 3,
        options: Mapping[str, Any] | None = None,
        checkpointing: bool = False,
    ) -> None:
        super().__init__()
        self.net = create_features(name, pretrained, in_chans, options or {})
        self._channels_last = str(getattr(self.net, "output_fmt", "NCHW")).endswith("NHWC")
        strides = self.net.feature_info.reduction()
        if len(set(strides)) == 1 and hasattr(self.net, "out_indices"):
            blocks = len(self.net.model.feature_info)
            self.net.out_indices = _evenly(blocks)
            strides = strides[:1] * len(self.net.out_indices)
        is_plain = len(set(strides)) == 1
        self._levels = [*range(len(strides))][-4:] if is_plain else _coarsest(strides)
        taken = [strides[level] for level in self._levels]
        coarsest = max(taken)
        # Half of a patch of 14 is still divisible by the stride of 4 that all is brought to.
        self.multiple = math.lcm(4, coarsest)
        self.least, self.tile = self.multiple, None
        with evaluating(self.net):
            channels = self._find_sizes(name, in_chans)
        if self.tile is not None:
            self.multiple = self.least = self.tile
        self.pyramid = SimplePyramid(channels) if is_plain else None
        self.channels = self.pyramid.channels if is_plain else channels
        self.strides = [coarsest * factor for factor in FACTORS] if is_plain else taken
        if checkpointing:
            recompute_activations(self.net, name)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the maps, finest first."""
        height, width = x.shape[-2:]
        if self.tile is None:
            maps = self._maps(x)
        else:
            rows, cols = height // self.tile, width // self.tile
            maps = [_joined(m, rows, cols) for m in self._maps(_tiles(x, rows, cols))]
        if self.pyramid is not None:
            maps = self.pyramid(maps)
        return [
            resized(level, (parts_over(height, stride), parts_over(width, stride)))
            for level, stride in zip(maps, self.strides, strict=True)
        ]

    def _maps(self, x: Tensor) -> list[Tensor]:
        features = self.net(x)
        maps = [features[level] for level in self._levels]
        return [m.permute(0, 3, 1, 2) for m in maps] if self._channels_last else maps

    @torch.no_grad()
    def _find_sizes(self, name: str, in_chans: int) -> list[int]:
        """Set ``least`` or ``tile`` to what the network takes.

        Returns:
            channels of the levels taken.
        """
        fault = None
        side = self.multiple
        try:
            for least in (side, 2 * side, 4 * side):
                try:
                    self._maps(torch.zeros(1, in_chans, least, 2 * least))
                    maps = self._maps(torch.zeros(1, in_chans, 3 * least, 5 * least))
                except Exception as error:  # whatever a network says of a size it does not take
                    fault = error
                else:
                    self.least = least
                    return [m.shape[1] for m in maps]
            size = _own_size(self.net)
            maps = self._maps(torch.zeros(1, in_chans, size, size))
            self.tile = size
            return [m.shape[1] for m in maps]
        except Exception as error:  # the same
            raise ConfigError(
                f"backbone {name!r} takes neither images of any size ({first_line(fault)}) nor of "
                f"its own ({first_line(error)}); if it has an image size, say it by "
                'net.backbone_options={"img_size": 256}'
            ) from error


class PyramidFusion(nn.Module):
    """Project every level to C channels, upsample to stride 4, concatenate (coarsest first), mix.

    Two 1x1 convolutions in a row are one with the product of their weights, and a 1x1 convolution
    commutes with bilinear interpolation. So each level meets its composed weight at its own
    resolution, and the results are added: nothing of 4C channels is ever built.

    Shapes: maps [B, channels[i], h_i, w_i] of any sizes -> [B, C, h, w].
    """

    def __init__(self, channels: list[int], embed_dim: int) -> None:
        super().__init__()
        self.projections = nn.ModuleList(nn.Conv2d(c, embed_dim, 1) for c in channels)
        self.mix = nn.Conv2d(len(channels) * embed_dim, embed_dim, 1, bias=False)

    def forward(self, maps: list[Tensor], size: tuple[int, int]) -> Tensor:
        """Fuse the levels, finest first, to one map of height and width ``size``."""
        mixers = self.mix.weight.flatten(1).chunk(len(maps), dim=1)
        fused = None
        for level, projection, mixer in zip(maps, self.projections, reversed(mixers), strict=True):
            with torch.autocast(level.device.type, enabled=False):
                weight = mixer @ projection.weight.flatten(1)
                bias = mixer @ projection.bias
            level = F.conv2d(level, weight[:, :, None, None], bias)
            level = resized(level, size)
            fused = level if fused is None else fused + level
        return fused


class Encoder(nn.Module):
    """Backbone and fusion: image -> F_0 at stride 4.

    Shapes: [B, in_chans, H, W], H and W divisible by ``backbone.multiple`` -> [B, C, H/4, W/4].
    """

    def __init__(
        self,
        backbone: str,
        embed_dim: int,
        pretrained: bool | str | Path,
        in_chans: int,
        options: Mapping[str, Any] | None = None,
        checkpointing: bool = False,
    ) -> None:
        super().__init__()
        self.backbone = Backbone(backbone, pretrained, in_chans, options, checkpointing)
        self.fusion = PyramidFusion(self.backbone.channels, embed_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Encode an image."""
        return self.fuse(self.backbone(x), x.shape[-2:])

    def fuse(self, maps: list[Tensor], size: tuple[int, int]) -> Tensor:
        """F_0 of the levels of an image of that height and width."""
        return self.fusion(maps, (size[0] // 4, size[1] // 4))


def _coarsest(strides: list[int]) -> list[int]:
    """The last level at each stride from 4 up, of the coarsest four; else at any stride."""
    last = {stride: level for level, stride in enumerate(strides)}
    kept = sorted(stride for stride in last if stride >= 4) or sorted(last)
    return [last[stride] for stride in kept[-4:]]


def _evenly(blocks: int) -> list[int]:
    """Four of the blocks, a quarter of the network apart."""
    return sorted({max(0, round(blocks * quarter / 4) - 1) for quarter in (1, 2, 3, 4)})


def _tiles(x: Tensor, rows: int, cols: int) -> Tensor:
    """Cut [B, C, rows * h, cols * w] into [B * rows * cols, C, h, w]."""
    tiles = x.unflatten(3, (cols, -1)).unflatten(2, (rows, -1))
    return tiles.permute(0, 2, 4, 1, 3, 5).flatten(0, 2)


def _joined(x: Tensor, rows: int, cols: int) -> Tensor:
    """Put [B * rows * cols, C, h, w] together again."""
    tiles = x.unflatten(0, (-1, rows, cols))
    return tiles.permute(0, 3, 1, 4, 2, 5).flatten(4, 5).flatten(2, 3)


def _own_size(net: nn.Module) -> int:
    """Height and width that a network was built for."""
    inner = getattr(net, "model", net)
    for module in (inner, getattr(inner, "patch_embed", None)):
        size = getattr(module, "img_size", None)
        if size:
            return size if isinstance(size, int) else size[0]
    config = getattr(net, "pretrained_cfg", None) or getattr(inner, "pretrained_cfg", {})
    return config.get("fixed_size") or config["input_size"][-1]
