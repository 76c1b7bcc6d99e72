"""Predicting an image window by window."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from network.files.band_images import read_validity
from network.scenes.arrays import Array, arrays_on
from network.scenes.blending import DEFAULT_OVERLAP, DEFAULT_WINDOW, Tiling, blend, tile
from network.scenes.rasters import NODATA, Part, Raster, bounded_cache

if TYPE_CHECKING:
    from network.inference.ensemble import Ensemble, EnsemblePredictor
    from network.inference.onnx_network import OnnxNetwork, OnnxPredictor
    from network.inference.predictor import Predictor
    from network.inference.segmenter import Segmenter


def predict_scene(
    raster: Raster,
    segmenter: Segmenter | Ensemble | OnnxNetwork,
    predictor: Predictor | EnsemblePredictor | OnnxPredictor,
    tiling: Tiling,
    everywhere: bool = False,
) -> Iterator[tuple[slice, slice, np.ndarray, Array]]:
    """Windows of a scene, blended.

    Args:
        raster: the scene.
        segmenter: the network that ``predictor`` holds.
        predictor: of one augmentation.
        tiling: windows over the scene.
        everywhere: also where the image holds no data.

    Yields:
        rows, columns, classes uint8 [h, w] (``NODATA`` where there are none) and probabilities
        float32 [N, h, w], from the upper left, row by row; a region for every window.
    """
    arrays = arrays_on(segmenter.device)

    def read(top: int, left: int) -> tuple[Array | None, np.ndarray]:
        part = ahead.take()
        valid = part.valid | everywhere
        if not valid.any():
            return None, valid
        return segmenter.normalise(arrays.image(part.image)), valid

    with ThreadPoolExecutor(1) as pool:
        ahead = _Ahead(pool, raster, tiling)
        num_classes = segmenter.spec.num_classes
        for region in blend(read, predictor, tiling, num_classes, segmenter.device):
            height, width = region.probabilities.shape[1:]
            classes = arrays.classes(region.probabilities)
            valid = region.extra[:height, :width]
            classes[~valid] = NODATA
            yield region.rows, region.cols, classes, region.probabilities


def predict_tile(
    path: Path, segmenter: Segmenter | Ensemble, predictor: Predictor | EnsemblePredictor
) -> np.ndarray:
    """Class indices uint8 [H, W] of every pixel of an image file, in windows of default size.

    Where the file holds no data (alpha apart, as in training) they are ``NODATA``.
    """
    with bounded_cache(), Raster(path, segmenter.spec) as raster:
        tiling = tile(
            raster.height, raster.width, DEFAULT_WINDOW, DEFAULT_OVERLAP, segmenter.stride
        )
        classes = np.empty((raster.height, raster.width), np.uint8)
        scene = predict_scene(raster, segmenter, predictor, tiling, everywhere=True)
        with closing(scene):  # reads no more before the raster closes
            for rows, cols, part, _ in scene:
                classes[rows, cols] = part
    valid = read_validity(path, segmenter.spec.selection)
    return classes if valid is None else np.where(valid, classes, np.uint8(NODATA))


class _Ahead:
    """Reads the next window while the network is busy with this one."""

    def __init__(self, pool: ThreadPoolExecutor, raster: Raster, tiling: Tiling) -> None:
        self.corners = itertools.product(tiling.tops, tiling.lefts)
        self.size = tiling.rows, tiling.cols
        self.pool = pool
        self.raster = raster
        self.coming = self._start()

    def take(self) -> Part:
        part = self.coming.result()
        self.coming = self._start()
        return part

    def _start(self) -> Any:
        corner = next(self.corners, None)
        return corner and self.pool.submit(self.raster.read, *corner, *self.size)
