"""A comparison as Markdown: scores, then all differences to the reference."""

from __future__ import annotations

import re

from network.comparison.caption import caption
from network.comparison.comparison import Comparison, Method
from network.comparison.costs import Costs, cost_cells, cost_columns
from network.comparison.numbers import difference, difference_head, score
from network.files.text_tables import markdown


def markdown_table(found: Comparison, costs: Costs) -> str:
    """The text of ``table.md``."""
    columns = range(len(found.columns))
    cost_heads = [f"{c.heading} ({c.unit})" for c in cost_columns(costs).values()]
    heads = ["Method", *map(_escaped, found.columns), *map(_escaped, cost_heads)]
    rows = [
        [
            _escaped(method.name),
            *(_score(method, column) for column in columns),
            *cost_cells(costs, method.name),
        ]
        for method in found.methods
    ]
    parts = [markdown(heads, rows)]
    if found.reference is not None and len(found.methods) > 1:
        heads = [
            "Method",
            *(_escaped(difference_head(name, found.reference)) for name in found.columns),
        ]
        rows = [
            [_escaped(method.name), *(difference(method.difference, column) for column in columns)]
            for method in found.methods
            if method.difference is not None
        ]
        parts.append(markdown(heads, rows))
    parts.append(_escaped(" ".join(caption(found, costs))))
    return "\n\n".join(parts) + "\n"


def _score(method: Method, column: int) -> str:
    text = score(method, column)
    if method.best[column]:
        return f"**{text}**"
    return f"{text} \u2248" if method.as_good[column] else text


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|#~$&])", r"\\\1", " ".join(text.split()))
