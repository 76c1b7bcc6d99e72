"""What measurements were made on, in words."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch

_PROCESSORS = Path("/proc/cpuinfo")


def machine_of(device: torch.device) -> dict[str, object]:
    """Name of the device, threads that compute, versions of torch and Python."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else processor()
    return {
        "device": name,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def processor() -> str:
    """Name of the processor as far as the system tells it, and the number of its cores."""
    try:
        lines = _PROCESSORS.read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores"
