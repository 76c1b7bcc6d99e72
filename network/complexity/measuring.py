"""Time and memory of a call."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch

from network.freed_memory import release_freed_memory

_RESET_PEAK = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


class Measured(NamedTuple):
    """Median seconds of a call, the fastest one, and bytes of memory that it added at its peak."""

    seconds: float
    fastest: float
    added: int | None


def measure(
    call: Callable[[], object],
    device: torch.device,
    warmup: int = 2,
    least: int = 3,
    seconds: float = 2.0,
) -> Measured:
    """Call it to warm up, then until it was called often and long enough.

    Args:
        call: that is measured.
        device: on which it computes.
        warmup: calls before.
        least: calls that count.
        seconds: that they take together.
    """
    for _ in range(warmup):
        call()
    times: list[float] = []
    while len(times) < least or sum(times) < seconds:
        times.append(timed(call, device))
    return Measured(statistics.median(times), min(times), added_memory(call, device))


def timed(call: Callable[[], object], device: torch.device) -> float:
    """Seconds of a call, with what it started on the device."""
    _synchronize(device)
    start = time.perf_counter()
    call()
    _synchronize(device)
    return time.perf_counter() - start


def added_memory(call: Callable[[], object], device: torch.device) -> int | None:
    """Bytes that a call adds at its peak: of the GPU, or of the process where Linux tells."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        return torch.cuda.max_memory_allocated(device) - before
    release_freed_memory()
    try:
        _RESET_PEAK.write_text("5")
        before = resident("VmRSS")
        call()
        return resident("VmHWM") - before
    except OSError:
        return None


def resident(field: str) -> int:
    """Bytes in memory, now (``VmRSS``) or at most so far (``VmHWM``); Linux tells them.

    Raises:
        OSError: it does not.
    """
    for line in _STATUS.read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise OSError(f"no {field} in {_STATUS}")


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
