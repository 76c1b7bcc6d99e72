"""Which device and precision a run uses."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from network.errors import ConfigError, DeviceError
from network.freed_memory import keep_freed_memory

AUTOCAST_DTYPES = {"32-true": None, "bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}

BF16_AT_MOST = 0.75
"""Share of float32's time at which bfloat16 is worth its rounding."""
_MEASURED = "BICOR_BF16_TIME_SHARE"


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


def choose_precision(precision: str, device: torch.device) -> str:
    """Resolve ``auto`` and ``bf16-where-native``, and refuse what the device does not compute.

    ``auto`` is bf16-mixed on CUDA cards with bfloat16 of their own, and 32-true elsewhere.
    ``bf16-where-native`` is that on CUDA; on a CPU a short measurement decides, and is printed.

    Raises:
        ConfigError: an unknown precision, or 16-mixed on a CPU.
    """
    if precision == "auto":
        return "bf16-mixed" if _has_bf16(device) else "32-true"
    if precision == "bf16-where-native":
        native = _has_bf16(device) if device.type == "cuda" else _is_quicker_in_bf16()
        return "bf16-mixed" if native else "32-true"
    if precision not in AUTOCAST_DTYPES:
        known = ", ".join(("auto", "bf16-where-native", *AUTOCAST_DTYPES))
        raise ConfigError(f"precision={precision!r}: one of {known}")
    if precision == "16-mixed" and device.type == "cpu":
        raise ConfigError(
            "precision=16-mixed is float16 with scaled gradients, for CUDA only; on a CPU use "
            "32-true, bf16-mixed or bf16-where-native"
        )
    return precision


def _has_bf16(device: torch.device) -> bool:
    """Whether a card computes in bfloat16 itself; others emulate it, slower than float32."""
    if device.type != "cuda":
        return False
    with torch.cuda.device(device):
        return torch.cuda.is_bf16_supported(including_emulation=False)


def _is_quicker_in_bf16() -> bool:
    """Whether this CPU is; processes that it starts take over what this one measured."""
    measured = os.environ.get(_MEASURED)
    share = float(measured) if measured else bf16_time_share()
    os.environ[_MEASURED] = str(share)
    quicker = share <= BF16_AT_MOST
    if not measured:
        print(
            f"precision: {'bf16-mixed' if quicker else '32-true'}, as bfloat16 takes {share:.2f} "
            "of float32's time on this processor"
        )
    return quicker


def bf16_time_share() -> float:
    """Time of a convolution, a norm and two products in bfloat16 over that in float32, on this CPU.

    Of processor time of one thread, which other programs hardly change; about a quarter of a second
    where there are instructions for bfloat16, and a second where there are none.
    """
    channels, generator = 128, torch.Generator().manual_seed(0)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    image = random(2, channels, 48, 48).contiguous(memory_format=torch.channels_last)
    kernel = random(channels, channels, 3, 3).contiguous(memory_format=torch.channels_last)
    up, down = random(2 * channels, channels), random(channels, 2 * channels)

    def seconds(bf16: bool) -> float:
        start = time.process_time()
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            x = F.conv2d(image, kernel, padding=1).permute(0, 2, 3, 1)
            F.linear(F.gelu(F.linear(F.layer_norm(x, (channels,)), up)), down)
        return time.process_time() - start

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        first = seconds(False), seconds(True)  # these also choose and compile kernels
        rounds = 1 if first[1] > 3 * first[0] else 5
        times = [(seconds(False), seconds(True)) for _ in range(rounds)]
    finally:
        torch.set_num_threads(threads)
    exact, rough = map(sum, zip(*times, strict=True))
    return rough / max(exact, 1e-9)
