"""Which device and precision a run uses."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import torch

from network.errors import ConfigError, DeviceError

AUTOCAST_DTYPES = {"32-true": None, "bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of malloc.h


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


def prepare_device(accelerator: str) -> torch.device:
    """``choose_device``, made ready for a run.

    Raises:
        DeviceError: CUDA asked for where there is none.
    """
    device = choose_device(accelerator)
    if device.type == "cpu":
        keep_freed_memory()
    return device


def keep_freed_memory() -> None:
    """Let the C library keep what is freed for the next tensors; for runs on a CPU.

    Given back to the system after every layer, it costs as many page faults as arithmetic. Without
    effect where the library is not glibc.
    """
    mallopt = _of_glibc("mallopt")
    if mallopt:
        mallopt(_M_MMAP_THRESHOLD, 1 << 30)
        mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1)


def release_freed_memory() -> None:
    """Give back what ``keep_freed_memory`` kept; to be called now and then.

    glibc does not find every freed block again when it aligns the next one, so that what is kept
    grows with the number of images.
    """
    trim = _of_glibc("malloc_trim")
    if trim:
        trim(0)


def _of_glibc(name: str) -> Callable[..., int] | None:
    try:
        return getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError, TypeError):
        return None


def choose_precision(precision: str, device: torch.device) -> str:
    """Resolve ``auto`` (bf16-mixed on CUDA, 32-true on a CPU) and ``bf16-where-native``.

    The latter is bf16-mixed where the device has instructions for it, and 32-true elsewhere.

    Raises:
        ConfigError: an unknown precision.
    """
    if precision == "auto":
        return "bf16-mixed" if device.type == "cuda" else "32-true"
    if precision == "bf16-where-native":
        return "bf16-mixed" if _computes_bf16(device) else "32-true"
    if precision not in AUTOCAST_DTYPES:
        known = ", ".join(("auto", "bf16-where-native", *AUTOCAST_DTYPES))
        raise ConfigError(f"precision={precision!r}: one of {known}")
    return precision


def _computes_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability() >= (8, 0)
    # Older torch does not tell.
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
