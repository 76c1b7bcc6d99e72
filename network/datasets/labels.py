"""Mask values that the dataset does not list."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from network.datasets.colors import UNKNOWN
from network.errors import DataError

MAX_UNKNOWN_SHARE = 0.01


def ignore_unknown(path: Path, mask: np.ndarray, raw: np.ndarray, ignore_index: int) -> float:
    """Set the pixels of a mask that are ``UNKNOWN`` to ignore, in place.

    Args:
        path: of the mask.
        mask: class indices uint8 [H, W].
        raw: what was read: RGB [H, W, 3], or indices [H, W].
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
    if colored and (values == values[:, :1]).all():
        advice = "If the masks hold class indices, set masks='index'"
    return DataError(
        f"{path}: {share:.1%} of its pixels have {what} that the dataset does not list "
        f"(at most {MAX_UNKNOWN_SHARE:.0%} is tolerated), the commonest {commonest}. {advice}"
    )
