"""Losses and scores over the epochs of one or several runs."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from network.errors import DataError, MissingDataError
from network.figures.style import WIDTH, new_figure, styled
from network.loggers import METRICS

SCORES = ("mIoU", "F1", "OA")
STAGES = {"train": "--", "val": "-"}
_FIRST = ("total", "main", "heatmap", "fisher")
_TITLES = {"total": "total loss"}
_RATE = "lr"
_COLUMNS = 3


class Log(NamedTuple):
    """Values of a run by their names in the log, each as (epoch from 1, value) in order."""

    name: str
    values: dict[str, list[tuple[int, float]]]


def read_log(path: str | Path) -> Log:
    """Read the log of a run; the parts of a resumed one are put together.

    Args:
        path: a ``metrics.csv``, its folder ``version_N``, or the run's folder of such folders. Of
            these it takes the newest run: the last one that begins with the first epoch, and what
            was resumed after it.

    Raises:
        DataError: no log there, or one that cannot be read.
    """
    path = Path(path)
    if path.is_file():
        return Log(_name(path.parent), _values([path]))
    if (path / METRICS).is_file():
        return Log(_name(path), _values([path / METRICS]))
    parts = sorted(
        (log for log in path.glob(f"version_*/{METRICS}") if _version(log) is not None),
        key=_version,
    )
    if not parts:
        raise MissingDataError(
            f"no {METRICS} in {path} or its folders version_N: name a run's folder, such as "
            "lightning_logs/vaihingen/bicor"
        )
    starts = [number for number, log in enumerate(parts) if _first_epoch(log) == 0]
    return Log(_name(path), _values(parts[starts[-1] if starts else 0 :]))


@styled
def curve_figure(logs: Sequence[Log]) -> Figure:
    """A panel for each term of the loss, each score and the learning rate.

    Runs have colors; training is dashed, validation solid.
    """
    losses, scores, rates = _panels(logs)
    panels = [*losses, *scores, *rates]
    rows = math.ceil(len(panels) / _COLUMNS)
    figure = new_figure(1.9 * rows + 0.2 + 0.2 * math.ceil((len(logs) + 2) / 3), WIDTH)
    axes = list(figure.subplots(rows, _COLUMNS, squeeze=False).flat)
    for axis, name in zip(axes, panels, strict=False):
        _draw(axis, name, logs)
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
    handles = [Line2D([], [], color=f"C{n}", label=log.name) for n, log in enumerate(logs)]
    names = {"train": "training", "val": "validation"}
    handles += [
        Line2D([], [], color="0.3", linestyle=style, label=names[stage])
        for stage, style in STAGES.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    return figure


def _draw(axis: Axes, name: str, logs: Sequence[Log]) -> None:
    for number, log in enumerate(logs):
        lines = (
            {name: "-"}
            if name.startswith(_RATE)
            else {f"{stage}_{name}": style for stage, style in STAGES.items()}
        )
        for key, style in lines.items():
            if key in log.values:
                points = log.values[key]
                axis.plot(
                    *zip(*points, strict=True),
                    color=f"C{number}",
                    linestyle=style,
                    linewidth=1.3,
                    marker="o" if len(points) == 1 else None,
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


def _values(paths: Sequence[Path]) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, dict[int, float]] = {}
    for path in paths:
        try:
            for epoch, name, value in _cells(_rows(path)):
                found.setdefault(name, {})[epoch] = value
        except (TypeError, ValueError) as error:
            raise DataError(f"{path} is not a log of a training: {error}") from error
    if not found:
        raise DataError(f"{paths[0]} holds no values yet")
    return {
        name: [(epoch + 1, by_epoch[epoch]) for epoch in sorted(by_epoch)]
        for name, by_epoch in found.items()
    }


def _cells(rows: Sequence[dict[str, str]]) -> Iterator[tuple[int, str, float]]:
    """(epoch, name, value); a row without an epoch (learning rates) is of the next one's."""
    epoch = None
    for row in reversed(rows):
        epoch = int(row["epoch"]) if row.get("epoch") else epoch
        for name, cell in row.items():
            if epoch is not None and name not in ("epoch", "step") and cell:
                yield epoch, name, float(cell)


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {error}") from error


def _name(folder: Path) -> str:
    """The last parts of the path: dataset/name, and the version where it was asked for."""
    parts = folder.resolve().parts
    return "/".join(parts[-3:] if parts[-1].startswith("version_") else parts[-2:])


def _first_epoch(path: Path) -> int | None:
    epochs = [row["epoch"] for row in _rows(path) if row.get("epoch")]
    return int(epochs[0]) if epochs and epochs[0].isdigit() else None


def _version(log: Path) -> int | None:
    found = re.fullmatch(r"version_(\d+)", log.parent.name)
    return int(found[1]) if found else None
