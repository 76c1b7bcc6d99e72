"""Scores from one confusion matrix."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torchmetrics.classification import MulticlassConfusionMatrix

from network.datasets.catalog import DatasetSpec


class Confusion(MulticlassConfusionMatrix):
    """Pixel counts [N, N], rows truth, columns prediction; summed on the device and over processes.

    Ignored pixels count nowhere. ``update`` takes predictions and labels [B, H, W].
    """

    def __init__(self, spec: DatasetSpec) -> None:
        super().__init__(spec.num_classes, ignore_index=spec.ignore_index, validate_args=False)


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
    def of(cls, confusion: Tensor, spec: DatasetSpec) -> Scores:
        """Work the scores out of a confusion matrix [N, N] (rows truth, columns prediction)."""
        counts = confusion.double().cpu()
        right = counts.diagonal()
        either = counts.sum(0) + counts.sum(1)
        iou = right / (either - right)
        f1 = 2 * right / either
        scored = list(spec.scored)
        return cls(
            iou=iou,
            f1=f1,
            miou=iou[scored].nanmean().item(),
            mf1=f1[scored].nanmean().item(),
            miou_all=iou.nanmean().item(),
            mf1_all=f1.nanmean().item(),
            oa=(right.sum() / counts.sum()).item(),
            pixels=int(confusion.sum()),
        )

    def table(self, spec: DatasetSpec, title: str = "") -> str:
        """A table of percentages for the terminal."""
        width = max(len(name) for name in (*spec.classes, "mean over scored classes"))
        lines = [f"{title:<{width}}     IoU      F1"]
        for index, name in enumerate(spec.classes):
            mark = "" if index in spec.scored else "  (not in the mean)"
            lines.append(
                f"{name:<{width}} {_percent(self.iou[index])} {_percent(self.f1[index])}{mark}"
            )
        lines.append(
            f"{'mean over scored classes':<{width}} {_percent(self.miou)} {_percent(self.mf1)}"
        )
        if len(spec.scored) < spec.num_classes:
            lines.append(
                f"{'mean over all classes':<{width}} {_percent(self.miou_all)} "
                f"{_percent(self.mf1_all)}"
            )
        lines.append(f"{'overall accuracy':<{width}} {_percent(self.oa)}")
        return "\n".join(lines)


def _percent(value: float | Tensor) -> str:
    value = torch.as_tensor(value).item()
    return "      -" if value != value else f"{100 * value:7.2f}"
