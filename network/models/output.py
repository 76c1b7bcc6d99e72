"""What a network must give, and the one place in which it is understood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from network.errors import ConfigError
from network.models.modes import evaluating


class SegmentationOutput(NamedTuple):
    """What every stage understands of a network's output; only ``logits`` must be there.

    Attributes:
        logits: [B, N, H, W], in the size of the image.
        aux_logits: [B, N, H, W] of an auxiliary head, in training.
        heatmaps: class heatmaps as logits, [B, N, h, w] each.
        class_embeddings: [B, N, C] each.
    """

    logits: Tensor
    aux_logits: Tensor | None = None
    heatmaps: Sequence[Tensor] = ()
    class_embeddings: Sequence[Tensor] = ()


def segment(net: nn.Module, image: Tensor, num_classes: int | None = None) -> SegmentationOutput:
    """Run any network.

    It may give a tensor, which is taken as logits, or any object with the attributes of
    ``SegmentationOutput``; those beside ``logits`` are empty where it lacks them.

    Args:
        net: the network.
        image: normalised, float [B, bands, H, W].
        num_classes: N; without it, as many as the logits have.

    Raises:
        ConfigError: it gives something else, or something of another size.
    """
    given = net(image)
    logits = given if isinstance(given, Tensor) else getattr(given, "logits", None)
    name = type(net).__name__
    if not isinstance(logits, Tensor):
        raise ConfigError(
            f"{name} gives {_said(given)}; a network must give logits [B, N, H, W]: a tensor, or "
            "an object whose attribute logits is one"
        )
    out = SegmentationOutput(
        logits,
        getattr(given, "aux_logits", None),
        _listed(given, "heatmaps"),
        _listed(given, "class_embeddings"),
    )
    batch, _, height, width = image.shape
    classes = num_classes or (logits.shape[1] if logits.ndim == 4 else "N")
    _check(name, "logits", out.logits, [batch, classes, height, width], image)
    if out.aux_logits is not None:
        _check(name, "aux_logits", out.aux_logits, [batch, classes, height, width], image)
    for heatmap in out.heatmaps:
        _check(name, "heatmaps", heatmap, [batch, classes, "h", "w"], image)
    for embeddings in out.class_embeddings:
        _check(name, "class_embeddings", embeddings, [batch, classes, "C"], image)
    return out


@torch.no_grad()
def gives_heatmaps(net: nn.Module, image: Tensor, num_classes: int) -> bool:
    """Whether a network gives class heatmaps, by running it; its parts keep their modes.

    Args:
        net, image, num_classes: as of ``segment``.

    Raises:
        ConfigError: as ``segment``.
    """
    with evaluating(net):
        return len(segment(net, image, num_classes).heatmaps) > 0


def _listed(given: Any, name: str) -> Sequence[Tensor]:
    layers = getattr(given, name, None)
    return () if layers is None else layers


def _check(name: str, part: str, found: Any, wanted: list[int | str], image: Tensor) -> None:
    """Refuse a part of an output whose shape is another; letters in ``wanted`` stand for any."""
    shape = list(found.shape) if isinstance(found, Tensor) else None
    if shape is not None and len(shape) == len(wanted):
        sides = zip(shape, wanted, strict=True)
        if all(isinstance(size, str) or side == size for side, size in sides):
            return
    came = _said(found) if shape is None else shape
    raise ConfigError(
        f"{name}: output.{part} are {came}; for images {list(image.shape)} of {wanted[1]} classes "
        f"they must be [{', '.join(map(str, wanted))}]"
    )


def _said(given: Any) -> str:
    """Something that is no output, in words."""
    if isinstance(given, Mapping):
        return f"a {type(given).__name__} with {', '.join(map(repr, given)) or 'nothing in it'}"
    if isinstance(given, Sequence) and not isinstance(given, str):
        return f"a {type(given).__name__} of {len(given)}"
    return f"a {type(given).__name__}"
