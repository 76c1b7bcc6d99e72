"""Sizes in a graph that ``torch.export`` makes for images of any size.

There a size is a symbol, and nothing may be decided by its value, which holds for the image of the
export only.
"""

from __future__ import annotations

from fractions import Fraction

import torch

_FINEST = 10**6
"""Greatest denominator of a share."""


def is_open(*sizes: int) -> bool:
    """Whether one of them may be any."""
    return any(isinstance(size, torch.SymInt) for size in sizes)


def parts_over(size: int, part: int) -> int:
    """How many parts cover a size; of numbers that are not negative, as ONNX divides these."""
    return (size + part - 1) // part


def larger(size: int, least: int) -> int:
    """``max(size, least)``."""
    return torch.sym_max(size, least) if is_open(size, least) else max(size, least)


def smaller(size: int, most: int) -> int:
    """``min(size, most)``."""
    return torch.sym_min(size, most) if is_open(size, most) else min(size, most)


def rounded_share(share: float, size: int) -> int:
    """``round(share * size)``, halves to the even number as Python does it."""
    if not is_open(size):
        return round(share * size)
    part = Fraction(share).limit_denominator(_FINEST)
    numerator, denominator = part.numerator * size, part.denominator
    odd = numerator // denominator % 2
    return (2 * numerator + denominator - 1 + odd) // (2 * denominator)
