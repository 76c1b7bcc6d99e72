"""On what it depends how files of a dataset are decoded, as a short text for copies of them."""

from __future__ import annotations

import hashlib
import inspect
import json
import warnings
from typing import Any

import numpy as np

from network.datasets.bands import Bands
from network.datasets.layout import DatasetLayout

_VERSION = 1
"""To be raised when ``network.datasets.reading`` or ``labels`` gives other arrays of a file."""

_METHODS = ("read_mask", "decode_mask", "is_colored", "encode_indices", "class_values")
_VALUES = np.arange(-(2**15), 2**16, dtype=np.int32)[None]
_NUMBERS = np.array([[-1.5, -1.0, 0.0, 0.5, 1.0, 255.0, 1e9, np.nan, np.inf]])


def image_decoding(bands: Bands) -> str:
    """Of images: which bands, and what stands where there is no data."""
    return _short(_image(bands))


def mask_decoding(layout: DatasetLayout) -> str:
    """Of masks: what colors and values mean, and where images hold no data.

    Methods of a layout of one's own count by their code, and by what they make of all values of
    16 bits.
    """
    spec = layout.spec
    kinds = [getattr(type(layout), name) for name in _METHODS]
    return _short(
        [
            _image(spec),
            [spec.num_classes, spec.ignore_index, spec.palette, spec.ignore_colors],
            [layout.masks, [repr(value) for value in layout.ignore_values], layout.first_label],
            sorted(layout.class_values().items()),
            [_probe(layout, values) for values in (_VALUES, _NUMBERS)],
            [_code(method) for method in kinds],
        ]
    )


def _image(bands: Bands) -> list[Any]:
    selection = bands.selection
    return [selection.bands, selection.scale, selection.alpha, bands.fill]


def _probe(layout: DatasetLayout, values: np.ndarray) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return hashlib.sha256(layout.encode_indices(values).tobytes()).hexdigest()
    except Exception as error:  # a layout of one's own that takes bytes alone
        return type(error).__name__


def _code(method: Any) -> str:
    """A method by its name and, of a layout of one's own, by its code."""
    name = f"{method.__module__}.{method.__qualname__}"
    if method.__module__.startswith("network."):
        return name
    try:
        return name + inspect.getsource(method)
    except (OSError, TypeError):
        return name


def _short(content: Any) -> str:
    text = json.dumps([_VERSION, content])
    return hashlib.sha256(text.encode()).hexdigest()[:12]
