"""Time and memory of inference against the size of the image."""

from __future__ import annotations

import torch

from benchmarks.measuring import Row, compare, megabytes
from benchmarks.model import inference, network

SIDES = (512, 1024, 2048)


def run() -> list[Row]:
    """Batch 1, float32; per pixel, against the smallest image."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    net = network(7, device)
    calls = {}
    for side in SIDES:
        image = torch.randn(1, 3, side, side, device=device)
        calls[side] = inference(net, image.to(memory_format=torch.channels_last))
    found = compare(calls, rounds=3, warmup=1)
    first = found[SIDES[0]]
    rows = []
    for side, measured in found.items():
        pixels = (side / SIDES[0]) ** 2
        rows.append(Row(f"{side}x{side}", measured.seconds, "s"))
        rows.append(Row(f"{side}x{side}, added memory", megabytes(measured.added), "MB"))
        if side > SIDES[0]:
            time = measured.seconds / first.seconds / pixels
            rows.append(
                Row(f"{side}x{side}, time per pixel against 512x512", time, "x", "at most 1.1")
            )
            if measured.added is not None:
                memory = measured.added / first.added / pixels
                rows.append(Row(f"{side}x{side}, memory per pixel", memory, "x", "at most 1.1"))
    return rows
