"""Losses and scores over the epochs of one or several runs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from network.figures.style import WIDTH, new_figure, styled

SCORES = ("mIoU", "F1", "OA")


STAGES = {"train": "--", "val": "-"}


_FIRST = ("total", "main", "heatmap", "fisher")


_RATE = "lr"


_COLUMNS = 3


class Log(NamedTuple):
    """Values of a run by their names in the log, each as (epoch from 1, value) in order."""

    name: str
    values: dict[str, list[tuple[int, float]]]


@styled
def curve_figure(logs: Sequence[Log]) -> Figure:
    """A panel for each term of the loss, each score and the learning rate.

    Runs have colors; training is dashed, validation solid. Runs of one name have one color and thin
    lines, and the mean over all of them, at the epochs that all of them have, is the thick one.
    """
    groups: dict[str, list[Log]] = {}
    for log in logs:
        groups.setdefault(log.name, []).append(log)
    many = len(groups) > 10
    colors = matplotlib.colormaps["tab20"].colors if many else [f"C{n}" for n in range(10)]
    drawn = dict(zip(groups, itertools.cycle(colors), strict=False))
    losses, scores, rates = _panels(logs)
    panels = [*losses, *scores, *rates]
    rows = math.ceil(len(panels) / _COLUMNS)
    figure = new_figure(1.9 * rows + 0.2 + 0.2 * math.ceil((len(groups) + 2) / 3), WIDTH)
    axes = list(figure.subplots(rows, _COLUMNS, squeeze=False).flat)
    for axis, name in zip(axes, panels, strict=False):
        for group, color in drawn.items():
            _draw(axis, name, groups[group], color)
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
    handles = [Line2D([], [], color=color, label=name) for name, color in drawn.items()]
    names = {"train": "training", "val": "validation"}
    handles += [
        Line2D([], [], color="0.3", linestyle=style, label=names[stage])
        for stage, style in STAGES.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    return figure


def _draw(axis: Axes, name: str, logs: Sequence[Log], color: Any) -> None:
    lines = {f"{stage}_{name}": style for stage, style in STAGES.items()}
    for key, style in ({name: "-"} if name.startswith(_RATE) else lines).items():
        runs = [dict(log.values[key]) for log in logs if key in log.values]
        for run in runs if len(runs) > 1 else ():
            axis.plot(*zip(*run.items(), strict=True), style, color=color, linewidth=0.5, alpha=0.5)
        common = [epoch for epoch in runs[0] if all(epoch in run for run in runs)] if runs else []
        if not common:
            continue
        axis.plot(
            common,
            [sum(run[epoch] for run in runs) / len(runs) for epoch in common],
            color=color,
            linestyle=style,
            linewidth=1.3,
            marker="o" if len(common) == 1 else None,
            markersize=3,
        )


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
