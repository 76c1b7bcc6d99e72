"""How much of the machine this process may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")
_MEMORY = Path("/proc/meminfo")


def usable_processors() -> int:
    """Processors that this process may run on, less what its control groups do not allow."""
    try:
        count = len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # not on this system
        count = os.cpu_count() or 1
    shares = [quota / period for quota, period in _processor_quotas() if quota > 0 < period]
    return max(1, int(min([count, *shares])))


def free_memory() -> int | None:
    """Bytes that this process can still be given; None where it is not known."""
    found = []
    for line in _text(_MEMORY).splitlines():
        if line.startswith("MemAvailable:"):
            found.append(int(line.split()[1]) << 10)
    for most, used in (
        *_pairs("memory.max", "memory.current"),
        *_pairs("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        found += [max(0, most - used)]
    return min(found, default=None)


def _processor_quotas() -> Iterator[tuple[int, int]]:
    for folder in _folders():
        words = _text(folder / "cpu.max").split()
        if len(words) == 2 and all(word.isdigit() for word in words):
            yield int(words[0]), int(words[1])
    yield from _pairs("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")


def _pairs(first: str, second: str) -> Iterator[tuple[int, int]]:
    """Two numbers of a control group, where both are there."""
    for folder in _folders():
        words = [_text(folder / name).strip() for name in (first, second)]
        if all(word.isdigit() for word in words):
            yield int(words[0]), int(words[1])


def _folders() -> Iterator[Path]:
    """Of the control groups of this process, from its own to the outermost."""
    yield _GROUPS
    for line in _text(_OWN_GROUPS).splitlines():
        if line.startswith("0::"):
            inner = Path(line.removeprefix("0::/").strip())
            for part in (inner, *inner.parents):
                if part.name and ".." not in part.parts:
                    yield _GROUPS / part


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
