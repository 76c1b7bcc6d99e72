"""Working through images: alone, or together with other processes."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import rasterio
from rasterio.errors import RasterioError

from network.files.staging import beside
from network.files.writing import replacing
from network.scenes.faults import named
from network.scenes.map_files import CLASSES, map_files
from network.scenes.map_writer import MapWriter
from network.scenes.options import SceneOptions
from network.scenes.prediction_record import PredictionRecord
from network.scenes.rasters import Raster
from network.scenes.scene import Part, join_parts, predict_part
from network.scenes.shared import Processes
from network.scenes.tiling import bands, tile

if TYPE_CHECKING:
    from network.inference.ensemble import Ensemble, EnsemblePredictor
    from network.inference.onnx_network import OnnxNetwork, OnnxPredictor
    from network.inference.predictor import Predictor
    from network.inference.segmenter import Segmenter


class Scene:
    """An image that is being predicted; a context, which ends it unless ``finish`` has done so.

    Args:
        path: of the image.
        segmenter: the network.
        output: folder of the maps.
        options: how.
        count: parts in which it is predicted, if it has as many rows of windows.

    Raises:
        UserError: it cannot be read, or its maps cannot be written.
    """

    def __init__(
        self,
        path: Path,
        segmenter: Segmenter | Ensemble | OnnxNetwork,
        output: Path,
        options: SceneOptions,
        count: int,
    ) -> None:
        self.path = path
        self.spec = segmenter.spec
        self._using = threading.Lock()
        with ExitStack() as opened:
            self.raster = opened.enter_context(
                Raster(path, self.spec, options.bands, options.value_range)
            )
            segmenter.note_type(path, self.raster.file.dtype)
            self.tiling = tile(
                *(self.raster.height, self.raster.width),
                *(options.window, options.overlap, segmenter.stride),
            )
            self.files = map_files(path, output, options)
            self.writer = MapWriter(self.raster, self.spec, options, self.files)
            self.aside = {
                kind: opened.enter_context(replacing(file)) for kind, file in self.files.items()
            }
            (folder,) = opened.enter_context(beside([output.resolve() / path.stem]))
            shown = self.files[CLASSES]
            self.parts = [
                Part(path.resolve(), band, folder, shown, options)
                for band in bands(self.tiling, count)
            ]
            self._opened = opened.pop_all()
        self._ended = False

    def __enter__(self) -> Scene:
        return self

    def __exit__(self, *error) -> None:
        with self._using:  # files do not go under a thread that writes them
            self._ended = True
            self._opened.__exit__(*error)

    def finish(self, record: PredictionRecord) -> None:
        """When all parts are predicted: write the files, put them in their places, and note them.

        Of a scene that was ended nothing is written.
        """
        with self._using:
            if self._ended:
                return
            self._ended = True
            with self._opened:
                self._write(record)
            record.finish(self.path, self.files.values())

    def _write(self, record: PredictionRecord) -> None:
        """Write the files aside."""
        for upper, lower in itertools.pairwise(self.parts):
            join_parts(upper, lower, self.raster, self.spec.num_classes)
        with self.parts[0].raw_maps(self.spec.num_classes) as raw:
            self.writer.write(raw, self.aside)
        record.begin(self.path, {file: self.aside[kind] for kind, file in self.files.items()})


class Worker(Protocol):
    """What predicts scenes.

    Attributes:
        ahead: parts of scenes that may be begun while an earlier scene is not finished.
    """

    ahead: int

    def count(self, path: Path) -> int:
        """Parts in which an image is predicted."""

    def begin(self, scene: Scene) -> Iterator[int]:
        """Predict it; gives numbers of finished windows."""


class Alone:
    """A process by itself, with the network that it holds.

    Args:
        segmenter: the network.
        predictor: of one augmentation.
        batch: windows at a time, as of ``predict_scene``.
    """

    ahead = 0

    def __init__(
        self,
        segmenter: Segmenter | Ensemble | OnnxNetwork,
        predictor: Predictor | EnsemblePredictor | OnnxPredictor,
        batch: int | None,
    ) -> None:
        self.segmenter = segmenter
        self.predictor = predictor
        self.batch = batch

    def count(self, path: Path) -> int:
        """One."""
        return 1

    def begin(self, scene: Scene) -> Iterator[int]:
        """Predict it while the numbers are taken."""
        windows = predict_part(
            scene.parts[0], scene.raster, self.segmenter, self.predictor, self.batch
        )
        with closing(named(scene.path, windows)) as found:
            for _ in found:
                yield 1


class Together:
    """Several processes, which share the images, and large ones in bands.

    Args:
        processes: that predict.
        paths: of all images.
    """

    def __init__(self, processes: Processes, paths: Collection[Path]) -> None:
        self.processes = processes
        self.size = sum(map(_size, paths))
        self.ahead = 2 * processes.count

    def count(self, path: Path) -> int:
        """One for each process, where the image is more than half of the share of one."""
        large = _size(path) * 2 * self.processes.count > self.size
        return self.processes.count if large else 1

    def begin(self, scene: Scene) -> Iterator[int]:
        """Have its parts predicted from now on."""
        for part in scene.parts:
            part.wanted.touch()
        return _finished(scene.parts, [self.processes.submit(part) for part in scene.parts])


def _size(path: Path) -> int:
    """Bytes of an image; of a virtual file, whose pixels lie elsewhere, those of the pixels."""
    if path.suffix.lower() != ".vrt":
        return path.stat().st_size
    try:
        with rasterio.open(path) as source:
            return source.width * source.height * sum(np.dtype(d).itemsize for d in source.dtypes)
    except RasterioError:  # which prediction meets too, and names
        return 0


def _finished(parts: Sequence[Part], futures: Sequence[Future[None]]) -> Iterator[int]:
    try:
        for part, future in zip(parts, futures, strict=True):
            future.result()
            yield part.band.count
    finally:
        for part, future in zip(parts, futures, strict=True):
            part.wanted.unlink(missing_ok=True)
            future.cancel()
        wait(futures)
