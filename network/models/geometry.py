"""What a network asks of the size of its images; it may say so itself by attributes."""

from __future__ import annotations

from typing import Any

STRIDE = 32
"""Pixels of the coarsest features of a pyramid."""
MIN_SIZE = STRIDE
"""Least height and width: one position of the coarsest features."""


def min_size_of(net: Any) -> int:
    """Least height and width of an image: ``net.min_size``, or that of a pyramid.

    Args:
        net: a network, or the class of one.
    """
    return getattr(net, "min_size", MIN_SIZE)


def stride_of(net: Any) -> int:
    """Pixels of the coarsest features: ``net.stride``, or that of a pyramid.

    Windows of a scene that start at its multiples see the same grid as the whole scene.
    """
    return getattr(net, "stride", STRIDE)
