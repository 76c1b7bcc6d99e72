"""A network as a config trains it, from random weights, and a batch of noise to measure it on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from network.devices import AUTOCAST_DTYPES, choose_precision, prepare_device
from network.errors import ConfigError, UserError
from network.experiment import Experiment
from network.models.output import gives_heatmaps, segment
from network.training.freezing import freeze
from network.training.optimizer import build_optimizer, parameter_groups


class Subject:
    """Network, loss, optimizer and batch, on the device that the config names.

    No weights are fetched, and no file of the dataset is read.

    Args:
        experiment: the config.
        size: height and width of the images.
        batch: number of them.

    Attributes:
        spec: of the dataset.
        net, loss, optimizer: of the config.
        device: where they are.
        precision: a key of ``network.devices.AUTOCAST_DTYPES``.
        image: float [B, bands, size, size].
        mask: int64 [B, size, size].

    Raises:
        ConfigError: a config that cannot be trained, or a size that its network does not take.
    """

    def __init__(self, experiment: Experiment, size: int, batch: int) -> None:
        self.name = str(experiment.config_path)
        if size < experiment.min_size:
            raise ConfigError(
                f"{self.name}: its network takes images from {experiment.min_size} pixels up, "
                f"and the size is {size}"
            )
        self.device = prepare_device(experiment.accelerator, experiment.devices)
        self.precision = choose_precision(experiment.precision, self.device)
        self.spec = experiment.build_dataset().spec
        net = experiment.build_net(self.spec, pretrained=False)
        self.net = net.to(self.device, memory_format=torch.channels_last)
        self._frozen = freeze(self.net, experiment.freeze_backbone)
        shape = (batch, size, size)
        image = torch.randn(batch, self.spec.num_bands, size, size)
        self.image = image.to(self.device, memory_format=torch.channels_last)
        self.mask = torch.randint(self.spec.num_classes, shape, device=self.device)
        experiment = experiment.with_loss(self._gives_heatmaps)
        # The weights of class_weights=auto are from the masks; here any will do.
        loss = experiment.build_loss(self.spec, [1] * self.spec.num_classes)
        self.loss = loss.to(self.device)
        self.optimizer = build_optimizer(parameter_groups(self.net, experiment), experiment)

    def predict(self, images: int = 1) -> None:
        """Segment so many images of the batch in evaluation mode."""
        self.net.eval()
        self._segment("inference", images)

    def learn(self) -> None:
        """Take the batch forward in training mode, through the loss, and back."""
        self.net.train()
        for module in self._frozen:
            module.eval()
        self._segment("training", len(self.image))

    def step(self) -> None:
        """``learn``, then the optimizer's step; no gradients are left."""
        self.learn()
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def _segment(self, stage: str, images: int) -> None:
        dtype = AUTOCAST_DTYPES[self.precision]
        with self._named(stage, images):
            with torch.autocast(self.device.type, dtype, enabled=dtype is not None):
                out = segment(self.net, self.image[:images], self.spec.num_classes)
                terms = self.loss(out, self.mask) if stage == "training" else {}
            if terms:
                terms["total"].backward()

    def _gives_heatmaps(self) -> bool:
        with self._named("inference", 1):
            return gives_heatmaps(self.net, self.image[:1], self.spec.num_classes)

    @contextmanager
    def _named(self, stage: str, images: int) -> Iterator[None]:
        """Say of which network and batch a fault is; the network may be somebody's own."""
        size = "x".join(str(side) for side in self.image.shape[-2:])
        what = f"in {stage} on a batch of {images} of {size} pixels"
        try:
            yield
        except UserError:
            raise
        except torch.OutOfMemoryError as error:
            raise ConfigError(
                f"{self.name}: the GPU's memory is full {what}; use a smaller batch or size"
            ) from error
        except Exception as error:  # network and loss may be somebody's
            reason = f"{type(error).__name__}: {error}".strip().splitlines()[0]
            raise ConfigError(
                f"{self.name}: {type(self.net).__name__} or its loss fails {what} ({reason}): "
                "try another batch or size, or mend them. BICOR_TRACEBACK=1 shows where"
            ) from error
