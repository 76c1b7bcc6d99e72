"""The files of a model folder, and what they hold without the values of the weights."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

from network.errors import CheckpointError, first_line
from network.files.tensor_archive import TensorOutline

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
CARD = "README.md"
_LONGEST = 1 << 27
"""Bytes of a header; safetensors itself takes a hundred million."""
_TYPES = {
    "F64": ("float64", 8), "F32": ("float32", 4), "F16": ("float16", 2), "BF16": ("bfloat16", 2),
    "I64": ("int64", 8), "I32": ("int32", 4), "I16": ("int16", 2), "I8": ("int8", 1),
    "U8": ("uint8", 1), "BOOL": ("bool", 1),
}  # fmt: skip
_CHECKPOINTS = (".ckpt", ".pt", ".pth", ".safetensors")


def is_checkpoint(path: str | Path) -> bool:
    """Whether a path is that of a checkpoint by its name, or of a model folder."""
    return Path(path).suffix.lower() in _CHECKPOINTS or os.path.isfile(os.path.join(path, WEIGHTS))


def read_config(folder: Path) -> dict[str, Any]:
    """What ``CONFIG`` says.

    Raises:
        CheckpointError: a file is missing, or this one is damaged.
    """
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise CheckpointError(f"{folder} is no model folder: it has no {name}")
    try:
        found = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{folder / CONFIG} cannot be read: {first_line(error)}") from error
    if not isinstance(found, dict) or not isinstance(found.get("identity"), dict):
        raise CheckpointError(f"{folder / CONFIG} does not say what network it is of")
    return found


def outline_of_weights(path: Path) -> dict[str, TensorOutline]:
    """The tensors of a safetensors file, by its header.

    Raises:
        CheckpointError: it is damaged.
    """
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _LONGEST:
                raise ValueError("its header is too long")
            entries = json.loads(file.read(length))
            held = path.stat().st_size - 8 - length
        entries.pop("__metadata__", None)
        tensors = {}
        for name, entry in entries.items():
            dtype, item = _TYPES[entry["dtype"]]
            tensors[name] = TensorOutline(tuple(entry["shape"]), dtype, name, item)
            if entry["data_offsets"][1] > held:
                raise ValueError(f"{name} reaches beyond its end")
        return tensors
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise CheckpointError(f"{path} is damaged: {first_line(error)}") from error
