"""What the processes of one training have in common; one process alone needs none of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from network.errors import ConfigError

Total = Callable[[Tensor], Tensor]
"""Sums a tensor over the processes that share a batch."""


def rank_and_processes() -> tuple[int, int]:
    """Rank of this process and number of processes."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def leave_group() -> None:
    """End what connects this process with the others.

    The threads of gloo would otherwise meet connections that the others have closed while the
    interpreter ends, and abort it.
    """
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def local(value: Tensor) -> Tensor:
    """The ``Total`` of a batch that no other process has a part of."""
    return value


def total(value: Tensor) -> Tensor:
    """Sum of a tensor over all processes, the same on each, with gradient.

    Every process must call it, in the same order. A loss computed from such sums has, after the
    processes' gradients were averaged (as DDP does), the gradient of the loss of the whole batch.
    """
    return _Total.apply(value) if rank_and_processes()[1] > 1 else value


class _Total(torch.autograd.Function):
    """y = sum_r x_r on every process, so dL/dx_r sums what all processes' losses ask of y."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        value = value.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(value)
        return value

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(gradient)
        return gradient


def check_agreement(what: str, value: str) -> None:
    """Refuse what must be the same in all processes and is not.

    Raises:
        ConfigError: naming the values.
    """
    _, processes = rank_and_processes()
    values = [value] * processes
    if processes > 1:
        dist.all_gather_object(values, value)
    if len(set(values)) > 1:
        raise ConfigError(
            f"the processes of this training differ in {what} ({', '.join(values)}): set it to one "
            "of them"
        )


@torch.no_grad()
def average_buffers(net: nn.Module) -> None:
    """Give every process the mean of their running statistics (of batch norm)."""
    _, processes = rank_and_processes()
    if processes > 1:
        for buffer in net.buffers():
            if buffer.is_floating_point():
                dist.all_reduce(buffer)
                buffer /= processes


def random_states(device: torch.device) -> list[dict[str, Any]]:
    """State of the random number generators of every process, as tensors and plain values."""
    kind, keys, *position = np.random.get_state()
    state = {
        "python": random.getstate(),
        "numpy": (kind, keys.tolist(), *position),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
    }
    _, processes = rank_and_processes()
    states = [state] * processes
    if processes > 1:
        dist.all_gather_object(states, state)
    return states


def restore_random_state(states: list[dict[str, Any]], device: torch.device) -> None:
    """Go on with this process's share of ``random_states``, if there were as many processes."""
    rank, processes = rank_and_processes()
    if len(states) != processes:
        return
    state = states[rank]
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    np.random.set_state(tuple(state["numpy"]))
    torch.set_rng_state(state["torch"])
    if device.type == "cuda" and state["cuda"] is not None:
        torch.cuda.set_rng_state(state["cuda"], device)
