"""What a method costs, for the last columns of a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple


class Cost(NamedTuple):
    """Of one network; None where it was not counted or measured.

    Attributes:
        parameters: number of them.
        multiply_adds, flops: for one image.
        images_per_second: throughput of inference.
        peak_memory: bytes.
    """

    parameters: int | None = None
    multiply_adds: int | None = None
    flops: int | None = None
    images_per_second: float | None = None
    peak_memory: int | None = None


class Costs(NamedTuple):
    """Costs by method, and with what they were found.

    Attributes:
        methods: their costs by name.
        conditions: size of the images, batch, device, precision, in words.
        notes: sentences on what was not counted, and why.
    """

    methods: Mapping[str, Cost] = {}
    conditions: str = ""
    notes: tuple[str, ...] = ()


NO_COSTS = Costs()


def not_counted(method: str, operations: Sequence[str]) -> str:
    """The note on a method of which only a part was counted, and so none is given."""
    return f"Operations of {method} are not given, as not counted are {', '.join(operations)}"


class CostColumn(NamedTuple):
    """Heading, unit, and how a value is written."""

    heading: str
    unit: str
    written: Callable[[float], str]


_COLUMNS = {
    "parameters": CostColumn("Parameters", "M", lambda value: f"{value / 1e6:.2f}"),
    "multiply_adds": CostColumn("Multiply-adds", "G", lambda value: f"{value / 1e9:.2f}"),
    "flops": CostColumn("FLOPs", "G", lambda value: f"{value / 1e9:.2f}"),
    "images_per_second": CostColumn("Images", "1/s", lambda value: f"{value:.3g}"),
    "peak_memory": CostColumn("Peak memory", "MB", lambda value: f"{value / 1e6:.0f}"),
}


def cost_columns(costs: Costs) -> dict[str, CostColumn]:
    """The columns that some method has a value for, by the field of ``Cost``."""
    return {
        field: column
        for field, column in _COLUMNS.items()
        if any(getattr(cost, field) is not None for cost in costs.methods.values())
    }


def cost_cells(costs: Costs, method: str) -> list[str]:
    """The cells of a method in the ``cost_columns``, a dash where nothing is known."""
    cost = costs.methods.get(method, Cost())
    found = {field: getattr(cost, field) for field in cost_columns(costs)}
    return [
        "-" if value is None else _COLUMNS[field].written(value) for field, value in found.items()
    ]
