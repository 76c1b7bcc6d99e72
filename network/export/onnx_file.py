"""A trained network as an ONNX file."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from network.datasets.spec_record import record_of
from network.export.checking import check_export
from network.export.deepness import deepness_metadata
from network.export.graph import GraphOptions, trace, value_type
from network.export.packages import needed
from network.files.writing import replacing
from network.inference.checkpoint_files import IMAGE_TYPE
from network.inference.onnx_network import FORMAT, IMAGE, METADATA, PROBABILITIES, OnnxNetwork
from network.inference.segmenter import Segmenter
from network.models.geometry import min_size_of


def write_onnx(
    segmenter: Segmenter,
    target: Path,
    options: GraphOptions,
    resolution: float | None = None,
) -> float:
    """Write a network as an ONNX file of opset 17, whole or not at all.

    Its input is ``image`` [B, bands, H, W], its output ``probabilities`` [B, N, H, W]. What it is
    stands in its metadata: for ``network.inference.onnx_network``, and for Deepness where a
    resolution is given.

    Args:
        segmenter: the network.
        target: path of the file.
        options: what the graph takes.
        resolution: of the images, centimeters per pixel.

    Returns:
        the largest difference of a probability on test images, by onnxruntime.

    Raises:
        ExportError: the network cannot be exported so, or what was exported differs.
        OutputError: the file cannot be written.
    """
    needed("onnx", "onnxscript", "onnxruntime")
    from network.export.opset import halved, lowered

    metadata = {METADATA: json.dumps(_record(segmenter, options))}
    if resolution is not None:
        metadata |= deepness_metadata(segmenter.spec, options, resolution)
    program = trace(segmenter, options)
    with _quiet():
        exported = torch.onnx.export(
            program, input_names=[IMAGE], output_names=[PROBABILITIES], opset_version=18
        )
    model = lowered(exported.model_proto)
    if options.half:
        model = halved(model)
    model.producer_name = "bicor-seg"
    for name, value in metadata.items():
        model.metadata_props.add(key=name, value=value)
    with replacing(target) as temporary:
        temporary.write_bytes(model.SerializeToString())
        network = OnnxNetwork.open(temporary)

        def run(image: Tensor) -> Tensor:
            return torch.from_numpy(network.run(image.numpy()))

        return check_export(segmenter, options, run)


def _record(segmenter: Segmenter, options: GraphOptions) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "dataset": record_of(segmenter.spec),
        "d4": bool(segmenter.identity.d4),
        "net": segmenter.identity.described(),
        "identity": segmenter.identity.record(),
        "checkpoint": segmenter.record()["checkpoint"],
        "image_type": segmenter.stored.get(IMAGE_TYPE),
        "input_type": str(value_type(segmenter, options)).removeprefix("torch."),
        "size": options.size,
        "raw": options.raw,
        "half": options.half,
        "min_size": min_size_of(segmenter.net),
        "stride": segmenter.stride,
        "protocol": segmenter.stored.get("protocol"),
        "epoch": segmenter.stored.get("epoch"),
    }


@contextlib.contextmanager
def _quiet() -> Any:
    """Without what the exporter says of its steps."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
