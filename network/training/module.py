"""The LightningModule."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytorch_lightning as pl
import torch
from timm.optim import Lookahead
from torch import Tensor, nn

from network.datasets.catalog import DatasetSpec
from network.errors import TrainingError
from network.experiment import Experiment
from network.inference.identity import IDENTITY
from network.metrics import Averages, Confusion, Scores, score_table
from network.processes import (
    average_buffers,
    check_agreement,
    random_states,
    rank_and_processes,
    restore_random_state,
)
from network.training.finite_loss import FiniteLoss


class SegmentationModule(pl.LightningModule):
    """Trains a network and scores it on the validation set.

    Logged: every term of the loss (``train_main``, ``val_heatmap``, ...), IoU of every class,
    mIoU, F1 and OA of training and validation, and the learning rate.

    A checkpoint may be written after any step. It holds what Lightning stores, the counts and
    means of the epoch so far, and the states of the random number generators, so that a resumed
    run takes the same steps as one that was never stopped.

    Args:
        net: image -> output with ``logits``.
        loss: (output, mask) -> named terms with ``total``.
        spec: of the dataset.
        experiment: for the optimizer and its schedule.
        identity: what the network is; stored in the checkpoints.
        protocol: what is trained and validated on; stored in the checkpoints.
        steps: of what its steps consist; stored in the checkpoints.
    """

    def __init__(
        self,
        net: nn.Module,
        loss: nn.Module,
        spec: DatasetSpec,
        experiment: Experiment,
        identity: dict[str, Any] | None = None,
        protocol: dict[str, Any] | None = None,
        steps: dict[str, int] | None = None,
    ) -> None:
        super().__init__()
        self.net = net
        self.loss = loss
        self.spec = spec
        self.experiment = experiment
        self.identity = identity
        self.protocol = protocol or {}
        self.steps = steps or {}
        self.train_confusion = Confusion(spec)
        self.val_confusion = Confusion(spec)
        self.averages = {"train": Averages(), "val": Averages()}
        self._random_states: list[dict[str, Any]] = []
        self._finite = FiniteLoss()
        self._watched: tuple[int, list[str]] = 0, []

    def forward(self, image: Tensor) -> Tensor:
        """Logits [B, N, H, W] of normalised images."""
        return self.net(image).logits

    def training_step(self, batch: dict, batch_idx: int) -> Tensor:
        """Loss of a batch."""
        terms = self._step(batch, "train", self.train_confusion)
        self._finite.watch(terms)
        self._watched = batch_idx, batch["name"]
        return terms["total"]

    def on_after_backward(self) -> None:
        """Look at the loss before an optimizer sees it.

        Raises:
            TrainingError: it is not finite.
        """
        if values := self._finite.fault():
            batch_idx, names = self._watched
            raise TrainingError(
                f"the loss is not finite in epoch {self.current_epoch + 1}, step {batch_idx + 1} "
                f"({values}); images of the batch: {', '.join(names)}. Look at them and "
                "their masks; if they are sound, resume with a lower lr, or with clip_norm=1"
            )

    def validation_step(self, batch: dict, batch_idx: int) -> None:
        """Loss and counts of a batch."""
        self._step(batch, "val", self.val_confusion)

    def on_fit_start(self) -> None:
        """Make sure that all processes compute alike.

        Raises:
            ConfigError: they chose different precisions.
        """
        check_agreement("precision", str(self.trainer.precision))

    def on_train_start(self) -> None:
        """Go on with the random states and the learning rate of the checkpoint's step."""
        rank, _ = rank_and_processes()
        if rank:
            pl.seed_everything(self.experiment.seed + rank, workers=True, verbose=False)
        if self._random_states:
            restore_random_state(self._random_states, self.device)
        schedule = self.lr_schedulers()
        groups = self.optimizers().param_groups
        for group, base, factor in zip(groups, schedule.base_lrs, schedule.lr_lambdas, strict=True):
            group["lr"] = base * factor(schedule.last_epoch)

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """Store what the network is, protocol, the epoch so far, and random states.

        Raises:
            TrainingError: the weights are not finite, so that there is nothing worth storing.
        """
        broken = [name for name, p in self.net.named_parameters() if not p.isfinite().all()]
        if broken:
            raise TrainingError(
                f"after epoch {self.current_epoch + 1}, step {self.global_step}, the network holds "
                f"values that are not finite (first in {broken[0]}): the training has diverged. "
                "Resume with a lower lr, or with clip_norm=1"
            )
        if self.identity is not None:
            checkpoint[IDENTITY] = self.identity
        checkpoint["protocol"] = self.protocol
        checkpoint["progress"] = {
            "confusion": self.train_confusion.state(),
            "averages": self.averages["train"].state(),
            "random": random_states(self.device),
            "steps": self.steps,
        }

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        """Restore what was stored; the optimizer's settings are those of the config."""
        settings = self.experiment
        for state in checkpoint["optimizer_states"]:
            for group in state["param_groups"]:
                group["initial_lr"] = settings.lr
                group["weight_decay"] = settings.weight_decay
                if settings.lookahead_k:
                    group["lookahead_k"] = settings.lookahead_k
                    group["lookahead_alpha"] = settings.lookahead_alpha
        for state in checkpoint["lr_schedulers"]:
            state["base_lrs"] = [settings.lr] * len(state["base_lrs"])

        progress = checkpoint.get("progress")
        if progress is not None:
            self.train_confusion.restore(progress["confusion"])
            self.averages["train"].restore(progress["averages"])
            self._random_states = progress["random"]

    def on_train_epoch_end(self) -> None:
        """Log the training scores and the learning rate."""
        rate = self.optimizers().param_groups[0]["lr"]
        self._log_epoch("train", self.train_confusion, {"lr": rate})

    def on_validation_start(self) -> None:
        """Validate the network that is going to be saved."""
        average_buffers(self.net)

    def on_validation_epoch_end(self) -> None:
        """Log and print the validation scores."""
        scores = self._log_epoch("val", self.val_confusion)
        epoch = f"epoch {self.current_epoch + 1} of {self.trainer.max_epochs}"
        self.print(f"\n{score_table({'': scores}, self.spec, epoch)}\n")

    def configure_optimizers(self) -> dict:
        """AdamW inside Lookahead; linear warm-up, then cosine, both by the step."""
        settings = self.experiment
        optimizer = torch.optim.AdamW(
            self.net.parameters(), lr=settings.lr, weight_decay=settings.weight_decay
        )
        if settings.lookahead_k:
            optimizer = Lookahead(optimizer, alpha=settings.lookahead_alpha, k=settings.lookahead_k)
        # The trainer's own estimate starts the data loaders before a checkpoint has said where.
        batches = self.trainer.datamodule.batches_per_epoch(self.trainer.world_size)
        total = math.ceil(batches / settings.accumulate) * settings.max_epoch
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

    def _step(self, batch: dict, stage: str, confusion: Confusion) -> dict[str, Tensor]:
        out = self.net(batch["image"])
        terms = self.loss(out, batch["mask"])
        confusion.update(out.logits.detach().argmax(dim=1), batch["mask"])
        self.averages[stage].update(terms, len(batch["name"]))
        return terms

    def _log_epoch(
        self, stage: str, confusion: Confusion, rates: Mapping[str, float] | None = None
    ) -> Scores:
        """Publish the scores and means of an epoch, for callbacks and loggers, and begin anew."""
        averages = self.averages[stage]
        scores = Scores.of(confusion.compute(), self.spec)
        means = {"mIoU": scores.miou, "F1": scores.mf1, "OA": scores.oa}
        means = {f"{stage}_{name}": value for name, value in means.items()}
        classes = zip(self.spec.classes, scores.iou.tolist(), strict=True)
        others = {f"{stage}_{name}": value for name, value in averages.compute().items()}
        others |= {f"{stage}_IoU_{name}": value for name, value in classes}
        confusion.reset()
        averages.reset()
        self.log_dict(means, logger=False, prog_bar=True)
        self.log_dict(others, logger=False)
        # Not by Lightning, which hands them on after the checkpoint of the epoch was written.
        for logger in self.loggers:
            logger.log_metrics(
                {"epoch": self.current_epoch} | others | means | dict(rates or {}), self.global_step
            )
            logger.save()
        return scores


def _learning_rate_factor(step: int, total: int, warmup: float, last: float) -> float:
    if step < warmup:
        return (step + 1) / (warmup + 1)
    progress = min(1.0, (step - warmup) / max(1.0, total - warmup))
    return last + (1 - last) * (1 + math.cos(math.pi * progress)) / 2
