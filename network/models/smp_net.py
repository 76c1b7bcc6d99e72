"""The architectures of segmentation_models_pytorch on any timm backbone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from network.errors import ConfigError, first_line
from network.models.backbone import Backbone
from network.models.modes import evaluating
from network.models.output import SegmentationOutput
from network.models.padding import cropped, pad_to_multiple, resized
from network.models.timm_features import recompute_activations

_ENCODER = "levels-of-a-backbone"
_MULTIPLE = 32


class SmpNet(nn.Module):
    """A decoder of segmentation_models_pytorch behind any timm backbone.

    A network with a map at stride 2, as most convolutional ones, is an encoder of that package as
    it has it (``tu-NAME``); any other gives the levels of ``Backbone``. Where an architecture wants
    an encoder dilated, coarser levels of such a one are enlarged instead. ``dpt`` has blocks of a
    plain vision transformer as they are.

    Args:
        architecture: ``unet``, ``unetplusplus``, ``manet``, ``linknet``, ``fpn``, ``pspnet``,
            ``pan``, ``deeplabv3``, ``deeplabv3plus``, ``upernet``, ``segformer`` or ``dpt``.
        backbone: name of a timm network.
        num_classes: N.
        pretrained: backbone weights: False, True (timm's hub), or the path of a local file.
        in_chans: bands of the input image.
        backbone_options: further arguments of the backbone, as ``{"img_size": 256}``.
        checkpointing: compute the backbone's activations again in the backward pass.
        **options: further arguments of the architecture, as ``decoder_dropout=0.1``.

    Raises:
        ConfigError: the package is not installed, has no such architecture, or cannot combine it
            with the backbone.
        WeightsError: pretrained weights that cannot be had.
    """

    def __init__(
        self,
        architecture: str = "fpn",
        backbone: str = "resnet18",
        num_classes: int = 6,
        pretrained: bool | str | Path = False,
        in_chans: int = 3,
        backbone_options: Mapping[str, Any] | None = None,
        checkpointing: bool = False,
        **options: Any,
    ) -> None:
        super().__init__()
        smp = _package()
        known = smp.MODEL_ARCHITECTURES_MAPPING
        if architecture.lower() not in known:
            raise ConfigError(
                f"SmpNet: no architecture {architecture!r}; there are {', '.join(known)}"
            )
        own = Backbone(backbone, pretrained, in_chans, backbone_options, checkpointing)
        self.num_classes = num_classes
        self.stride = math.lcm(own.multiple, _MULTIPLE)
        build = known[architecture.lower()]
        shared = {"in_channels": in_chans, "classes": num_classes, "encoder_weights": None}
        try:
            if architecture.lower() == "dpt":
                self.model = build(
                    f"tu-{backbone}", **shared, **(backbone_options or {}), **options
                )
                self.model.encoder.model = _plain_transformer(own)
            elif 2 in own.net.feature_info.reduction() and own.tile is None:
                self.model = build(f"tu-{backbone}", **shared, **options)
                _copy(own.net, self.model.encoder.model)
                if checkpointing:
                    recompute_activations(self.model.encoder.model, backbone)
            else:
                smp.encoders.encoders[_ENCODER] = {
                    "encoder": lambda **given: _Levels(own, in_chans, **given),
                    "params": {},
                    "pretrained_settings": {},
                }
                self.model = build(_ENCODER, **shared, **options)
        except (ValueError, TypeError, KeyError, RuntimeError, AttributeError) as error:
            reason = first_line(error)
            raise ConfigError(
                f"SmpNet: {architecture} cannot be built on {backbone}: {reason}"
            ) from error
        finally:
            smp.encoders.encoders.pop(_ENCODER, None)
        with evaluating(self.model):
            self.least = self._find_least(architecture, in_chans)

    @property
    def backbone(self) -> nn.Module:
        """What pretrained weights are for."""
        encoder = self.model.encoder
        return encoder.backbone if isinstance(encoder, _Levels) else encoder.model

    def forward(self, x: Tensor) -> SegmentationOutput:
        """Segment a batch of images.

        Shapes: float [B, in_chans, H, W] -> logits [B, N, H, W].
        """
        height, width = x.shape[-2:]
        logits = self.model(pad_to_multiple(x, self.stride, self.least))
        return SegmentationOutput(cropped(logits, height, width))

    @torch.no_grad()
    def _find_least(self, architecture: str, in_chans: int) -> int:
        """The smallest image that the architecture takes."""
        for factor in (1, 2, 4, 8):
            side = factor * self.stride
            try:
                self.model(torch.zeros(1, in_chans, side, side))
            except (RuntimeError, ValueError, AssertionError) as error:
                fault = error
            else:
                return side
        raise ConfigError(f"SmpNet: {architecture} takes no image: {fault}") from fault


class _Levels(nn.Module):
    """The levels of a ``Backbone`` as an encoder: image, nothing at stride 2, then the levels."""

    def __init__(self, backbone: Backbone, in_chans: int, depth: int, output_stride: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.depth = depth
        self.output_stride = output_stride
        self.out_channels = [in_chans, 0, *backbone.channels][: depth + 1]

    def set_in_channels(self, in_channels: int, pretrained: bool = False) -> None:
        """Nothing: the backbone was built for them."""

    def make_dilated(self, output_stride: int) -> None:
        """Nothing: coarser levels are enlarged to ``output_stride``."""

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the features, finest first."""
        batch, _, height, width = x.shape
        nothing = x.new_empty(batch, 0, height // 2, width // 2)
        finest = height // self.output_stride, width // self.output_stride
        levels = [
            resized(level, (max(level.shape[-2], finest[0]), max(level.shape[-1], finest[1])))
            for level in self.backbone(x)
        ]
        return [x, nothing, *levels][: self.depth + 1]


def _plain_transformer(backbone: Backbone) -> nn.Module:
    """The timm network inside.

    Raises:
        ValueError: it is none.
    """
    if backbone.pyramid is None or backbone.tile or not hasattr(backbone.net, "model"):
        raise ValueError("it takes plain vision transformers of any image size only")
    return backbone.net.model


def _copy(source: nn.Module, target: nn.Module) -> None:
    """Give a timm network, which may end before the other one, the weights of that one.

    Raises:
        KeyError: weights that the other one lacks.
    """
    weights = {name.removeprefix("model."): value for name, value in source.state_dict().items()}
    target.load_state_dict({name: weights[name] for name in target.state_dict()})


def _package() -> Any:
    try:
        import segmentation_models_pytorch as smp
    except ModuleNotFoundError as error:
        raise ConfigError(
            "SmpNet needs a package that is not installed: pip install segmentation-models-pytorch"
        ) from error
    return smp
