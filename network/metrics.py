"""Scores from one confusion matrix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torchmetrics.classification import MulticlassConfusionMatrix

from network.processes import rank_and_processes, total


class Classes(Protocol):
    """What scores must know of a dataset (see ``network.datasets.catalog.DatasetSpec``)."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names in the order of their indices."""

    @property
    def num_classes(self) -> int:
        """Number of classes N."""

    @property
    def ignore_index(self) -> int:
        """Label of pixels that count nowhere."""

    @property
    def scored(self) -> tuple[int, ...]:
        """Indices of the classes that enter the means."""


class Confusion(MulticlassConfusionMatrix):
    """Pixel counts [N, N], rows truth, columns prediction; summed on the device and over processes.

    Ignored pixels count nowhere. ``update`` takes predictions and labels [B, H, W].
    """

    def __init__(self, spec: Classes) -> None:
        super().__init__(spec.num_classes, ignore_index=spec.ignore_index, validate_args=False)

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Count; unlike the base class without making the host wait for the device.

        Shapes: preds and target integer [B, H, W].
        """
        self.confmat += count_pixels(preds, target, self.num_classes, self.ignore_index).sum(dim=0)

    def state(self) -> Tensor:
        """What all processes have counted so far, for a checkpoint."""
        return total(self.confmat)

    def restore(self, state: Tensor) -> None:
        """Go on from ``state``; one process takes what all had."""
        self.confmat = _share(state).to(self.confmat)


class Averages:
    """Means of named scalars over the batches of an epoch and over processes.

    (torchmetrics' MeanMetric drops the weights where it is told to keep NaN.)
    """

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}

    def update(self, values: Mapping[str, Tensor], weight: Tensor | float) -> None:
        """Take in the values of a batch, which count ``weight`` times (a number, or a scalar)."""
        for name, value in values.items():
            value = value.detach().double()
            both = torch.stack([weight * value, torch.ones_like(value) * weight])
            self.sums[name] = self.sums[name].to(both) + both if name in self.sums else both

    def compute(self) -> dict[str, float]:
        """The means so far, NaN where all weights were 0."""
        totals = self.state().items()
        return {name: (sums[0] / sums[1]).item() for name, sums in totals}

    def reset(self) -> None:
        """Begin another epoch."""
        self.sums = {}

    def state(self) -> dict[str, Tensor]:
        """Weighted sum and weight of every name over all processes, for a checkpoint."""
        return {name: total(sums) for name, sums in self.sums.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from ``state``; one process takes what all had."""
        self.sums = {name: _share(sums) for name, sums in state.items()}


def _share(state: Tensor) -> Tensor:
    rank, _ = rank_and_processes()
    return state if rank == 0 else torch.zeros_like(state)


def count_pixels(preds: Tensor, target: Tensor, num_classes: int, ignore_index: int) -> Tensor:
    """A confusion matrix for every image, rows truth, columns prediction.

    Shapes: preds and target integer [B, H, W] -> int64 [B, N, N].
    """
    cells = num_classes**2
    pairs = torch.where(target == ignore_index, cells, target * num_classes + preds).flatten(1)
    counts = torch.zeros(len(pairs), cells + 1, dtype=torch.int64, device=pairs.device)
    counts.scatter_add_(1, pairs, counts.new_ones(1, 1).expand_as(pairs))
    return counts[:, :-1].unflatten(1, (num_classes, num_classes))


def ratios(confusion: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """IoU and F1 of every class and the overall accuracy, NaN where nothing was counted.

    Shapes: [..., N, N] (rows truth, columns prediction) -> float64 [..., N], [..., N], [...].
    """
    counts = confusion.double()
    right = counts.diagonal(dim1=-2, dim2=-1)
    either = counts.sum(-2) + counts.sum(-1)
    return right / (either - right), 2 * right / either, right.sum(-1) / counts.sum((-2, -1))


@dataclass(frozen=True)
class Scores:
    """IoU, F1 and overall accuracy, from 0 to 1.

    A class absent from both label and prediction has no score (NaN) and enters no mean; one that
    is predicted but absent from the label counts as 0.

    Attributes:
        iou, f1: per class, float64 [N].
        miou, mf1: means over the classes that the dataset scores.
        miou_all, mf1_all: means over all classes.
        oa: share of the counted pixels, of all classes, that are right.
        pixels: counted pixels.
    """

    iou: Tensor
    f1: Tensor
    miou: float
    mf1: float
    miou_all: float
    mf1_all: float
    oa: float
    pixels: int

    @classmethod
    def of(cls, confusion: Tensor, spec: Classes) -> Scores:
        """Work the scores out of a confusion matrix [N, N] (rows truth, columns prediction)."""
        iou, f1, oa = ratios(confusion.cpu())
        scored = list(spec.scored)
        return cls(
            iou=iou,
            f1=f1,
            miou=iou[scored].nanmean().item(),
            mf1=f1[scored].nanmean().item(),
            miou_all=iou.nanmean().item(),
            mf1_all=f1.nanmean().item(),
            oa=oa.item(),
            pixels=int(confusion.sum()),
        )

    def record(self, spec: Classes) -> dict[str, Any]:
        """The scores as plain values, classes by their names."""
        return {
            "pixels": self.pixels,
            "mIoU": self.miou,
            "mF1": self.mf1,
            "OA": self.oa,
            "mIoU_all": self.miou_all,
            "mF1_all": self.mf1_all,
            "IoU": dict(zip(spec.classes, self.iou.tolist(), strict=True)),
            "F1": dict(zip(spec.classes, self.f1.tolist(), strict=True)),
        }


def score_table(columns: Mapping[str, Scores], spec: Classes, title: str = "") -> str:
    """A table of percentages for the terminal: IoU and F1 side by side for every column."""
    means = ["mean over scored classes", "mean over all classes"]
    width = max(len(name) for name in (*spec.classes, *means, title))
    found = list(columns.values())
    gaps = [max(0, len(name) - 16) for name in columns]

    def line(name: str, cells: Iterable[tuple[float | Tensor, ...]], mark: str = "") -> str:
        texts = [
            " " * gap + "".join(f"{_percent(value):>8}" for value in values).ljust(16)
            for gap, values in zip(gaps, cells, strict=True)
        ]
        return f"{name:<{width}} {'  '.join(texts)}{mark}".rstrip()

    units = "  ".join(" " * gap + "     IoU      F1" for gap in gaps)
    heads = "  ".join(f"{name:>16}" for name in columns)
    lines = [f"{title:<{width}} {heads}", f"{'':<{width}} {units}"]
    if not heads.strip():
        lines = [f"{title:<{width}} {units}"]
    for index, name in enumerate(spec.classes):
        mark = "" if index in spec.scored else "  (not in the mean)"
        lines.append(line(name, [(s.iou[index], s.f1[index]) for s in found], mark))
    lines.append(line(means[0], [(s.miou, s.mf1) for s in found]))
    if len(spec.scored) < spec.num_classes:
        lines.append(line(means[1], [(s.miou_all, s.mf1_all) for s in found]))
    lines.append(line("overall accuracy", [(s.oa,) for s in found]))
    return "\n".join(lines)


def _percent(value: float | Tensor) -> str:
    value = torch.as_tensor(value).item()
    return "-" if value != value else f"{100 * value:.2f}"
