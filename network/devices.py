"""Which device and precision a run uses."""

from __future__ import annotations

import torch

from network.errors import ConfigError, DeviceError

AUTOCAST_DTYPES = {"32-true": None, "bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}


def choose_device(accelerator: str) -> torch.device:
    """Resolve ``auto``, ``cpu``, ``gpu`` or ``cuda``.

    Raises:
        DeviceError: CUDA asked for where there is none.
    """
    if accelerator == "cpu":
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda")
    if accelerator == "auto":
        return torch.device("cpu")
    raise DeviceError(
        f"accelerator={accelerator}, but torch {torch.__version__} finds no CUDA device on this "
        "machine; use accelerator=cpu, or mend the driver or the torch installation"
    )


def choose_precision(precision: str, device: torch.device) -> str:
    """Resolve ``auto``: bf16-mixed on CUDA, 32-true on a CPU.

    Raises:
        ConfigError: an unknown precision.
    """
    if precision == "auto":
        return "bf16-mixed" if device.type == "cuda" else "32-true"
    if precision not in AUTOCAST_DTYPES:
        raise ConfigError(f"precision={precision!r}: auto or one of {', '.join(AUTOCAST_DTYPES)}")
    return precision
