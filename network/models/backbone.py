"""The encoder: a timm feature pyramid fused to one map at stride 4."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from network.errors import ConfigError, UserError, WeightsError
from network.models.geometry import STRIDES

MAX_FOREIGN_SHARE = 0.1


class Backbone(nn.Module):
    """Any timm network with a feature pyramid, reduced to its levels at strides 4, 8, 16 and 32.

    Args:
        name: timm model name.
        pretrained: ``False``; ``True`` for the weights on timm's hub; or the path of a local file
            (.pth, .pt, .bin, .safetensors) with weights of the same network.
        in_chans: bands of the input.

    Shapes: [B, in_chans, H, W], H and W divisible by 32 -> four maps [B, channels[i], H/s, W/s]
    for the strides s in ``STRIDES``.

    Raises:
        ConfigError: unknown name, or a network without the four strides.
        WeightsError: the weights cannot be fetched, read, or belong to another network.
    """

    def __init__(self, name: str, pretrained: bool | str | Path = False, in_chans: int = 3) -> None:
        super().__init__()
        self.net = _create_pyramid(name, pretrained, in_chans)
        strides = self.net.feature_info.reduction()
        missing = [stride for stride in STRIDES if stride not in strides]
        if missing:
            raise ConfigError(
                f"backbone {name!r} has features at strides {strides}, but BiCoR needs "
                f"{list(STRIDES)}; choose a pyramid such as convnext_tiny, resnet50, "
                f"efficientnet_b3 or swin_tiny_patch4_window7_224"
            )
        last = {stride: index for index, stride in enumerate(strides)}
        self._levels = [last[stride] for stride in STRIDES]
        channels = self.net.feature_info.channels()
        self.channels = [channels[level] for level in self._levels]
        self._channels_last = str(getattr(self.net, "output_fmt", "NCHW")).endswith("NHWC")

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the four maps, finest first."""
        features = self.net(x)
        maps = [features[level] for level in self._levels]
        return [m.permute(0, 3, 1, 2) for m in maps] if self._channels_last else maps


class PyramidFusion(nn.Module):
    """Project every level to C channels, upsample to stride 4, concatenate (coarsest first), mix.

    Two 1x1 convolutions in a row are one with the product of their weights, and a 1x1 convolution
    commutes with bilinear interpolation. So each level meets its composed weight at its own
    resolution, and the results are added: nothing of 4C channels is ever built.

    Shapes: maps [B, channels[i], h/2^i, w/2^i] -> [B, C, h, w].
    """

    def __init__(self, channels: list[int], embed_dim: int) -> None:
        super().__init__()
        self.projections = nn.ModuleList(nn.Conv2d(c, embed_dim, 1) for c in channels)
        self.mix = nn.Conv2d(len(channels) * embed_dim, embed_dim, 1, bias=False)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Fuse the levels, finest first, to one map at the resolution of the finest."""
        mixers = self.mix.weight.flatten(1).chunk(len(maps), dim=1)
        size = maps[0].shape[-2:]
        fused = None
        for level, projection, mixer in zip(maps, self.projections, reversed(mixers), strict=True):
            with torch.autocast(level.device.type, enabled=False):
                weight = mixer @ projection.weight.flatten(1)
                bias = mixer @ projection.bias
            level = F.conv2d(level, weight[:, :, None, None], bias)
            if fused is not None:
                level = F.interpolate(level, size=size, mode="bilinear", align_corners=False)
            fused = level if fused is None else fused + level
        return fused


class Encoder(nn.Module):
    """Backbone and fusion: image -> F_0 at stride 4.

    Shapes: [B, in_chans, H, W], H and W divisible by 32 -> [B, C, H/4, W/4].
    """

    def __init__(
        self, backbone: str, embed_dim: int, pretrained: bool | str | Path, in_chans: int
    ) -> None:
        super().__init__()
        self.backbone = Backbone(backbone, pretrained, in_chans)
        self.fusion = PyramidFusion(self.backbone.channels, embed_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Encode an image."""
        return self.fusion(self.backbone(x))


def _create_pyramid(name: str, pretrained: bool | str | Path, in_chans: int) -> nn.Module:
    if not timm.is_model(name):
        near = timm.list_models(f"*{name.split('_')[0]}*")[:5]
        hint = f"; near names: {', '.join(near)}" if near else ""
        raise ConfigError(
            f"timm has no backbone {name!r}{hint} (all of them: timm.list_models()). "
            "A weights tag such as '.fb_in22k' follows the name after a dot"
        )
    options = {"features_only": True, "in_chans": in_chans, "pretrained": bool(pretrained)}
    if not isinstance(pretrained, bool):
        path = Path(pretrained)
        if not path.is_file():
            raise WeightsError(f"no file with pretrained weights at {path}")
        options["pretrained_cfg_overlay"] = {"file": str(path), "custom_load": False}
    try:
        if not isinstance(pretrained, bool):
            # First of all, for timm itself reads a file so only since a later version than 1.0.15.
            stored = timm.models.load_state_dict(str(path), weights_only=True)
            _check_weights(name, options, stored)
        try:
            # Networks with a fixed image size (swin) take any size with this; others lack it.
            return timm.create_model(name, strict_img_size=False, **options)
        except TypeError:
            return timm.create_model(name, **options)
    except Exception as error:  # timm, torch and the hub raise whatever they like here
        raise _explained(error, name, pretrained) from error


def _check_weights(name: str, options: dict[str, Any], stored: dict[str, Tensor]) -> None:
    """Refuse weights of another network, of which timm would load whatever happens to fit.

    Raises:
        ValueError: more than a tenth of the network is not in the file, or the other way round.
    """
    whole = timm.create_model(name, num_classes=0, **options | {"features_only": False})
    classifier = whole.pretrained_cfg.get("classifier") or ()
    names = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    body = [v for k, v in stored.items() if not k.startswith(names)] if names else stored.values()
    for tensors, others in (
        (whole.state_dict().values(), body),
        (body, whole.state_dict().values()),
    ):
        known = {_fingerprint(tensor) for tensor in others}
        strange = sum(t.numel() for t in tensors if _fingerprint(t) not in known)
        share = strange / max(1, sum(t.numel() for t in tensors))
        if share > MAX_FOREIGN_SHARE:
            raise ValueError(f"{share:.0%} of the values differ between the two")


def _fingerprint(tensor: Tensor) -> tuple[int, float]:
    return tensor.numel(), tensor.double().sum().item()


def _explained(error: Exception, name: str, pretrained: bool | str | Path) -> UserError:
    reason = (str(error) or type(error).__name__).splitlines()[0]
    if pretrained is True:
        return WeightsError(
            f"the pretrained weights of {name!r} could not be fetched from timm's hub ({reason}). "
            "Two other ways: net.pretrained=PATH takes a file with these weights that you "
            "downloaded elsewhere; net.pretrained=False starts from random weights"
        )
    if pretrained:
        if isinstance(error, UnpicklingError) or isinstance(error.__cause__, UnpicklingError):
            reason = "damaged, or more than tensors and plain values: code in it is never run"
        return WeightsError(f"{pretrained} does not hold the weights of {name!r} ({reason})")
    return ConfigError(f"timm cannot build a feature pyramid of {name!r}: {reason}")
