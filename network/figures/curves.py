"""Losses and scores over the epochs of one or several runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from network.figures.painting import COLORMAP
from network.figures.style import WIDTH, new_figure, styled
from network.figures.texts import wrapped

Color = str | tuple[float, ...]


SCORES = ("mIoU", "F1", "OA")


STAGES = {"train": "--", "val": "-"}


_FIRST = ("total", "main", "heatmap", "fisher")


_RATE = "lr"


_COLUMNS = 3


_CYCLE = 10
"""Colors of matplotlib's cycle."""


_OPACITY = 0.2


_SIZE = 10


_NAME_WIDTH = 1.7
"""Inches of a name in the legend."""


class Log(NamedTuple):
    """Values of a run by their names in the log, each as (epoch from 1, value) in order."""

    name: str
    values: dict[str, list[tuple[int, float]]]


class Line(NamedTuple):
    """What is drawn as one line: a run, or the mean of several runs of one method."""

    name: str
    logs: Sequence[Log]


@styled
def curve_figure(lines: Sequence[Line]) -> Figure:
    """A panel for each term of the loss, each score and the learning rate.

    Lines have colors; training is dashed, validation solid. Of several runs it is their mean over
    the epochs that all of them have, in a band from the lowest to the highest.
    """
    losses, scores, rates = _panels([log for line in lines for log in line.logs])
    panels = [*losses, *scores, *rates]
    rows = math.ceil(len(panels) / _COLUMNS)
    colors = _colors(len(lines))
    names = ["\n".join(wrapped(line.name, _NAME_WIDTH, _SIZE)) for line in lines]
    banded = any(len(line.logs) > 1 for line in lines)
    entries = len(lines) + len(STAGES) + banded
    tallest = max(name.count("\n") + 1 for name in names)
    legend = 0.2 * math.ceil(entries / _COLUMNS) * tallest
    figure = new_figure(1.9 * rows + 0.2 + legend, WIDTH)
    axes = list(figure.subplots(rows, _COLUMNS, squeeze=False).flat)
    for axis, name in zip(axes, panels, strict=False):
        for line, color in zip(lines, colors, strict=True):
            _draw(axis, name, line.logs, color)
        axis.set_title(
            {"total": "total loss"}.get(name, "learning rate" if name in rates else name)
        )
        axis.set_xlabel("epoch")
        axis.xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
        axis.grid(color="0.9", linewidth=0.6)
        axis.set_axisbelow(True)
        if name in scores:
            axis.set_ylim(0, 1)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    handles: list[Artist] = [
        Line2D([], [], color=color, label=name) for name, color in zip(names, colors, strict=True)
    ]
    stages = {"train": "training", "val": "validation"}
    handles += [
        Line2D([], [], color="0.3", linestyle=style, label=stages[stage])
        for stage, style in STAGES.items()
    ]
    if banded:
        handles.append(Patch(color="0.3", alpha=_OPACITY, linewidth=0, label="range of the runs"))
    legend = figure.legend(
        handles=handles, loc="outside lower center", ncols=_COLUMNS, frameon=False
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    return figure


def common_epochs(logs: Sequence[Log], name: str) -> tuple[list[int], np.ndarray]:
    """Epochs of a value that all logs with it have, and the values float64 [logs, epochs]."""
    values = [dict(log.values[name]) for log in logs if name in log.values]
    epochs = sorted(set.intersection(*map(set, values))) if values else []
    return epochs, np.array([[each[epoch] for epoch in epochs] for each in values])


def _draw(axis: Axes, name: str, logs: Sequence[Log], color: Color) -> None:
    lines = (
        {name: "-"}
        if name.startswith(_RATE)
        else {f"{stage}_{name}": style for stage, style in STAGES.items()}
    )
    for key, style in lines.items():
        epochs, values = common_epochs(logs, key)
        if not epochs:
            continue
        axis.plot(
            epochs,
            values.mean(axis=0),
            color=color,
            linestyle=style,
            linewidth=1.3,
            marker="o" if len(epochs) == 1 else None,
            markersize=3,
        )
        if len(values) > 1:
            low, high = values.min(axis=0), values.max(axis=0)
            axis.fill_between(epochs, low, high, color=color, alpha=_OPACITY, linewidth=0)


def _colors(number: int) -> list[Color]:
    """As many colors that differ: those of matplotlib's cycle, and beyond it of a color scale."""
    if number <= _CYCLE:
        return [f"C{index}" for index in range(number)]
    return [*map(tuple, matplotlib.colormaps[COLORMAP](np.linspace(0, 1, number)))]


def _panels(logs: Sequence[Log]) -> tuple[list[str], list[str], list[str]]:
    """Names of loss terms, scores and learning rates in the logs."""
    names = list(dict.fromkeys(name for log in logs for name in log.values))
    staged = dict.fromkeys(
        name.partition("_")[2]
        for name in names
        if name.partition("_")[0] in STAGES and "_IoU_" not in name
    )
    losses = [name for name in _FIRST if name in staged]
    losses += [name for name in staged if name not in (*losses, *SCORES)]
    return losses, [s for s in SCORES if s in staged], [n for n in names if n.startswith(_RATE)]
