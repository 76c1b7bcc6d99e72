"""A step of training and one of validation before a run begins, for faults that only show there."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from network.datasets.datamodule import SegmentationDataModule
from network.devices import AUTOCAST_DTYPES
from network.errors import ConfigError, UserError
from network.models.modes import evaluating
from network.models.output import gives_heatmaps, segment
from network.processes import random_states, restore_random_state

_ADVICE = {
    "training": "change train_batch_size, transform.crop_size, the network or the loss",
    "validation": "a network of one fixed size needs validation images of that size; cut them, or "
    "choose a backbone that takes any",
}


def shows_heatmaps(net: nn.Module, data: SegmentationDataModule) -> bool:
    """Whether a network gives class heatmaps, by trying it on a training image.

    Args:
        net: whose parts are left in the modes that they have.
        data: set up for training.

    Raises:
        ConfigError: it fails, or gives what is no output.
        DataError: an image that cannot be read.
    """
    image = data.first_batch("train", 1)["image"]
    states = random_states(image.device)
    with _named(net, None, image, "training"):
        found = gives_heatmaps(net, image, data.layout.spec.num_classes)
    restore_random_state(states, image.device)
    return found


class Rehearsal(NamedTuple):
    """What a rehearsal has shown.

    Attributes:
        terms: names of the loss's terms in validation.
        without_gradient: names of the parameters that the loss does not depend on.
    """

    terms: list[str]
    without_gradient: list[str]


def rehearse(
    net: nn.Module,
    loss: nn.Module,
    data: SegmentationDataModule,
    device: torch.device,
    precision: str,
    synchronised: bool = False,
) -> Rehearsal:
    """Take a training batch forward and backward, and the first validation image as it is.

    Copies do it, and random states are put back, so that the training that follows is the one that
    it would have been. Networks that cannot be copied take one training image in evaluation mode
    instead.

    Args:
        net: in training mode.
        loss: of it.
        data: set up for training.
        device: where to run.
        precision: a key of ``network.devices.AUTOCAST_DTYPES``.
        synchronised: batch norm will see the images of several processes.

    Raises:
        ConfigError: network or loss fail, or the network gives what is no output.
        DataError: an image that cannot be read.
    """
    copies = _copied(net, loss)
    classes = data.layout.spec.num_classes
    if copies is None:
        with torch.no_grad(), evaluating(net, loss):
            batch = data.first_batch("train", 1)
            terms = _step(net, loss, batch, classes, "training")
        return Rehearsal(terms, [])
    dtype = AUTOCAST_DTYPES[precision]
    states = random_states(device)
    net = copies[0].to(device, memory_format=torch.channels_last)
    loss = copies[1].to(device)
    images = max(data.train_batch_size, 2) if synchronised else data.train_batch_size
    try:
        with torch.autocast(device.type, dtype, enabled=dtype is not None):
            batch = data.first_batch("train", images, device)
            _step(net, loss, batch, classes, "training")
            trained = [(name, p) for name, p in net.named_parameters() if p.requires_grad]
            batch = data.first_batch("val", 1, device)
            with torch.no_grad():
                terms = _step(net.eval(), loss.eval(), batch, classes, "validation")
    finally:
        restore_random_state(states, device)
    return Rehearsal(terms, [name for name, p in trained if p.grad is None])


def _copied(net: nn.Module, loss: nn.Module) -> tuple[nn.Module, nn.Module] | None:
    try:
        return copy.deepcopy((net, loss))
    except Exception:  # what somebody's network holds may raise anything here
        return None


def _step(
    net: nn.Module, loss: nn.Module, batch: dict[str, Any], classes: int, stage: str
) -> list[str]:
    """A batch through network and loss, and back where gradients are enabled."""
    with _named(net, loss, batch["image"], stage):
        terms = loss(segment(net, batch["image"], classes), batch["mask"])
        total = terms["total"]
        if torch.is_grad_enabled():
            total.backward()
    return list(terms)


@contextmanager
def _named(net: nn.Module, loss: nn.Module | None, image: Tensor, stage: str) -> Iterator[None]:
    """Say of which batch a fault in a network or a loss is; both may be somebody's."""
    try:
        yield
    except Exception as error:
        if isinstance(error, (UserError, torch.OutOfMemoryError)):
            raise
        reason = f"{type(error).__name__}: {error}".strip().splitlines()[0]
        size = "x".join(str(side) for side in image.shape[-2:])
        names = [type(each).__name__ for each in (net, loss) if each is not None]
        raise ConfigError(
            f"{' and '.join(names)} {'fail' if len(names) > 1 else 'fails'} in {stage} on a batch "
            f"of {len(image)} of {size} pixels ({reason}): {_ADVICE[stage]}. BICOR_TRACEBACK=1 "
            "shows where"
        ) from error
