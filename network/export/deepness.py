"""What Deepness, a plugin of QGIS, wants to know of an ONNX file: values are JSON text."""

from __future__ import annotations

import json
from typing import Any

from network.datasets.catalog import DatasetSpec
from network.errors import ExportError
from network.export.graph import GraphOptions

OVERLAP = 25
"""Percent of a tile."""


def deepness_metadata(
    spec: DatasetSpec, options: GraphOptions, resolution: float
) -> dict[str, str]:
    """Metadata of a segmentation network.

    The plugin feeds values over 255, less ``standardization_mean``, over ``standardization_std``,
    in tiles of one size.

    Args:
        spec: of the dataset.
        options: of the graph.
        resolution: of the images, centimeters per pixel.

    Raises:
        ExportError: a network that the plugin cannot feed.
    """
    if not resolution > 0:
        raise ExportError(f"--resolution {resolution:g}: centimeters per pixel, above 0")
    if options.size is None:
        raise ExportError("--resolution is for Deepness, which feeds tiles of one size: add --size")
    if options.raw or options.half:
        raise ExportError(
            "--resolution is for Deepness, which feeds normalised values in 32 bits: leave out "
            f"{'--raw' if options.raw else '--half'}"
        )
    if spec.value_range != (0.0, 255.0):
        raise ExportError(
            "--resolution is for Deepness, which feeds values from 0 to 255, and the network was "
            f"trained on values with scale={list(spec.value_range)}"
        )
    values: dict[str, Any] = {
        "model_type": "Segmentor",
        "class_names": {str(index): name for index, name in enumerate(spec.classes)},
        "resolution": resolution,
        # Its documents say the one, its code reads the other.
        "tiles_size": options.size,
        "tile_size": options.size,
        "tiles_overlap": OVERLAP,
        "standardization_mean": list(spec.mean),
        "standardization_std": list(spec.std),
        "seg_thresh": 0.0,  # smaller probabilities would count as none
        "seg_small_segment": 0,
    }
    return {name: json.dumps(value) for name, value in values.items()}
