"""What is exported of a network: class probabilities of an image, as a graph."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from network.datasets.bands import Bands
from network.errors import ExportError, first_line
from network.export.antialiasing import DECOMPOSITIONS
from network.inference.checkpoint_files import IMAGE_TYPE
from network.inference.segmenter import Segmenter
from network.models.geometry import min_size_of, stride_of
from network.models.output import segment

RAW_TYPES = ("uint8", "uint16", "int16", "float32")
_WINDOWED = "window_size"


@dataclass(frozen=True)
class GraphOptions:
    """What a graph takes.

    Attributes:
        size: side of the only images that it takes; None for images of any size.
        raw: stored values of the dataset instead of normalised ones.
        half: weights, normalised images and probabilities in 16 bits; of ONNX files only.
    """

    size: int | None = None
    raw: bool = False
    half: bool = False


class Probabilities(nn.Module):
    """Softmax probabilities of a network.

    Shapes: image [B, bands, H, W] -> [B, N, H, W].

    Args:
        net: any network.
        num_classes: N.
        raw: bands of images that come as they are stored; None for normalised ones.
    """

    def __init__(self, net: nn.Module, num_classes: int, raw: Bands | None = None) -> None:
        super().__init__()
        self.net = net
        self.num_classes = num_classes
        self.raw = raw is not None
        if raw is not None:
            low, high = raw.value_range
            for name, values in (
                ("mean", torch.tensor(raw.mean) * (high - low) + low),
                ("std", torch.tensor(raw.std) * (high - low)),
            ):
                self.register_buffer(name, values.view(-1, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """Predict."""
        if self.raw:
            image = (image.float() - self.mean) / self.std
        return segment(self.net, image, self.num_classes).logits.softmax(dim=1)


def trace(segmenter: Segmenter, options: GraphOptions) -> ExportedProgram:
    """The graph of a network, with any number of images at a time.

    Raises:
        ExportError: the network's code cannot be made a graph, or not one for any size.
    """
    size = options.size
    check_size(segmenter, size)
    net = copy.deepcopy(segmenter.net).cpu().eval().requires_grad_(False)
    spec = segmenter.spec
    graph = Probabilities(net, spec.num_classes, spec if options.raw else None).eval()
    dtype = value_type(segmenter, replace(options, half=False))
    least = max(min_size_of(net), stride_of(net))
    # Of no multiple, so that nothing holds for the image of the export by chance.
    height, width = (size, size) if size else (10 * least + 13, 8 * least + 21)
    example = torch.zeros(2, spec.num_bands, height, width).to(dtype)
    sides = {} if size else {2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
    try:
        with torch.no_grad():
            program = torch.export.export(
                graph, (example,), dynamic_shapes=({0: Dim.DYNAMIC, **sides},), strict=False
            )
            return program.run_decompositions(DECOMPOSITIONS)
    except Exception as error:  # whatever a network's code raises there
        advice = "" if size else "; --size SIDE asks for images of one size only"
        raise ExportError(
            f"{type(net).__name__} cannot be exported: {first_line(error)}{advice}"
        ) from error


def value_type(segmenter: Segmenter, options: GraphOptions) -> torch.dtype:
    """Type of the images that a graph takes.

    Raises:
        ExportError: raw values of a type that no graph takes.
    """
    if not options.raw:
        return torch.float16 if options.half else torch.float32
    stored = segmenter.stored.get(IMAGE_TYPE, "uint8")
    if stored not in RAW_TYPES:
        raise ExportError(f"--raw: images of {stored} cannot be the input of a graph; leave it out")
    return getattr(torch, stored)


def check_size(segmenter: Segmenter, size: int | None) -> None:
    """Refuse sizes that the graph of a network cannot have.

    Raises:
        ExportError: saying which it can have.
    """
    net = segmenter.net
    if size is None:
        for part in net.modules():
            if hasattr(part, _WINDOWED) and "timm" in type(part).__module__:
                raise ExportError(
                    f"a graph of {type(part).__name__}, which attends in windows, is for images of "
                    "one size: name its side by --size, as 512"
                )
    elif size < min_size_of(net):
        raise ExportError(f"--size {size}: at least {min_size_of(net)} pixels")
