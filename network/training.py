"""The LightningModule."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import pytorch_lightning as pl
import torch
from timm.optim import Lookahead
from torch import Tensor, nn

from network.datasets.catalog import DatasetSpec
from network.experiment import Experiment
from network.metrics import Confusion, Scores, score_table


class SegmentationModule(pl.LightningModule):
    """Trains a network and scores it on the validation set.

    Logged: every term of the loss (``train_main``, ``val_heatmap``, ...), IoU of every class,
    mIoU, F1 and OA of training and validation.

    Args:
        net: image -> output with ``logits``.
        loss: (output, mask) -> named terms with ``total``.
        spec: of the dataset.
        experiment: for the optimizer and its schedule.
        protocol: what is trained and validated on; stored in the checkpoints.
    """

    def __init__(
        self,
        net: nn.Module,
        loss: nn.Module,
        spec: DatasetSpec,
        experiment: Experiment,
        protocol: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.net = net
        self.loss = loss
        self.spec = spec
        self.experiment = experiment
        self.protocol = protocol or {}
        self.train_confusion = Confusion(spec)
        self.val_confusion = Confusion(spec)

    def forward(self, image: Tensor) -> Tensor:
        """Logits [B, N, H, W] of normalised images."""
        return self.net(image).logits

    def training_step(self, batch: dict, batch_idx: int) -> Tensor:
        """Loss of a batch."""
        return self._step(batch, "train", self.train_confusion)

    def validation_step(self, batch: dict, batch_idx: int) -> None:
        """Loss and counts of a batch."""
        self._step(batch, "val", self.val_confusion)

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """Store what was trained and validated on, for the record of a test."""
        checkpoint["protocol"] = self.protocol

    def on_train_epoch_end(self) -> None:
        """Log the training scores."""
        self._log_scores("train", self.train_confusion)

    def on_validation_epoch_end(self) -> None:
        """Log and print the validation scores."""
        scores = self._log_scores("val", self.val_confusion)
        if not self.trainer.sanity_checking:
            epoch = f"epoch {self.current_epoch + 1} of {self.trainer.max_epochs}"
            table = score_table({"": scores}, self.spec, epoch)
            self.print(f"\n{table}\n")

    def configure_optimizers(self) -> dict:
        """AdamW inside Lookahead; linear warm-up, then cosine, both by the step."""
        settings = self.experiment
        optimizer = torch.optim.AdamW(
            self.net.parameters(), lr=settings.lr, weight_decay=settings.weight_decay
        )
        if settings.lookahead_k:
            optimizer = Lookahead(optimizer, alpha=settings.lookahead_alpha, k=settings.lookahead_k)
        total = self.trainer.estimated_stepping_batches
        factor = partial(
            _learning_rate_factor,
            total=total,
            warmup=settings.warmup_epoch * total / settings.max_epoch,
            last=settings.lr_min / settings.lr,
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def _step(self, batch: dict, stage: str, confusion: Confusion) -> Tensor:
        out = self.net(batch["image"])
        terms = self.loss(out, batch["mask"])
        confusion.update(out.logits.detach().argmax(dim=1), batch["mask"])
        self.log_dict(
            {f"{stage}_{name}": term.detach() for name, term in terms.items()},
            on_step=False,
            on_epoch=True,
            batch_size=len(batch["name"]),
            sync_dist=True,
        )
        return terms["total"]

    def _log_scores(self, stage: str, confusion: Confusion) -> Scores:
        scores = Scores.of(confusion.compute(), self.spec)
        confusion.reset()
        means = {"mIoU": scores.miou, "F1": scores.mf1, "OA": scores.oa}
        classes = dict(zip(self.spec.classes, scores.iou.tolist(), strict=True))
        self.log_dict({f"{stage}_{name}": value for name, value in means.items()}, prog_bar=True)
        self.log_dict({f"{stage}_IoU_{name}": value for name, value in classes.items()})
        return scores


def _learning_rate_factor(step: int, total: int, warmup: float, last: float) -> float:
    if step < warmup:
        return (step + 1) / (warmup + 1)
    progress = min(1.0, (step - warmup) / max(1.0, total - warmup))
    return last + (1 - last) * (1 + math.cos(math.pi * progress)) / 2
