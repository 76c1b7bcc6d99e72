"""The LightningModule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
from torch import Tensor, nn

from network.datasets.catalog import DatasetSpec
from network.errors import TrainingError
from network.experiment import Experiment
from network.metrics import Averages, Confusion, Scores, score_table
from network.models.output import segment
from network.processes import (
    average_buffers,
    check_agreement,
    random_states,
    rank_and_processes,
    restore_random_state,
)
from network.training.averaging import averaged, restore_average, store_average
from network.training.finite_loss import FiniteLoss
from network.training.freezing import freeze
from network.training.optimizer import (
    as_configured,
    build_optimizer,
    build_schedule,
    logged_rates,
    parameter_groups,
    rates_now,
)


class SegmentationModule(pl.LightningModule):
    """Trains a network and scores it on the validation set.

    Logged: every term of the loss (``train_main``, ``val_heatmap``, ...) as its mean over images
    with a labeled pixel, IoU of every class, mIoU, F1 and OA of training and validation, and the
    learning rate.

    A checkpoint may be written after any step. It holds what Lightning stores, the counts and
    means of the epoch so far, and the states of the random number generators, so that a resumed
    run takes the same steps as one that was never stopped.

    Args:
        net: image -> what ``network.models.output.segment`` understands.
        loss: (output, mask) -> named terms with ``total``.
        spec: of the dataset.
        experiment: for the optimizer and its schedule.
        record: what the network is, what it is trained and validated on, as plain values; stored
            in the checkpoints.
        steps: of what its steps consist; stored in the checkpoints.
    """

    def __init__(
        self,
        net: nn.Module,
        loss: nn.Module,
        spec: DatasetSpec,
        experiment: Experiment,
        record: dict[str, Any] | None = None,
        steps: dict[str, int] | None = None,
    ) -> None:
        super().__init__()
        self.net = net
        self.loss = loss
        self.spec = spec
        self.experiment = experiment
        self.record = record or {}
        self.steps = steps or {}
        self._frozen = freeze(net, experiment.freeze_backbone)
        self.averaged = averaged(net, experiment.ema_decay)
        self.train_confusion = Confusion(spec)
        self.val_confusion = Confusion(spec)
        self.averages = {"train": Averages(), "val": Averages()}
        self._random_states: list[dict[str, Any]] = []
        self._finite = FiniteLoss()
        self._watched: tuple[int, list[str]] = 0, []

    def forward(self, image: Tensor) -> Tensor:
        """Logits [B, N, H, W] of normalised images."""
        return segment(self.evaluated_net, image, self.spec.num_classes).logits

    @property
    def evaluated_net(self) -> nn.Module:
        """The network that is validated and saved: the averaged one where there is one."""
        return self.net if self.averaged is None else self.averaged.module

    def train(self, mode: bool = True) -> SegmentationModule:
        """Switch between training and evaluation mode, all but what is frozen."""
        super().train(mode)
        for module in self._frozen:
            module.eval()
        return self

    def training_step(self, batch: dict, batch_idx: int) -> Tensor:
        """Loss of a batch."""
        terms = self._step(self.net, batch, "train", self.train_confusion)
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
        self._step(self.evaluated_net, batch, "val", self.val_confusion)

    def optimizer_step(self, *arguments: Any, **named: Any) -> None:
        """Take the step, and let the averaged weights follow."""
        super().optimizer_step(*arguments, **named)
        if self.averaged is not None:
            self.averaged.update(self.net, self.global_step + 1)

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
        groups = self.optimizers().param_groups
        for group, rate in zip(groups, rates_now(self.lr_schedulers()), strict=True):
            group["lr"] = rate

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        """Store the record, the epoch so far, and random states.

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
        if self.averaged is not None:
            store_average(checkpoint, self.averaged.decay)
        checkpoint |= self.record
        checkpoint["progress"] = {
            "confusion": self.train_confusion.state(),
            "averages": self.averages["train"].state(),
            "random": random_states(self.device),
            "steps": self.steps,
        }

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        """Restore what was stored; the optimizer's settings are those of the config."""
        restore_average(checkpoint, self.averaged is not None)
        as_configured(checkpoint, parameter_groups(self.net, self.experiment), self.experiment)
        progress = checkpoint.get("progress")
        if progress is not None:
            self.train_confusion.restore(progress["confusion"])
            self.averages["train"].restore(progress["averages"])
            self._random_states = progress["random"]

    def on_train_epoch_end(self) -> None:
        """Log the training scores and the learning rate."""
        rates = logged_rates(self.lr_schedulers(), self.experiment)
        self._log_epoch("train", self.train_confusion, rates)

    def on_validation_start(self) -> None:
        """Validate the network that is going to be saved."""
        average_buffers(self.net)
        if self.averaged is not None:
            average_buffers(self.averaged)

    def on_validation_epoch_end(self) -> None:
        """Log and print the validation scores."""
        scores = self._log_epoch("val", self.val_confusion)
        epoch = f"epoch {self.current_epoch + 1} of {self.trainer.max_epochs}"
        self.print(f"\n{score_table({'': scores}, self.spec, epoch)}\n")

    def configure_optimizers(self) -> dict:
        """AdamW inside Lookahead; linear warm-up, then cosine, both by the step."""
        optimizer = build_optimizer(parameter_groups(self.net, self.experiment), self.experiment)
        # The trainer's own estimate starts the data loaders before a checkpoint has said where.
        batches = self.trainer.datamodule.batches_per_epoch(self.trainer.world_size)
        schedule = build_schedule(optimizer, self.experiment, batches)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def _step(
        self, net: nn.Module, batch: dict, stage: str, confusion: Confusion
    ) -> dict[str, Tensor]:
        out = segment(net, batch["image"], self.spec.num_classes)
        terms = self.loss(out, batch["mask"])
        confusion.update(out.logits.detach().max(dim=1).indices, batch["mask"])
        labeled = (batch["mask"] != self.spec.ignore_index).flatten(1).any(dim=1)
        self.averages[stage].update(terms, labeled.sum())
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
