"""Masks as class indices: stored values to indices, and those that the dataset does not list."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from network.datasets.catalog import DatasetSpec
from network.datasets.colors import UNKNOWN, encode_colors
from network.errors import DataError
from network.files.images import Labels, read_colors, read_labels

MAX_UNKNOWN_SHARE = 0.01

Encode = Callable[[np.ndarray], np.ndarray]
"""Stored values to class indices uint8 [H, W], ``UNKNOWN`` where they are not listed."""


class Held(NamedTuple):
    """What occurs in masks.

    Attributes:
        indices: of the classes.
        unlisted: stored values (or colors) that the dataset does not list.
    """

    indices: frozenset[int] = frozenset()
    unlisted: frozenset = frozenset()

    @classmethod
    def by(cls, mask: np.ndarray, unlisted: np.ndarray, num_classes: int) -> Held:
        """What occurs in a mask.

        Args:
            mask: class indices uint8 [H, W].
            unlisted: values [K] or colors [K, 3] of its pixels that were ``UNKNOWN``.
            num_classes: N.
        """
        counts = cv2.calcHist([mask], [0], None, [256], [0, 256]).ravel()
        values = np.unique(unlisted, axis=0).tolist() if len(unlisted) else []
        return cls(
            frozenset(np.flatnonzero(counts[:num_classes]).tolist()),
            frozenset(tuple(value) if isinstance(value, list) else value for value in values),
        )

    @classmethod
    def together(cls, masks: Iterable[Held]) -> Held:
        """What occurs in any of several masks."""
        found = [*masks]
        return cls(
            frozenset().union(*(held.indices for held in found)),
            frozenset().union(*(held.unlisted for held in found)),
        )


def decode_colored(path: Path, spec: DatasetSpec) -> tuple[np.ndarray, np.ndarray]:
    """Read a mask in the colors of the palette.

    Returns:
        class indices uint8 [H, W] with ``UNKNOWN`` where a color is not listed; RGB [H, W, 3].

    Raises:
        DataError: unreadable, or it declares the color of a class to be no data.
    """
    return _decode(path, read_colors(path), spec, lambda raw: encode_colors(raw, spec))


def decode_indices(path: Path, spec: DatasetSpec, encode: Encode) -> tuple[np.ndarray, np.ndarray]:
    """Read a mask of class indices.

    Returns:
        class indices uint8 [H, W] with ``UNKNOWN`` where a value is not listed; values [H, W].

    Raises:
        DataError: unreadable, or it declares the value of a class to be no data.
    """
    return _decode(path, read_labels(path), spec, encode)


def encode_values(
    raw: np.ndarray,
    index_of: Mapping[int, int],
    ignore_values: Sequence[float],
    ignore_index: int,
) -> np.ndarray:
    """Turn stored values into class indices.

    Shapes: raw of any real type [H, W] -> uint8 [H, W]: the class's index for the values in
    ``index_of``, ``ignore_index`` for ``ignore_values``, ``UNKNOWN`` for all others, such as those
    that are no whole numbers.
    """
    if raw.dtype != np.uint8:
        return _encode_values(raw, index_of, ignore_values, ignore_index)
    values = np.arange(256, dtype=np.uint8)
    table = _encode_values(values, index_of, ignore_values, ignore_index)
    most = int(raw.max()) + 1
    return raw if (table[:most] == values[:most]).all() else cv2.LUT(raw, table)


def ignore_unknown(path: Path, mask: np.ndarray, raw: np.ndarray, ignore_index: int) -> float:
    """Set the pixels of a mask that are ``UNKNOWN`` to ignore, in place.

    Args:
        path: of the mask.
        mask: class indices uint8 [H, W].
        raw: what was read: RGB [H, W, 3], or values [H, W].
        ignore_index: value of ignored pixels.

    Returns:
        share of the pixels that were unknown.

    Raises:
        DataError: more than 1% were; their commonest values are named.
    """
    if mask.max() < UNKNOWN:
        return 0.0
    unknown = mask == UNKNOWN
    share = float(unknown.mean())
    if share > MAX_UNKNOWN_SHARE:
        raise _unknown_fault(path, raw[unknown], share)
    mask[unknown] = ignore_index
    return share


def _decode(
    path: Path, labels: Labels, spec: DatasetSpec, encode: Encode
) -> tuple[np.ndarray, np.ndarray]:
    mask = encode(labels.values)
    nodata = _storable(labels.nodata, labels.values.dtype)
    if nodata is None:
        return mask, labels.values
    index = encode(np.full((1, 1, *labels.values.shape[2:]), nodata))[0, 0]
    if index < spec.num_classes:
        raise DataError(
            f"{path} declares {nodata:g} to be no data (its nodata tag), but {nodata:g} is the "
            f"class {spec.classes[index]!r} of the dataset. If these pixels are of that class, "
            "take the tag out (rio edit-info --unset-nodata FILE); if they have no label, store "
            "them as a value that is no class (or, where masks count from 1, set first_label=1)"
        )
    declared = _equal(labels.values, nodata)
    declared = declared.all(axis=-1) if declared.ndim == 3 else declared
    return np.where(declared, np.uint8(spec.ignore_index), mask), labels.values


def _storable(value: float | None, dtype: np.dtype) -> np.generic | None:
    """A declared value in the type of the pixels; None where none of them can have it."""
    if value is None:
        return None
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return dtype.type(value)
    whole = math.isfinite(value) and value == int(value)
    inside = whole and np.iinfo(dtype).min <= value <= np.iinfo(dtype).max
    return dtype.type(int(value)) if inside else None


def _encode_values(
    raw: np.ndarray,
    index_of: Mapping[int, int],
    ignore_values: Sequence[float],
    ignore_index: int,
) -> np.ndarray:
    first, last = min(index_of), max(index_of)
    table = np.full(last - first + 1, UNKNOWN, np.uint8)
    for value, index in index_of.items():
        table[value - first] = index
    inside = (raw >= first) & (raw <= last)
    if raw.dtype.kind == "f":
        inside &= raw == np.floor(raw)
    mask = np.full(raw.shape, UNKNOWN, np.uint8)
    mask[inside] = table[raw[inside].astype(np.int64) - first]
    for value in ignore_values:
        mask[_equal(raw, value)] = ignore_index
    return mask


def _equal(raw: np.ndarray, value: float) -> np.ndarray:
    return np.isnan(raw) if math.isnan(value) else raw == value


def _unknown_fault(path: Path, values: np.ndarray, share: float) -> DataError:
    colored = values.ndim == 2
    codes = values @ np.array([1 << 16, 1 << 8, 1]) if colored else values
    _, first, counts = np.unique(codes, return_index=True, return_counts=True)
    commonest = ", ".join(
        f"{values[first[i]].tolist()} ({counts[i] / len(values) * share:.1%})"
        for i in np.argsort(-counts, kind="stable")[:5]
    )
    what = "colors" if colored else "values"
    advice = (
        "Is it the right file, a lossless one? In a dataset of your own, list them as a class or "
        "as ignored"
    )
    if not colored:
        advice += " (labels, ignore_values; first_label=1 where masks count from 1)"
    elif (values == values[:, :1]).all():
        advice = "If the masks hold class indices, set masks='index'"
    return DataError(
        f"{path}: {share:.1%} of its pixels have {what} that the dataset does not list "
        f"(at most {MAX_UNKNOWN_SHARE:.0%} is tolerated), the commonest {commonest}. {advice}"
    )
