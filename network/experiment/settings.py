"""The schema of a config: every setting, its default and its checks."""

from __future__ import annotations

import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from network.datasets.catalog import DatasetSpec
from network.datasets.checks import check_contents, check_sizes
from network.datasets.datamodule import SegmentationDataModule
from network.datasets.dataset import Transform
from network.datasets.layout import DatasetLayout, Sample
from network.datasets.transforms import TrainTransform
from network.errors import ConfigError
from network.experiment.class_weights import weights_of
from network.experiment.completing import complete_network
from network.experiment.loading import (
    as_partial,
    overridden,
    read_config,
    refuse_unknown,
)
from network.experiment.ranges import check_ranges
from network.experiment.values import (
    accepted,
    build,
    check_value,
    complete,
    described,
)
from network.experiment.workers import AUTO, loading_processes
from network.losses.default import default_loss
from network.models.depthwise import with_exact_depthwise
from network.models.geometry import min_size_of
from network.models.recorded import FIRST_WEIGHTS

BUILDERS = {"dataset", "net", "loss", "transform"}


@dataclass(kw_only=True)
class Experiment:
    """Everything a run depends on; the names are those of a config file.

    Attributes:
        dataset: builds the dataset's layout.
        net: builds the network; the number of classes comes from the dataset.
        loss: builds the loss; the ignore index comes from the dataset. Without it, training takes
            ``BiCoRLoss`` for a network that gives heatmaps and ``SegmentationLoss`` for any other.
        class_weights: of the classes' pixels in the loss's cross-entropies: one number each;
            ``auto`` for one over the square root of their pixels in the training masks; None for
            equal ones.
        transform: builds the transform of training samples.
        name: of the run, for output folders; without it, the config file's name.
        seed: of weights, shuffling and transforms.
        max_epoch: epochs to train.
        train_batch_size, val_batch_size: images per process and step.
        repeat: how often each training image is drawn in an epoch.
        num_workers: data loading processes; ``auto`` by processors, devices and memory of the
            machine (see ``network.experiment.workers``), and then is what it comes to.
        lr: peak learning rate; lr_min: at the end of the cosine.
        warmup_epoch: epochs (or a part of one) in which the rate rises linearly to ``lr``.
        backbone_lr: peak learning rate of the backbone; None for ``lr``.
        layer_decay: factor of the learning rate from each layer of the backbone to the one before
            it, by timm's layers; None for one rate. All rates follow one curve, in proportion.
        freeze_backbone: True trains the rest only; a number keeps the stem and so many stages as
            they are. Batch norm and dropout of frozen parts stay in evaluation mode.
        weight_decay: of AdamW.
        decay_norms_and_biases: weight decay also of parameters of one dimension.
        lookahead_k, lookahead_alpha: Lookahead's steps and rate; k = 0 leaves it out.
        ema_decay: of the moving average of the weights, as 0.999, which is validated, saved and
            tested; None for the weights themselves.
        monitor: logged value by which the best checkpoint is chosen: the highest score, or the
            lowest of a loss term.
        val_every: epochs between validations.
        accumulate: batches per optimizer step.
        clip_norm: largest norm of the gradient; None leaves it as it is.
        accelerator: ``auto``, ``cpu`` or ``gpu``.
        devices, num_nodes, strategy: of the Lightning Trainer; several devices train by ``ddp``.
            A number of CUDA cards, a list of which, or ``auto``; what follows the training runs on
            the first of them.
        sync_batchnorm: let batch norm see the batches of all processes (CUDA only).
        checkpoint_every_minutes: minutes between two checkpoints within an epoch; 0 writes them at
            the end of epochs only.
        precision: ``32-true`` (with TF32 on CUDA), ``bf16-mixed``, or ``16-mixed`` (CUDA only).
            ``auto`` is bf16-mixed on CUDA cards that have bfloat16 and 32-true elsewhere;
            ``bf16-where-native`` is that on CUDA, and bf16-mixed on a CPU on which a short
            measurement finds it quicker by a quarter. Each stage decides on its own machine; which
            one it was stands in ``run.json`` and ``results.json``.
        compile: run the network through torch.compile.
        logger: ``csv``, or ``tensorboard`` or ``wandb`` beside it.
        sample_every: epochs between pictures of sample predictions; 0 draws none.
        sample_images: validation images on them.
        test_window: pixels; tests predict images with a longer side in overlapping windows of this
            side, as ``predict.py`` does, and all others whole.
        check_data: decode every image and mask before training or testing; without it only
            names and sizes are checked, and a truncated image may be taken for a gray one.
    """

    dataset: Callable[..., DatasetLayout]
    net: Callable[..., nn.Module]
    loss: Callable[..., nn.Module] = field(default_factory=lambda: partial(default_loss))
    class_weights: str | Sequence[float] | None = None
    transform: Callable[..., Transform] = field(default_factory=lambda: partial(TrainTransform))
    name: str = ""
    seed: int = 42
    max_epoch: int = 45
    train_batch_size: int = 4
    val_batch_size: int = 1
    repeat: int = 1
    num_workers: int | str = AUTO
    lr: float = 1e-4
    lr_min: float = 1e-6
    warmup_epoch: float = 0.0
    backbone_lr: float | None = None
    layer_decay: float | None = None
    freeze_backbone: bool | int = False
    weight_decay: float = 0.01
    decay_norms_and_biases: bool = True
    lookahead_k: int = 5
    lookahead_alpha: float = 0.5
    ema_decay: float | None = None
    monitor: str = "val_mIoU"
    val_every: int = 1
    accumulate: int = 1
    clip_norm: float | None = None
    accelerator: str = "auto"
    devices: int | str | Sequence[int] = 1
    num_nodes: int = 1
    strategy: str = "auto"
    sync_batchnorm: bool = False
    checkpoint_every_minutes: float = 15.0
    precision: str = "auto"
    compile: bool = False
    logger: str = "csv"
    sample_every: int = 5
    sample_images: int = 4
    test_window: int = 2048
    check_data: bool = True

    config_path: Path = field(default=Path(), metadata={"setting": False})
    overrides: tuple[str, ...] = field(default=(), metadata={"setting": False})

    @classmethod
    def load(cls, path: str | Path, overrides: Sequence[str] = ()) -> Experiment:
        """Read a config file and apply overrides such as ``max_epoch=1 net.backbone=resnet18``.

        Raises:
            ConfigError: no such file, a fault in it, an unknown name, a value of a wrong type.
        """
        path = Path(path)
        known = {f.name: f for f in fields(cls) if f.metadata.get("setting", True)}
        values = read_config(path, known)
        hints = typing.get_type_hints(cls)
        refuse_unknown(values, known, path)
        for name in ("dataset", "net"):
            if name not in values:
                raise ConfigError(f"{path} does not set {name!r}, which has no default")
        for name in BUILDERS & values.keys():
            values[name] = as_partial(values[name], f"{path}: {name}")
        experiment = cls(**values, config_path=path, overrides=tuple(overrides))
        for override in overrides:
            setattr(experiment, *overridden(experiment, override, known))
        for name in known:
            check_value(name, getattr(experiment, name), hints[name], str(path))
        experiment.num_workers = experiment.loading_processes
        check_ranges(experiment)
        experiment.name = experiment.name or path.stem
        if Path(experiment.name).name != experiment.name:
            raise ConfigError(f"name={experiment.name!r}: it names a folder, so without slashes")
        return experiment

    @property
    def min_size(self) -> int:
        """Least height and width of an image, as the network's class says."""
        return min_size_of(getattr(self.net, "func", self.net))

    @property
    def loading_processes(self) -> int:
        """The number that ``num_workers`` comes to here.

        Raises:
            ConfigError: it is no number and not ``auto``.
        """
        return loading_processes(self.num_workers, self.accelerator, self.devices)

    def build_dataset(self) -> DatasetLayout:
        """The layout of the dataset; its files are not looked at yet."""
        return build(self.dataset, "dataset")

    def build_net(self, spec: DatasetSpec, pretrained: bool = True) -> nn.Module:
        """The network for a dataset.

        Args:
            spec: of the dataset.
            pretrained: False leaves pretrained weights out (and downloads nothing), for a network
                that is about to load a checkpoint.

        Raises:
            ConfigError: wrong arguments, or what is built is no module.
        """
        without = {} if pretrained else accepted(self.net, FIRST_WEIGHTS)
        net = build(partial(self.complete_net(spec), **without), "net")
        if not isinstance(net, nn.Module):
            raise ConfigError(f"net: builds {net!r:.60}, where a torch.nn.Module is needed")
        return with_exact_depthwise(net)

    def complete_net(self, spec: DatasetSpec) -> partial:
        """``net`` with what the dataset knows (see ``complete_network``)."""
        return complete_network(self.net, spec)

    def with_loss(self, heatmaps: Callable[[], bool]) -> Experiment:
        """The same with a loss, where the config names none.

        Args:
            heatmaps: finds out whether the network gives some.

        Raises:
            ConfigError: an override of a parameter that this loss does not have.
        """
        if self.loss.func is not default_loss:
            return self
        loss = self.loss(heatmaps())
        check_value("loss", loss, Callable[..., nn.Module], str(self.config_path))
        return replace(self, loss=loss)

    def build_loss(self, spec: DatasetSpec, pixels: Sequence[int] = ()) -> nn.Module:
        """The loss for a dataset; ``pixels`` of each class for ``class_weights="auto"``."""
        facts: dict[str, Any] = {"ignore_index": spec.ignore_index}
        if self.class_weights is not None:
            facts["class_weights"] = weights_of(self.class_weights, self.loss, spec, pixels)
        return build(complete(self.loss, "loss", **facts), "loss")

    def build_transform(self, spec: DatasetSpec) -> Transform:
        """The transform of training samples for a dataset."""
        facts = {"ignore_index": spec.ignore_index, "value_range": spec.value_range}
        transform = complete(self.transform, "transform", **facts)
        built = build(transform, "transform")
        crop_size = getattr(built, "crop_size", self.min_size)
        if crop_size < self.min_size:
            raise ConfigError(
                f"transform.crop_size={crop_size}: at least {self.min_size}, or the network "
                "cannot take the crops"
            )
        return built

    def build_data(self, layout: DatasetLayout) -> SegmentationDataModule:
        """The data loaders over a layout."""
        return SegmentationDataModule(
            layout,
            self.build_transform(layout.spec),
            self.train_batch_size,
            self.val_batch_size,
            self.repeat,
            self.loading_processes,
            self.seed,
            pin_memory=self.accelerator != "cpu" and torch.cuda.is_available(),
        )

    def check(self, layout: DatasetLayout, samples: Sequence[Sample]) -> None:
        """Look samples over before anything is written; ``check_data`` says how thoroughly.

        Raises:
            DataError: naming every faulty file.
        """
        if self.check_data:
            check_contents(layout, samples, self.min_size)
        else:
            check_sizes(layout.spec, samples, self.min_size)

    def settings(self) -> dict[str, str]:
        """All settings as text, as they are after the overrides."""
        return {
            f.name: described(getattr(self, f.name))
            for f in fields(self)
            if f.metadata.get("setting", True)
        }
