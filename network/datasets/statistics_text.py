"""What statistics of a dataset say, as text and as settings."""

from __future__ import annotations

from typing import Any

from network.datasets.bands import Bands
from network.datasets.statistics import PERCENTILES, Statistics


def statistics_settings(found: Statistics, bands: Bands) -> dict[str, Any]:
    """``scale`` (where the values need one), ``mean`` and ``std``, as ``dataset.yaml`` has them.

    Raises:
        DataError: a band that has one value only.
    """
    scale = found.scale(bands)
    mean, std = found.scaled(scale or bands.value_range)
    stated: dict[str, Any] = {}
    if scale is not None:
        low, high = (int(value) if value == int(value) else value for value in scale)
        stated["scale"] = [low, high] if low else high
    return stated | {"mean": mean, "std": std}


def statistics_table(found: Statistics, bands: Bands) -> str:
    """A row for each band: its stored values, and the share of pixels without data."""
    numbers = bands.bands or range(1, bands.num_bands + 1)
    names = bands.band_names or [f"band {number}" for number in numbers]
    title = ("", *(f"{p}%" for p in PERCENTILES), "mean", "std", "no data")
    rows = [
        (
            name,
            *(f"{value:.6g}" for value in found.percentiles[:, index]),
            f"{found.moments.mean[index]:.6g}",
            f"{found.moments.std[index]:.6g}",
            f"{found.no_data[index]:.2%}",
        )
        for index, name in enumerate(names)
    ]
    widths = [max(len(row[column]) for row in (title, *rows)) for column in range(len(title))]
    lines = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (title, *rows)
    ]
    of = f"every {found.every} pixels" if found.every > 1 else "all pixels"
    lines.append(
        f"{found.images} training images of {found.dtype}, {found.pixels} pixels, "
        f"{found.moments.count} with data in all bands; percentiles of {of} with data"
    )
    return "\n".join(line.rstrip() for line in lines)
