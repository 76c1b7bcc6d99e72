"""One image from its file to the files of its maps, whole or in bands of several processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from network.datasets.bands import Bands
from network.scenes.arrays import Array, Arrays, as_numpy
from network.scenes.map_writer import RawMaps
from network.scenes.options import SceneOptions
from network.scenes.prediction import Classified, predict_band
from network.scenes.rasters import NODATA, Raster
from network.scenes.raw_map import RawMap
from network.scenes.tiling import Band

if TYPE_CHECKING:
    from network.inference.ensemble import Ensemble, EnsemblePredictor
    from network.inference.onnx_network import OnnxNetwork, OnnxPredictor
    from network.inference.predictor import Predictor
    from network.inference.segmenter import Segmenter

_COLS = 1024
"""Columns at a time where bands are joined."""


@dataclass(frozen=True)
class Part:
    """What one process predicts of an image.

    Attributes:
        image: the file.
        band: rows of its windows.
        folder: of the raw maps.
        shown: the map, as a fault names it.
        options: how.
    """

    image: Path
    band: Band
    folder: Path
    shown: Path
    options: SceneOptions

    @property
    def wanted(self) -> Path:
        """A file that is there as long as another process is to work on the image."""
        return self.folder / "wanted"

    def opened(self, spec: Bands) -> Raster:
        """The image."""
        return Raster(self.image, spec, self.options.bands, self.options.value_range)

    def raw_maps(self, num_classes: int) -> RawMaps:
        """The maps of the whole image."""
        size = self.band.tiling.height, self.band.tiling.width
        return RawMaps(self.folder, size, num_classes, self.options.probabilities, self.shown)

    def sums(self, rows: slice, side: str, num_classes: int) -> RawMap:
        """Sums of probabilities in rows that two bands share.

        Args:
            rows: that are shared.
            side: of which band: ``upper`` or ``lower``.
            num_classes: N.
        """
        shape = num_classes, rows.stop - rows.start, self.band.tiling.width
        return RawMap(self.folder / f"{side}_{rows.start}.raw", shape, "float32", self.shown)


def predict_part(
    part: Part,
    raster: Raster,
    segmenter: Segmenter | Ensemble | OnnxNetwork,
    predictor: Predictor | EnsemblePredictor | OnnxPredictor,
    batch: int | None,
) -> Iterator[None]:
    """Write what a part has of the raw maps; yields after every window."""
    above, below = part.band.above, part.band.below
    num_classes = segmenter.spec.num_classes
    with ExitStack() as opened:
        raw = opened.enter_context(part.raw_maps(num_classes))
        lower = upper = None
        if above.stop > above.start:
            lower = opened.enter_context(part.sums(above, "lower", num_classes))
        if below.stop > below.start:
            upper = opened.enter_context(part.sums(below, "upper", num_classes))

        def write(region: Classified) -> None:
            rows, cols, classes, probabilities = region
            if rows.start >= above.stop:
                raw.write(*region)
                return
            shared = min(above.stop, rows.stop) - rows.start
            first = rows.start - above.start
            lower.write(as_numpy(probabilities[:, :shared]), slice(first, first + shared), cols)
            if shared < rows.stop - rows.start:
                rest = slice(rows.start + shared, rows.stop)
                raw.write(rest, cols, classes[shared:], probabilities[:, shared:])

        def write_carried(sums: Array) -> None:
            height = below.stop - below.start
            if upper is not None:
                upper.write(as_numpy(sums[:, :height]), slice(0, height), slice(0, sums.shape[2]))

        yield from opened.enter_context(
            closing(
                predict_band(
                    *(raster, segmenter, predictor, part.band, write),
                    batch=batch,
                    ends=write_carried,
                    keep=part.options.probabilities,
                )
            )
        )


def join_parts(upper: Part, lower: Part, raster: Raster, num_classes: int) -> None:
    """Write the rows of the raw maps that two finished parts share.

    Raises:
        DataError: the image is damaged there.
        OutputError: they cannot be written.
    """
    rows = lower.band.above
    height = rows.stop - rows.start
    if not height:
        return
    arrays = Arrays()
    with (
        lower.raw_maps(num_classes) as raw,
        upper.sums(rows, "upper", num_classes) as above,
        lower.sums(rows, "lower", num_classes) as below,
    ):
        for left in range(0, raster.width, _COLS):
            cols = slice(left, min(left + _COLS, raster.width))
            place = slice(0, height), cols
            probabilities: np.ndarray = below.read(*place) + above.read(*place)
            classes = arrays.class_map(height, cols.stop - left)
            arrays.classify(probabilities, classes)
            valid = raster.read(rows.start, left, height, cols.stop - left).valid
            classes[~valid] = NODATA
            raw.write(rows, cols, classes, probabilities)
    for sums in (above, below):
        sums.path.unlink()
