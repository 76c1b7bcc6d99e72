"""Time and memory of inference against the size of the image."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import torch

from benchmarks.measuring import Row, compare, megabytes, this_device
from benchmarks.model import inference, network
from network.complexity.measuring import added_memory

SIDES = (512, 1024, 2048)


def run() -> list[Row]:
    """Batch 1, float32; per pixel, against the smallest image."""
    found = compare({side: _inference(side) for side in SIDES}, rounds=3, warmup=1)
    added = {side: _added_alone(side) for side in SIDES}
    first = SIDES[0]
    rows = []
    for side in SIDES:
        pixels = (side / first) ** 2
        rows.append(Row(f"{side}x{side}", found[side].seconds, "s"))
        rows.append(Row(f"{side}x{side}, added memory", megabytes(added[side]), "MB"))
        if side > first:
            time = found[side].seconds / found[first].seconds / pixels
            rows.append(Row(f"{side}x{side}, time per pixel", time, "x", "at most 1.1"))
            memory = megabytes(added[side]) / megabytes(added[first]) / pixels
            rows.append(Row(f"{side}x{side}, memory per pixel", memory, "x", "at most 1.1"))
    return rows


def _inference(side: int) -> Callable[[], object]:
    device = this_device()
    image = torch.randn(1, 3, side, side, device=device)
    return inference(network(7, device.type), image.to(memory_format=torch.channels_last))


def _added_alone(side: int) -> int | None:
    """In a process of its own, whose heap no other size has been through."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_added, side).result()


def _added(side: int) -> int | None:
    call = _inference(side)
    call()
    return added_memory(call, this_device())
