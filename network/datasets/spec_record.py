"""The facts of a dataset as plain values, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from network.datasets.catalog import Augmentation, DatasetSpec


def record_of(spec: DatasetSpec) -> dict[str, Any]:
    """All facts, as JSON has them."""
    return asdict(spec)


def spec_of(record: Mapping[str, Any]) -> DatasetSpec:
    """The dataset of ``record_of``.

    Raises:
        KeyError, TypeError, ValueError: the record is none.
    """
    facts = {field.name: _fixed(record[field.name]) for field in fields(DatasetSpec)}
    passes = {name: _fixed(value) for name, value in record["d4"].items()}
    return DatasetSpec(**facts | {"d4": Augmentation(**passes)})


def _fixed(value: Any) -> Any:
    return tuple(map(_fixed, value)) if isinstance(value, list) else value
