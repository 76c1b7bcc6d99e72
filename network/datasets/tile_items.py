"""What a training takes from whole tiles: windows drawn anywhere, and windows that cover them."""

from __future__ import annotations

from collections.abc import Sequence

from network.datasets.catalog import TileTable
from network.datasets.layout import DISK, Item, Sample, checked_cache
from network.datasets.windows import windows
from network.errors import ConfigError
from network.files.images import image_size

PATCHES, TILES = "patches", "tiles"
"""Values of ``source``: images as they lie, or tiles of which windows are taken."""


def checked_source(source: str) -> str:
    """The setting ``source``.

    Raises:
        ConfigError: none of its values.
    """
    if source not in (PATCHES, TILES):
        raise ConfigError(f"dataset.source={source!r}: {PATCHES!r} or {TILES!r}")
    return source


def cache_of(source: str, cache: bool | str | None) -> bool | str:
    """The setting ``cache``; unless it is set, copies of tiles and none of patches.

    Raises:
        ConfigError: none of its values.
    """
    return source == TILES and DISK if cache is None else checked_cache(cache)


def tile_items(split: str, samples: Sequence[Sample], size: int, stride: int) -> list[Item]:
    """What a training takes of tiles instead of patches of ``size`` every ``stride`` pixels.

    Raises:
        DataError: not a readable image.
        ConfigError: a stride or a size that cannot be.
    """
    return drawn(samples, size, stride) if split == "train" else covered(samples, size)


def drawn(samples: Sequence[Sample], size: int, stride: int) -> list[Item]:
    """Every tile as often as patches of ``size`` every ``stride`` pixels would be cut from it.

    Raises:
        DataError: not a readable image.
    """
    return [
        Item(position, sample.name)
        for position, sample in enumerate(samples)
        for _ in windows(*image_size(sample.image), size, stride)
    ]


def covered(samples: Sequence[Sample], size: int) -> list[Item]:
    """Windows that cover every tile without overlap, each pixel once, named TILE_ROW_COL.

    Raises:
        DataError: not a readable image.
    """
    return [
        Item(position, f"{sample.name}_{window.row}_{window.col}", window)
        for position, sample in enumerate(samples)
        for window in windows(*image_size(sample.image), size, size)
    ]


def check_held_out(held_out: Sequence[str], tiles: TileTable) -> None:
    """Refuse to hold out for validation what is no tile of the training area.

    Raises:
        ConfigError: naming the tile.
    """
    for tile in held_out:
        if tile in tiles.test:
            raise ConfigError(
                f"val_tiles: {tile} is a test tile; to choose checkpoints on test tiles, say "
                "so by dataset.validate_on_test=True"
            )
        if tile not in tiles.train:
            raise ConfigError(
                f"val_tiles: {tile} is no tile of the training area, which has "
                f"{', '.join(tiles.train)}"
            )
