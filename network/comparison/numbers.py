"""How the numbers of a table are written."""

from __future__ import annotations

import math

from network.comparison.comparison import Method
from network.comparison.intervals import Interval

NONE = "-"
MINUS = "\u2212"


def percent(share: float, digits: int = 2) -> str:
    """A share as percent, a dash for NaN."""
    return NONE if math.isnan(share) else f"{100 * share:.{digits}f}"


def score(method: Method, column: int, plus_minus: str = " \u00b1 ") -> str:
    """Mean and, of several seeds, deviation."""
    mean, deviation = method.mean[column], method.deviation[column]
    spread = "" if math.isnan(deviation) else plus_minus + percent(deviation)
    return percent(mean) + spread


def difference(interval: Interval | None, column: int) -> str:
    """A difference in points and the ends of its interval."""
    if interval is None or math.isnan(interval.difference[column]):
        return NONE
    value, low, high = (f"{100 * each[column]:+.2f}".replace("-", MINUS) for each in interval)
    return value if math.isnan(interval.low[column]) else f"{value} [{low}, {high}]"


def difference_head(of: str, reference: str | None = "") -> str:
    """The heading of a column of differences; the reference may stand below."""
    return f"{of} {MINUS} {reference}".rstrip()
