"""Which images of a comparison are worth looking at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from network.comparison.comparison import Comparison
from network.comparison.tested import Tested
from network.errors import ConfigError
from network.experiment.values import nearest

IMAGES, SIDE, ROWS = 40, 512, 3


@dataclass(frozen=True)
class Viewed:
    """What of the images the page and the picture of a comparison are to show.

    Attributes:
        config: of one of the tests; it is executed.
        images: number of them in the page.
        side: longest side of their previews in pixels.
        rows: number of images in the picture.
        names: of the images in the picture; without them, those in which methods differ most.

    Raises:
        ConfigError: numbers below the least.
    """

    config: str | Path
    images: int = IMAGES
    side: int = SIDE
    rows: int = ROWS
    names: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.images < 1 or self.side < 16 or self.rows < 1:
            raise ConfigError("--images and --rows: at least 1; --side: at least 16")

    def pictured(self, found: Comparison) -> list[str]:
        """The images of the picture.

        Raises:
            ConfigError: a name that no image has.
        """
        known = found.first.counted.names
        for name in self.names:
            if name not in known:
                raise ConfigError(f"no image {name!r} in the tests{nearest(name, known)}")
        return list(self.names) or differing_images(found, self.rows)


def differing_images(found: Comparison, number: int) -> list[str]:
    """The images in which methods differ most, the first one most.

    The spread of an image is the share of its counted pixels that the best method has right, less
    that of the worst one, each in its first seed. Of every tile its image of the largest spread
    comes first, then the second ones, and so on; images of equal spread by their names.

    Args:
        found: the comparison.
        number: of images at most.
    """
    first = found.first
    right = np.stack([right_shares(method.tests[0]) for method in found.methods])
    spread = np.nan_to_num(right.max(axis=0) - right.min(axis=0)).round(12)
    names, tiles = first.counted.names, first.counted.tiles
    before: Counter[str] = Counter()
    ranked = []
    for index in sorted(range(len(names)), key=lambda i: (-spread[i], names[i])):
        ranked.append((before[tiles[index]], -spread[index], names[index]))
        before[tiles[index]] += 1
    return [name for *_, name in sorted(ranked)[:number]]


def right_shares(test: Tested) -> np.ndarray:
    """Share of right pixels among those that count, of every image; NaN where none does."""
    matrices = test.counted.matrices
    right, counted = matrices.trace(axis1=1, axis2=2), matrices.sum(axis=(1, 2))
    return np.divide(right, counted, out=np.full(len(counted), np.nan), where=counted > 0)
