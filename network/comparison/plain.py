"""A comparison for the terminal: the means, and their differences to the reference."""

from __future__ import annotations

from network.comparison.comparison import MEANS, Comparison, Method
from network.comparison.numbers import difference, difference_head, score
from network.files.text_tables import aligned


def plain_table(found: Comparison) -> str:
    """Text with a line for each method."""
    place = {name: len(found.first.classes) + index for index, name in enumerate(MEANS)}
    heads = ["method", "seeds", *MEANS]
    compared = found.reference is not None and len(found.methods) > 1
    if compared:
        heads.append(difference_head("mIoU", found.reference))
    rows = [heads]
    for method in found.methods:
        cells = [method.name, str(len(method.tests))]
        cells += [_score(method, column) for column in place.values()]
        if compared:
            cells.append(difference(method.difference, place["mIoU"]))
        rows.append(cells)
    text = aligned(rows, to_the_left=(0, len(MEANS) + 2))
    if len(found.methods) > 1:
        text += "\n* highest, ~ not distinguishable from it; 95% intervals in brackets"
    return text


def _score(method: Method, column: int) -> str:
    mark = "*" if method.best[column] else "~" if method.as_good[column] else " "
    return f"{score(method, column)} {mark}"
