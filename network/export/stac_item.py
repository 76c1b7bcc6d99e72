"""A network as an item of a STAC catalog: the Machine Learning Model extension (MLM) 1.5."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

from network.errors import ExportError
from network.export.graph import GraphOptions, value_type
from network.inference.segmenter import Segmenter

_EXTENSIONS = ("mlm/v1.5.0", "classification/v2.0.0", "file/v2.1.0")
STAC_VERSION = "1.1.0"
_SCHEMA = "https://schemas.stacspec.org/v{}/item-spec/json-schema/item.json"
_TASK = "semantic-segmentation"
_RGB = ("red", "green", "blue")


def stac_item(
    segmenter: Segmenter, model: Path, options: GraphOptions, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """The item of a file of torch.export, validated.

    Args:
        segmenter: the network.
        model: path of the file, beside which the item will stand.
        options: what its graph takes.
        facts: ``file:size`` and ``file:checksum``.

    Raises:
        ExportError: ``stac-model`` does not take it.
    """
    spec, identity = segmenter.spec, segmenter.identity
    numbers = spec.bands or range(1, spec.num_bands + 1)
    names = spec.band_names or (_RGB if not spec.bands else [f"band {n}" for n in numbers])
    side = options.size or -1
    values = "float16" if options.half else "float32"
    item = {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": [
            f"https://stac-extensions.github.io/{each}/schema.json" for each in _EXTENSIONS
        ],
        "id": f"{spec.name}-{model.stem}",
        "geometry": None,
        "properties": {
            "datetime": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "description": f"{identity.described()}, trained on {spec.name}",
            "mlm:name": f"{spec.name} {model.stem}",
            "mlm:architecture": identity.network.rpartition(".")[2],
            "mlm:tasks": [_TASK],
            "mlm:framework": "pytorch",
            "mlm:framework_version": torch.__version__,
            "mlm:total_parameters": sum(p.numel() for p in segmenter.net.parameters()),
            "mlm:pretrained": True,
            "mlm:pretrained_source": spec.name,
            "mlm:accelerator_constrained": False,
            "mlm:input": [
                {
                    "name": "image",
                    "bands": list(names),
                    "input": {
                        "shape": [-1, spec.num_bands, side, side],
                        "dim_order": ["batch", "bands", "height", "width"],
                        "data_type": str(value_type(segmenter, options)).removeprefix("torch."),
                    },
                    "value_scaling": None if options.raw else _scaling(segmenter),
                    "resize_type": None,
                    "pre_processing_function": None,
                }
            ],
            "mlm:output": [
                {
                    "name": "probabilities",
                    "tasks": [_TASK],
                    "bands": [],
                    "result": {
                        "shape": [-1, spec.num_classes, side, side],
                        "dim_order": ["batch", "class", "height", "width"],
                        "data_type": values,
                    },
                    "classification:classes": [
                        {
                            "value": index,
                            "name": name,
                            "color_hint": "{:02X}{:02X}{:02X}".format(*color),
                        }
                        for index, (name, color) in enumerate(
                            zip(spec.classes, spec.palette, strict=True)
                        )
                    ],
                    "post_processing_function": None,
                }
            ],
        },
        "links": [],
        "assets": {
            "model": {
                "href": f"./{model.name}",
                "title": "Program of torch.export",
                "type": "application/octet-stream; application=pytorch",
                "roles": ["mlm:model", "mlm:weights"],
                "mlm:artifact_type": "torch.export.save",
                "bands": [{"name": name} for name in names],
                **facts,
            }
        },
    }
    validate(item)
    return item


def _scaling(segmenter: Segmenter) -> list[dict[str, Any]]:
    """What makes normalised values of stored ones."""
    spec = segmenter.spec
    low, high = spec.value_range
    return [
        {"type": "z-score", "mean": mean * (high - low) + low, "stddev": std * (high - low)}
        for mean, std in zip(spec.mean, spec.std, strict=True)
    ]


def validate(item: dict[str, Any]) -> None:
    """Hold an item against STAC's own schema and the model of the extension, without a network.

    Raises:
        ExportError: it does not fit.
    """
    from jsonschema import Draft7Validator
    from pystac.validation.local_validator import get_local_schema_cache
    from referencing import Registry, Resource
    from stac_model.schema import MLModelProperties

    schemas = get_local_schema_cache()
    known = Registry().with_resources(
        (name, Resource.from_contents(schema)) for name, schema in schemas.items()
    )
    schema = Draft7Validator(schemas[_SCHEMA.format(STAC_VERSION)], registry=known)
    try:
        faults = [fault.message for fault in schema.iter_errors(item)]
        MLModelProperties.model_validate(item["properties"])
    except ValueError as error:
        faults = [" ".join(str(error).split())]
    if faults:
        raise ExportError(f"the STAC item is not valid: {faults[0]}")
