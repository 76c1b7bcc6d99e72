"""How scenes are predicted, and what is written of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from network.scenes.tiling import DEFAULT_OVERLAP, DEFAULT_WINDOW

POLYGON_FORMATS = ("gpkg", "geojson")
"""Of files of polygons, by their endings."""


@dataclass(frozen=True)
class SceneOptions:
    """How scenes are predicted, and what is written of them.

    Attributes:
        window: side of the windows in pixels.
        overlap: share of a window that neighbors have in common, at least.
        tta: ``none``, ``lr`` or ``d4``.
        bands: of the files, from 1; without it the first ones.
        value_range: that becomes 0..255; without it by percentiles, and 8 bits as they are.
        rgb: also write maps in colors.
        probabilities: also write class probabilities.
        polygons: also write polygons.
        min_area: of a polygon, in square meters on the ground (see ``Ground``).
        polygons_format: one of ``POLYGON_FORMATS``.
        simplify: meters on the ground by which outlines may be simplified.
        cog: whether GeoTIFFs are cloud-optimised.
    """

    window: int = DEFAULT_WINDOW
    overlap: float = DEFAULT_OVERLAP
    tta: str = "none"
    bands: tuple[int, ...] | None = None
    value_range: tuple[float, float] | None = None
    rgb: bool = False
    probabilities: bool = False
    polygons: bool = False
    min_area: float = 0.0
    polygons_format: str = "gpkg"
    simplify: float = 0.0
    cog: bool = True

    def record(self) -> dict[str, Any]:
        """The options as plain values."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }
