"""What a result depends on beside data and weights: versions, commit, machine."""

from __future__ import annotations

import platform
import subprocess
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from network.experiment import Experiment

PACKAGES = (
    "torch",
    "torchvision",
    "pytorch-lightning",
    "timm",
    "albumentations",
    "opencv-python-headless",
    "numpy",
    "ttach",
    "torchmetrics",
)


def provenance(experiment: Experiment, device: torch.device) -> dict[str, Any]:
    """Config, overrides, all settings, seed, date, versions and commit, as plain values."""
    return {
        "config": str(experiment.config_path),
        "overrides": list(experiment.overrides),
        "settings": experiment.settings(),
        "seed": experiment.seed,
        "date": now(),
        "versions": versions(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "commit": _commit(),
    }


def versions() -> dict[str, str | None]:
    """Of Python and ``PACKAGES``; None of a package that is not installed."""
    found = {name: _version(name) for name in PACKAGES}
    return {"python": platform.python_version()} | found


def now() -> str:
    """Date and time with the time zone, to the second."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Commit of this repository, marked where files differ from it."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(Path(__file__).parent), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("-dirty" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return None
