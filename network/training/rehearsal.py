"""A step of training and one of validation before a run begins, for faults that only show there."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from network.datasets.datamodule import SegmentationDataModule
from network.devices import AUTOCAST_DTYPES
from network.errors import ConfigError, UserError
from network.processes import random_states, restore_random_state, starts_alone

_TRAINING = "change train_batch_size, transform.crop_size, the network or the loss"
_VALIDATION = (
    "a network of one fixed size needs validation images of that size; cut them, or choose a "
    "backbone that takes any"
)


def rehearse(
    net: nn.Module,
    loss: nn.Module,
    data: SegmentationDataModule,
    device: torch.device,
    precision: str,
    synchronised: bool = False,
) -> list[str]:
    """Take a training batch forward and backward, and the first validation image as it is.

    Copies do it, and random states are put back, so that the training that follows is the one that
    it would have been. Processes beside the first, and networks that cannot be copied, take one
    training image in evaluation mode instead.

    Args:
        net: in training mode.
        loss: of it.
        data: set up for training.
        device: where to run.
        precision: a key of ``network.devices.AUTOCAST_DTYPES``.
        synchronised: batch norm will see the images of several processes.

    Returns:
        names of the loss's terms in evaluation mode.

    Raises:
        ConfigError: network or loss fail, or the logits do not have the size of the mask or the
            classes of the dataset.
        DataError: an image that cannot be read.
    """
    copies = _copied(net, loss) if starts_alone() else None
    classes = data.layout.spec.num_classes
    if copies is None:
        with torch.no_grad():
            batch = data.first_batch("train", 1)
            terms = _step(net.eval(), loss.eval(), batch, classes, _TRAINING)
        net.train()
        loss.train()
        return terms
    dtype = AUTOCAST_DTYPES[precision]
    states = random_states(device)
    net = copies[0].to(device, memory_format=torch.channels_last)
    loss = copies[1].to(device)
    images = max(data.train_batch_size, 2) if synchronised else data.train_batch_size
    try:
        with torch.autocast(device.type, dtype, enabled=dtype is not None):
            batch = data.first_batch("train", images, device)
            _step(net, loss, batch, classes, _TRAINING)
            batch = data.first_batch("val", 1, device)
            with torch.no_grad():
                terms = _step(net.eval(), loss.eval(), batch, classes, _VALIDATION)
    finally:
        restore_random_state(states, device)
    return terms


def _copied(net: nn.Module, loss: nn.Module) -> tuple[nn.Module, nn.Module] | None:
    try:
        return copy.deepcopy((net, loss))
    except Exception:  # what somebody's network holds may raise anything here
        return None


def _step(
    net: nn.Module, loss: nn.Module, batch: dict[str, Any], classes: int, advice: str
) -> list[str]:
    """A batch through network and loss, and back where gradients are enabled."""
    image, mask = batch["image"], batch["mask"]
    try:
        out = net(image)
        _check_logits(getattr(out, "logits", None), mask, classes)
        terms = loss(out, mask)
        total = terms["total"]
        if torch.is_grad_enabled():
            total.backward()
    except Exception as error:  # network and loss may be somebody's
        if isinstance(error, (UserError, torch.OutOfMemoryError)):
            raise
        reason = f"{type(error).__name__}: {error}".strip().splitlines()[0]
        size = "x".join(str(side) for side in image.shape[-2:])
        kind = "training" if net.training else "validation"
        raise ConfigError(
            f"{type(net).__name__} and {type(loss).__name__} fail in {kind} on a batch of "
            f"{len(image)} of {size} pixels ({reason}): {advice}. BICOR_TRACEBACK=1 shows where"
        ) from error
    return list(terms)


def _check_logits(logits: Tensor | None, mask: Tensor, classes: int) -> None:
    """Refuse what no mask can be compared with."""
    wanted = [len(mask), classes, *mask.shape[1:]]
    found = list(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
    if found != wanted:
        raise ConfigError(
            f"the network's output.logits are {found}, for masks {list(mask.shape)} of {classes} "
            f"classes they must be {wanted}"
        )
