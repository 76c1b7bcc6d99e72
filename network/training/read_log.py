"""The log of a run, read back."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from network.errors import DataError, MissingDataError
from network.figures.curves import Log
from network.training.loggers import METRICS


def read_log(path: str | Path) -> Log:
    """Read the log of a run; the parts of a resumed one are put together.

    Args:
        path: a ``metrics.csv``, its folder ``version_N``, or the run's folder of such folders. Of
            these it takes the newest run: the last one that begins with the first epoch, and what
            was resumed after it.

    Raises:
        DataError: no log there, or one that cannot be read.
    """
    path = Path(path)
    if path.is_file():
        return Log(_name(path.parent), _values([path]))
    if (path / METRICS).is_file():
        return Log(_name(path), _values([path / METRICS]))
    parts = sorted(
        (log for log in path.glob(f"version_*/{METRICS}") if _version(log) is not None),
        key=_version,
    )
    if not parts:
        raise MissingDataError(
            f"no {METRICS} in {path} or its folders version_N: name a run's folder, such as "
            "lightning_logs/vaihingen/bicor"
        )
    starts = [number for number, log in enumerate(parts) if _first_epoch(log) == 0]
    return Log(_name(path), _values(parts[starts[-1] if starts else 0 :]))


def _values(paths: Sequence[Path]) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, dict[int, float]] = {}
    for path in paths:
        try:
            for epoch, name, value in _cells(_rows(path)):
                found.setdefault(name, {})[epoch] = value
        except (TypeError, ValueError) as error:
            raise DataError(f"{path} is not a log of a training: {error}") from error
    if not found:
        raise DataError(f"{paths[0]} holds no values yet")
    return {
        name: [(epoch + 1, by_epoch[epoch]) for epoch in sorted(by_epoch)]
        for name, by_epoch in found.items()
    }


def _cells(rows: Sequence[dict[str, str]]) -> Iterator[tuple[int, str, float]]:
    """(epoch, name, value); a row without an epoch (learning rates) is of the next one's."""
    epoch = None
    for row in reversed(rows):
        epoch = int(row["epoch"]) if row.get("epoch") else epoch
        for name, cell in row.items():
            if epoch is not None and name not in ("epoch", "step") and cell:
                yield epoch, name, float(cell)


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {error}") from error


def _name(folder: Path) -> str:
    """The last parts of the path: dataset/name, and the version where it was asked for."""
    parts = folder.resolve().parts
    return "/".join(parts[-3:] if parts[-1].startswith("version_") else parts[-2:])


def _first_epoch(path: Path) -> int | None:
    epochs = [row["epoch"] for row in _rows(path) if row.get("epoch")]
    return int(epochs[0]) if epochs and epochs[0].isdigit() else None


def _version(log: Path) -> int | None:
    found = re.fullmatch(r"version_(\d+)", log.parent.name)
    return int(found[1]) if found else None
