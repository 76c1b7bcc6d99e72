"""Which device and precision a run uses."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence

import torch

from network.errors import ConfigError, DeviceError

AUTOCAST_DTYPES = {"32-true": None, "bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of malloc.h


def choose_device(accelerator: str, devices: int | str | Sequence[int] = 1) -> torch.device:
    """Resolve ``auto``, ``cpu``, ``gpu`` or ``cuda``.

    Args:
        accelerator: one of these.
        devices: as Lightning takes them: how many, or which. Of those this process has the one of
            its rank on this machine: alone, the first.

    Raises:
        ConfigError: devices that are neither.
        DeviceError: CUDA, or a card of it, asked for where there is none.
    """
    if accelerator == "cpu":
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda", _card(devices))
    if accelerator == "auto":
        return torch.device("cpu")
    raise DeviceError(
        f"accelerator={accelerator}, but torch {torch.__version__} finds no CUDA device on this "
        "machine; use accelerator=cpu, or mend the driver or the torch installation"
    )


def _card(devices: int | str | Sequence[int]) -> int:
    """Index of this process's card."""
    rank = int(os.environ.get("LOCAL_RANK") or os.environ.get("SLURM_LOCALID") or 0)
    index = rank
    try:
        if isinstance(devices, str) and "," in devices:
            devices = [int(part) for part in devices.split(",") if part.strip()]
        if isinstance(devices, str):
            int("-1" if devices == "auto" else devices)
        elif not isinstance(devices, int):
            index = devices[rank % len(devices)]
    except (ValueError, ZeroDivisionError) as error:
        raise ConfigError(
            f"devices={devices!r}: a number of them, a list of their indices, or auto"
        ) from error
    count = torch.cuda.device_count()
    if not 0 <= index < count:
        raise DeviceError(
            f"devices={devices!r} asks for CUDA device {index}, but torch finds "
            f"{count} here, counted from 0"
        )
    return index


def prepare_device(accelerator: str, devices: int | str | Sequence[int] = 1) -> torch.device:
    """``choose_device``, made ready for a run, in the same way for training and all that follows.

    On CUDA float32 products and convolutions use TF32, and cuDNN does not try its algorithms out.

    Raises:
        ConfigError, DeviceError: as ``choose_device``.
    """
    device = choose_device(accelerator, devices)
    if device.type == "cpu":
        keep_freed_memory()
    else:
        torch.cuda.set_device(device)
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = False
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
