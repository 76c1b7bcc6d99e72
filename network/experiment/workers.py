"""How many processes load data: ``num_workers="auto"``."""

from __future__ import annotations

import os
from collections.abc import Sequence

import torch

from network.errors import ConfigError
from network.files.machine import free_memory, usable_processors
from network.files.parallel import MAX_PROCESSES

AUTO = "auto"
ON_CPU = 2
"""At most so many where the network runs on the processors as well, and takes few images."""
MEMORY = 1 << 30
"""Bytes that a loading process may take, its batches included."""


def loading_processes(
    num_workers: int | str, accelerator: str, devices: int | str | Sequence[int]
) -> int:
    """The number that ``num_workers`` comes to on this machine.

    With ``auto`` each of the processes of a training that run on this machine takes its share of
    the processors that may be used, one of them left for itself where there are more than two, but
    no more than ``MAX_PROCESSES`` and than there is memory for.

    Args:
        num_workers: a number, or ``auto``.
        accelerator: of the training.
        devices: of the training.

    Raises:
        ConfigError: another text.
    """
    if not isinstance(num_workers, str):
        return num_workers
    if num_workers != AUTO:
        raise ConfigError(f"num_workers={num_workers!r}: a number, or {AUTO!r}")
    on_card = accelerator != "cpu" and torch.cuda.is_available()
    processes = _processes(devices, on_card)
    share = usable_processors() // processes
    wanted = min(share if share <= 2 else share - 1, MAX_PROCESSES if on_card else ON_CPU)
    memory = free_memory()
    return wanted if memory is None else min(wanted, memory // MEMORY // processes)


def _processes(devices: int | str | Sequence[int], on_card: bool) -> int:
    """Of a training, on this machine."""
    started = os.environ.get("LOCAL_WORLD_SIZE", "")  # by torchrun
    if started.isdigit():
        return max(1, int(started))
    if isinstance(devices, str):
        every = devices.strip() in ("auto", "-1")
        count = torch.cuda.device_count() if every and on_card else devices.count(",") + 1
        number = devices.strip()
        return max(1, int(number) if number.isdigit() else count)
    if isinstance(devices, int):
        every = devices == -1
        return max(1, torch.cuda.device_count() if every and on_card else devices)
    return max(1, len(devices))
