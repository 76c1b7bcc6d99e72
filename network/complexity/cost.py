"""What the network of a config costs: parameters, operations, time and memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from network.complexity.measuring import measure
from network.complexity.operations import Operations, count_operations, without_gradients
from network.complexity.subject import Subject
from network.errors import ConfigError, first_line
from network.experiment import Experiment
from network.experiment.values import described
from network.models.backbone_parts import backbone_of


class Parameters(NamedTuple):
    """Numbers of parameters: all, those that are trained, those of the backbone if it is named."""

    all: int
    trained: int
    backbone: int | None

    @classmethod
    def of(cls, net: nn.Module) -> Parameters:
        """Count those of a network; shared ones once."""
        try:
            backbone = backbone_of(net, "its parameters")
        except ConfigError:
            backbone = None
        return cls(
            sum(p.numel() for p in net.parameters()),
            sum(p.numel() for p in net.parameters() if p.requires_grad),
            backbone and sum(p.numel() for p in backbone.parameters()),
        )


class Speed(NamedTuple):
    """Of one batch: images, median seconds, bytes of memory at the peak (None: not known).

    That memory is the network's parameters and buffers, in training the optimizer's state, and what
    the computation adds at its peak.
    """

    images: int
    seconds: float
    memory: int | None


class Timing(NamedTuple):
    """Inference of one image, inference of a batch, a training step with the optimizer's."""

    single: Speed
    batch: Speed
    training: Speed


@dataclass(frozen=True)
class Cost:
    """What a network costs.

    Attributes:
        config: path of the config.
        network: as it is built.
        classes, bands: of the dataset.
        device, precision: of the timing.
        parameters: their numbers.
        inference: operations for one image.
        training: operations for one image of a batch, forward, loss and backward.
        timing: None where it was not asked for.
    """

    config: str
    network: str
    classes: int
    bands: int
    device: torch.device
    precision: str
    parameters: Parameters
    inference: Operations
    training: Operations
    timing: Timing | None


def cost_of(experiment: Experiment, size: int = 512, batch: int = 2, timed: bool = True) -> Cost:
    """Count, and measure on this machine, what the network of a config costs.

    Args:
        experiment: the config.
        size: height and width of the images in pixels.
        batch: images of a training step, and of the batch for the throughput.
        timed: also measure time and memory.

    Raises:
        ConfigError: the network fails, or does not take images of that size.
    """
    subject = Subject(experiment, size, batch)
    with without_gradients(subject.net):
        inference = _counted(subject.predict)
    training = _counted(subject.learn)
    subject.optimizer.zero_grad(set_to_none=True)
    if training.flops is not None:
        training = training._replace(flops=training.flops // batch)
    parameters = Parameters.of(subject.net)
    if timed and experiment.compile:
        subject.net.compile()
    return Cost(
        str(experiment.config_path),
        described(experiment.net),
        subject.spec.num_classes,
        subject.spec.num_bands,
        subject.device,
        subject.precision,
        parameters,
        inference,
        training,
        _timing(subject, experiment.lookahead_k) if timed else None,
    )


def _counted(call: Callable[[], object]) -> Operations:
    """Operations of a call; none where only counting fails."""
    try:
        return count_operations(call)
    except ConfigError as error:
        call()
        reason = first_line(error.__cause__ or error)
        return Operations(None, (f"anything, as torch's counter fails ({reason})",))


def _timing(subject: Subject, lookahead_k: int) -> Timing:
    batch = len(subject.image)

    @torch.inference_mode()
    def single() -> None:
        subject.predict(1)

    @torch.inference_mode()
    def several() -> None:
        subject.predict(batch)

    weights = [*subject.net.parameters(), *subject.net.buffers()]

    def speed(call: Callable[[], object], images: int, warmup: int = 2) -> Speed:
        found = measure(call, subject.device, warmup)
        state = subject.optimizer.state_dict()["state"].values()
        held = _bytes(weights) + sum(_bytes(kept.values()) for kept in state)
        memory = None if found.added is None else held + found.added
        return Speed(images, found.seconds, memory)

    # Lookahead's state is whole from its first slow step on.
    warmup = max(2, lookahead_k)
    return Timing(speed(single, 1), speed(several, batch), speed(subject.step, batch, warmup))


def _bytes(values: Iterable[object]) -> int:
    return sum(v.numel() * v.element_size() for v in values if isinstance(v, Tensor))
