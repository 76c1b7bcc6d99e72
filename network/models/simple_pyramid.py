"""A pyramid of maps that all have one stride.

After Li et al., Exploring plain vision transformer backbones for object detection (ViTDet), ECCV
2022, which makes all levels of the last block; here each level is made of a block of its own.
"""

from __future__ import annotations

from timm.layers import LayerNorm2d
from torch import Tensor, nn

FACTORS = (0.25, 0.5, 1, 2)
"""Strides of the levels, in strides of the maps."""


class SimplePyramid(nn.Module):
    """Four maps of stride p to levels of the strides p/4, p/2, p and 2p.

    The first two are enlarged by transposed convolutions, the last one is pooled.

    Shapes: four maps [B, c_i, h, w] -> [B, c_0/4, 4h, 4w], [B, c_1/2, 2h, 2w], [B, c_2, h, w],
    [B, c_3, ceil(h/2), ceil(w/2)].

    Args:
        channels: c_i of the maps, the earliest first; of fewer than four the last comes again.
    """

    def __init__(self, channels: list[int]) -> None:
        super().__init__()
        channels = [*channels, *channels[-1:] * (4 - len(channels))]
        first, second, third, fourth = channels
        self.channels = [max(1, first // 4), max(1, second // 2), third, fourth]
        self.levels = nn.ModuleList(
            [
                nn.Sequential(
                    nn.ConvTranspose2d(first, max(1, first // 2), 2, stride=2),
                    LayerNorm2d(max(1, first // 2)),
                    nn.GELU(),
                    nn.ConvTranspose2d(max(1, first // 2), self.channels[0], 2, stride=2),
                ),
                nn.ConvTranspose2d(second, self.channels[1], 2, stride=2),
                nn.Identity(),
                nn.MaxPool2d(2, ceil_mode=True),
            ]
        )

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Make the levels, finest first."""
        maps = [*maps, *maps[-1:] * (4 - len(maps))]
        return [level(each) for level, each in zip(self.levels, maps, strict=True)]
