"""Predicting an image window by window: reading, network and blending at the same time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np

from network.files.band_images import read_validity
from network.files.gdal_cache import gdal_cache
from network.files.threads import Call, Threads
from network.scenes.arrays import Array, arrays_on
from network.scenes.batches import Batches
from network.scenes.blending import Blender, Region, in_batches
from network.scenes.rasters import NODATA, Part, Raster
from network.scenes.tiling import DEFAULT_OVERLAP, DEFAULT_WINDOW, Band, Tiling, tile, whole
from network.scenes.tiling import positions as positions_of

if TYPE_CHECKING:
    from network.inference.ensemble import Ensemble, EnsemblePredictor
    from network.inference.onnx_network import OnnxNetwork, OnnxPredictor
    from network.inference.predictor import Predictor
    from network.inference.segmenter import Segmenter

Classified: TypeAlias = "tuple[slice, slice, np.ndarray, Array | None]"
"""Rows, columns, classes uint8 [h, w] (``NODATA`` where there are none) and probabilities float32
[N, h, w], if they are kept."""

Result = TypeVar("Result")
_WAITING = 2
"""Windows that may wait for blending."""


def predict_scene(
    raster: Raster,
    segmenter: Segmenter | Ensemble | OnnxNetwork,
    predictor: Predictor | EnsemblePredictor | OnnxPredictor,
    tiling: Tiling,
    everywhere: bool = False,
    batch: int | None = None,
    keep: bool = True,
) -> Iterator[Classified]:
    """Windows of a scene, blended.

    Args:
        raster: the scene.
        segmenter: the network that ``predictor`` holds.
        predictor: of one augmentation.
        tiling: windows over the scene.
        everywhere: also where the image holds no data.
        batch: windows at a time; without it, as many as the device has memory for.
        keep: also give probabilities.

    Yields:
        regions from the upper left, row by row; one for every window.
    """
    return predict_band(
        *(raster, segmenter, predictor, whole(tiling), lambda region: region),
        everywhere=everywhere,
        batch=batch,
        keep=keep,
    )


def predict_band(
    raster: Raster,
    segmenter: Segmenter | Ensemble | OnnxNetwork,
    predictor: Predictor | EnsemblePredictor | OnnxPredictor,
    band: Band,
    then: Callable[[Classified], Result],
    everywhere: bool = False,
    batch: int | None = None,
    ends: Callable[[Array], None] | None = None,
    keep: bool = True,
) -> Iterator[Result]:
    """Some rows of windows of a scene, blended.

    Windows are read by one thread and blended by another, while the network is busy.

    Args:
        raster, segmenter, predictor, everywhere, batch: as of ``predict_scene``.
        band: rows of windows.
        then: called with each region by the thread that blends.
        ends: called at the end, with the sums of what the band below reaches too.
        keep: give ``then`` the probabilities; without it, only where the band above reaches too.

    Yields:
        what ``then`` gives.
    """
    arrays = arrays_on(segmenter.device)
    batches = Batches(batch, segmenter.device)
    blender = Blender(band, segmenter.spec.num_classes, arrays, classify=True, keep=keep)
    row = band.tiling.rows * raster.row_size

    def prepared(part: Part) -> tuple[Array | None, np.ndarray]:
        valid = part.valid | everywhere
        if not valid.any():
            return None, valid
        return segmenter.normalise(arrays.image(part.image)), valid

    def blended(probabilities: Array | None, valid: np.ndarray) -> Result:
        return then(_classified(blender.add(probabilities, valid)))

    with gdal_cache(row), Threads() as reading, Threads() as blending:
        windows = map(prepared, _read_ahead(reading, raster, band, batches))
        waiting: deque[Call[Result]] = deque()
        for found in in_batches(windows, batches.measured(predictor), arrays, batches.size):
            waiting.append(blending.submit(blended, *found))
            while len(waiting) > _WAITING or (waiting and waiting[0].done()):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    if ends is not None:
        ends(blender.carried)


def predict_tile(
    path: Path, segmenter: Segmenter | Ensemble, predictor: Predictor | EnsemblePredictor
) -> np.ndarray:
    """Class indices uint8 [H, W] of every pixel of an image file, in windows of default size.

    Where the file holds no data (alpha apart, as in training) they are ``NODATA``.
    """
    with gdal_cache(), Raster(path, segmenter.spec) as raster:
        tiling = tile(
            raster.height, raster.width, DEFAULT_WINDOW, DEFAULT_OVERLAP, segmenter.stride
        )
        classes = np.empty((raster.height, raster.width), np.uint8)
        scene = predict_scene(raster, segmenter, predictor, tiling, everywhere=True, keep=False)
        with closing(scene):  # reads no more before the raster closes
            for rows, cols, part, _ in scene:
                classes[rows, cols] = part
    valid = read_validity(path, segmenter.spec.selection)
    return classes if valid is None else np.where(valid, classes, np.uint8(NODATA))


def _classified(region: Region) -> Classified:
    """A region whose ``extra`` says where the window that ended it holds data."""
    classes = region.classes
    height, width = classes.shape
    valid = region.extra[:height, :width]
    if not valid.all():
        classes[~valid] = NODATA
    return region.rows, region.cols, classes, region.probabilities


def _read_ahead(threads: Threads, raster: Raster, band: Band, batches: Batches) -> Iterator[Part]:
    """Windows, of which the next ones are read while the network is busy with these."""
    tiling = band.tiling
    coming: deque[Call[Part]] = deque()
    positions = positions_of(band)
    while True:
        while len(coming) <= batches.size() and (position := next(positions, None)):
            corner = tiling.tops[position[0]], tiling.lefts[position[1]]
            coming.append(threads.submit(raster.read, *corner, tiling.rows, tiling.cols))
        if not coming:
            return
        yield coming.popleft().result()
