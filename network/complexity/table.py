"""Costs of several networks as one table: for a terminal, as Markdown, as plain values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from network.complexity.cost import Cost, Speed
from network.complexity.machine import machine_of
from network.complexity.operations import Operations
from network.errors import ConfigError
from network.files.text_tables import aligned, markdown

CONVENTION = "a multiply-add is two FLOPs; counted are convolutions and products of matrices"


class Column(NamedTuple):
    """A column: its heading, the unit, and the cell of a network."""

    heading: str
    unit: str
    cell: Callable[[Cost], str]


COUNTS = (
    Column("config", "", lambda cost: cost.config),
    Column("classes", "", lambda cost: str(cost.classes)),
    Column("parameters", "million", lambda cost: _millions(cost.parameters.all)),
    Column("trained", "million", lambda cost: _millions(cost.parameters.trained)),
    Column("backbone", "million", lambda cost: _millions(cost.parameters.backbone)),
    Column("multiply-adds", "billion", lambda cost: _billions(cost.inference, 2)),
    Column("FLOPs", "billion", lambda cost: _billions(cost.inference)),
    Column("FLOPs, training", "billion", lambda cost: _billions(cost.training)),
)
TIMES = (
    Column("latency", "ms", lambda cost: f"{1e3 * cost.timing.single.seconds:.1f}"),
    Column("memory", "MB", lambda cost: _megabytes(cost.timing.single)),
    Column("inference", "images/s", lambda cost: _rate(cost.timing.batch)),
    Column("memory", "MB", lambda cost: _megabytes(cost.timing.batch)),
    Column("training", "images/s", lambda cost: _rate(cost.timing.training)),
    Column("memory", "MB", lambda cost: _megabytes(cost.timing.training)),
)


class Protocol(NamedTuple):
    """How costs were found, beside the machine.

    Attributes:
        size: height and width of the images.
        batch: images of a training step and of the batch for the throughput.
        overrides: settings of all configs that were changed.
    """

    size: int
    batch: int
    overrides: Sequence[str] = ()


def check_comparable(costs: Sequence[Cost]) -> None:
    """Refuse times of several devices or precisions in one table.

    Raises:
        ConfigError: naming them.
    """
    timed = {cost.config: f"{cost.precision} on {cost.device}" for cost in costs if cost.timing}
    if len({*timed.values()}) > 1:
        said = ", ".join(f"{config} {how}" for config, how in timed.items())
        raise ConfigError(
            f"times do not compare: {said}; set precision=... or accelerator=... for all, or "
            "leave the times out by --no-timing"
        )


def text_table(costs: Sequence[Cost], protocol: Protocol) -> str:
    """The table, what it says, and what is missing in it, for a terminal."""
    columns = _columns(costs)
    rows = [[c.heading for c in columns], [c.unit for c in columns], *_cells(costs, columns)]
    return "\n".join([aligned(rows), "", *_notes(costs, protocol)])


def markdown_table(costs: Sequence[Cost], protocol: Protocol) -> str:
    """The same for a document."""
    columns = _columns(costs)
    heads = [f"{c.heading} ({c.unit})" if c.unit else c.heading for c in columns]
    table = markdown(heads, _cells(costs, columns))
    return "\n".join([table, "", *(f"- {note}" for note in _notes(costs, protocol))]) + "\n"


def record(costs: Sequence[Cost], protocol: Protocol) -> dict[str, Any]:
    """Everything as plain values: counts as they are, seconds, bytes."""
    return {
        "protocol": {
            **protocol._asdict(),
            "overrides": list(protocol.overrides),
            "machine": machine_of(costs[0].device),
        },
        "networks": [_plain(cost) for cost in costs],
    }


def _plain(cost: Cost) -> dict[str, Any]:
    def operations(found: Operations) -> dict[str, Any]:
        return {
            "multiply_adds": None if found.flops is None else found.flops // 2,
            "flops": found.flops,
            "uncounted": list(found.uncounted),
        }

    timing = cost.timing and {k: speed._asdict() for k, speed in cost.timing._asdict().items()}
    return {
        "config": cost.config,
        "network": cost.network,
        "classes": cost.classes,
        "bands": cost.bands,
        "device": cost.device.type,
        "precision": cost.precision,
        "parameters": cost.parameters._asdict(),
        "inference": operations(cost.inference),
        "training": operations(cost.training),
        "timing": timing,
    }


def _columns(costs: Sequence[Cost]) -> tuple[Column, ...]:
    return COUNTS + TIMES if all(cost.timing for cost in costs) else COUNTS


def _cells(costs: Sequence[Cost], columns: Sequence[Column]) -> list[list[str]]:
    return [[column.cell(cost) for column in columns] for cost in costs]


def _notes(costs: Sequence[Cost], protocol: Protocol) -> list[str]:
    """What the figures are of, and what was not counted."""
    bands = " or ".join(str(bands) for bands in sorted({cost.bands for cost in costs}))
    side, batch = protocol.size, protocol.batch
    machine = machine_of(costs[0].device)
    lines = [
        f"one image of {side}x{side} pixels, {bands} bands; {CONVENTION}; training: forward, loss "
        f"and backward, of one image of a batch of {batch}"
    ]
    if protocol.overrides:
        lines.append(f"settings: {' '.join(protocol.overrides)}")
    if costs[0].timing:
        lines += [
            f"{machine['device']}, {machine['threads']} threads, {costs[0].precision}, torch "
            f"{machine['torch']}; medians, warmed up",
            f"latency of one image; images per second of a batch of {batch}, in training with the "
            "optimizer's step; memory at the peak, with the network and the optimizer's state",
        ]
    else:
        lines.append(f"torch {machine['torch']}")
    for cost in costs:
        for stage, found in (("inference", cost.inference), ("training", cost.training)):
            if found.uncounted:
                lines.append(f"{cost.config}, {stage}: not counted: {', '.join(found.uncounted)}")
    return lines


def _millions(count: int | None) -> str:
    return "-" if count is None else f"{count / 1e6:.2f}"


def _billions(found: Operations, share: int = 1) -> str:
    """A part of what was counted, marked where it is not all."""
    if found.flops is None:
        return "-"
    return f"{'> ' if found.uncounted else ''}{found.flops / share / 1e9:.2f}"


def _rate(speed: Speed) -> str:
    return f"{speed.images / speed.seconds:.2f}"


def _megabytes(speed: Speed) -> str:
    return "-" if speed.memory is None else f"{speed.memory / 1e6:.0f}"
