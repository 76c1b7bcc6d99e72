"""Predicting image files: from images of any size to maps of classes with their georeference."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from network.datasets.layout import listed
from network.errors import ConfigError, DataError, MissingDataError
from network.files.images import list_images
from network.scenes.faults import fault_of_file
from network.scenes.geopackage import needed
from network.scenes.map_files import map_files
from network.scenes.options import SceneOptions
from network.scenes.prediction_record import PREDICTIONS, PredictionRecord
from network.scenes.rasters import bounded_cache
from network.scenes.shared import Opener, processes
from network.scenes.tiling import check_windows
from network.scenes.work import Alone, Scene, Together, Worker

if TYPE_CHECKING:
    from network.inference.ensemble import Ensemble
    from network.inference.onnx_network import OnnxNetwork
    from network.inference.segmenter import Segmenter


def predict_files(
    segmenter: Segmenter | Ensemble | OnnxNetwork,
    inputs: Sequence[str | Path],
    output: Path,
    options: SceneOptions,
    batch: int | None = None,
    shared: tuple[Opener, int] | None = None,
) -> None:
    """Predict images and folders of images.

    What is finished is listed in ``predictions.json`` and left out when the same is started again.
    A file that cannot be read is named, the others go on.

    Args:
        segmenter: the network.
        inputs: files and folders.
        output: folder for what is written.
        options: how.
        batch: windows at a time, as of ``predict_scene``.
        shared: how several processes open the network, and how many there are.

    Raises:
        DataError: at the end, naming the files that could not be predicted.
        UserError: no such input, inputs of the same name, an output that cannot be written.
    """
    _check(segmenter, options, batch, shared)
    paths = list_inputs(inputs)
    for folder in map(Path, inputs):
        if folder.is_dir() and folder.resolve() == output.resolve():
            raise ConfigError(f"{output} is read from; write to another folder")
    predictor = segmenter.predictor(options.tta)
    record = PredictionRecord(output / PREDICTIONS, _settings(segmenter, options))
    todo = {path for path in paths if not record.is_finished(path)}
    record.check(
        {path: [*map_files(path, output, options).values()] for path in paths if path in todo},
        paths,
    )
    record.save()
    with ExitStack() as opened:
        opened.enter_context(bounded_cache())
        scenes = opened.enter_context(ExitStack())  # which close when no process works on them
        if shared is None or not todo:
            worker: Worker = Alone(segmenter, predictor, batch)
        else:
            opener, count = shared
            worker = Together(
                opened.enter_context(processes(opener, count, options.tta, batch)),
                sum(path.stat().st_size for path in todo),
            )
        faults = _Queue(segmenter, output, options, record, worker, scenes).run(paths, todo)
    if faults:
        raise DataError(
            f"{len(faults)} of {len(paths)} images could not be predicted: {listed(faults)}"
        )
    print(f"{len(paths)} images predicted; maps of classes in {output}")


def list_inputs(inputs: Sequence[str | Path]) -> list[Path]:
    """Files and the images of folders.

    Raises:
        MissingDataError: no such file or folder, or a folder without images.
        ConfigError: two of one name, whose outputs would be one.
    """
    paths: list[Path] = []
    for path in map(Path, inputs):
        if not (path.is_file() or path.is_dir()):  # a pipe would be waited for
            raise MissingDataError(f"no file or folder {path}")
        paths += list_images(path) if path.is_dir() else [path]
    paths = list(dict.fromkeys(paths))
    first: dict[str, Path] = {}
    for path in paths:
        other = first.setdefault(path.stem, path)
        if other != path:
            raise ConfigError(
                f"{other} and {path} would be written to one file; predict them into different "
                "folders"
            )
    return paths


class _Queue:
    """Images in order, of which several may be begun."""

    def __init__(
        self,
        segmenter: Segmenter | Ensemble | OnnxNetwork,
        output: Path,
        options: SceneOptions,
        record: PredictionRecord,
        worker: Worker,
        opened: ExitStack,
    ) -> None:
        self.segmenter = segmenter
        self.output = output
        self.options = options
        self.record = record
        self.worker = worker
        self.opened = opened
        self.begun: deque[tuple[str, Scene, Iterator[int]]] = deque()
        self.faults: list[Path] = []

    def run(self, paths: Sequence[Path], todo: set[Path]) -> list[Path]:
        """Predict; the images that could not be."""
        for number, path in enumerate(paths, 1):
            if path not in todo:
                print(f"{path}: finished before")
                continue
            with self._faults_named(path, alone=len(paths) == 1):
                scene = self.opened.enter_context(
                    Scene(
                        *(path, self.segmenter, self.output, self.options),
                        self.worker.count(path),
                    )
                )
                title = f"{number}/{len(paths)} {path.name}"
                self.begun.append((title, scene, self.worker.begin(scene)))
            self._finish(self.worker.ahead, alone=len(paths) == 1)
        self._finish(0, alone=len(paths) == 1)
        return self.faults

    def _finish(self, ahead: int, alone: bool) -> None:
        """Finish scenes until no more parts than these are begun."""
        while sum(len(scene.parts) for _, scene, _ in self.begun) > ahead:
            title, scene, progress = self.begun.popleft()
            with self._faults_named(scene.path, alone):
                with scene, closing(progress):
                    with tqdm(total=scene.tiling.count, desc=title, unit="window") as bar:
                        for windows in progress:
                            bar.update(windows)
                    scene.write(self.record)
                self.record.finish(scene.path, scene.files.values())

    @contextmanager
    def _faults_named(self, path: Path, alone: bool) -> Iterator[None]:
        """Note a fault of one image, and go on; of a single one it is raised."""
        try:
            yield
        except BrokenProcessPool:
            raise
        except Exception as error:  # whatever decoders raise of a file
            fault = fault_of_file(path, error)
            if alone:
                raise fault from error
            self.faults.append(path)
            print(f"error: {fault}", file=sys.stderr)


def _check(
    segmenter: Segmenter | Ensemble | OnnxNetwork,
    options: SceneOptions,
    batch: int | None,
    shared: tuple[Opener, int] | None,
) -> None:
    if not options.min_area >= 0:
        raise ConfigError(f"--min-area {options.min_area:g}: at least 0")
    if not 0 <= options.simplify < float("inf"):
        raise ConfigError(f"--simplify {options.simplify:g}: meters, at least 0")
    if options.polygons and (options.simplify or options.polygons_format == "gpkg"):
        needed()
    if batch is not None and batch < 1:
        raise ConfigError(f"--batch {batch}: at least 1")
    if shared is not None and shared[1] < 1:
        raise ConfigError(f"--processes {shared[1]}: at least 1")
    low, high = options.value_range or (0, 1)
    if not low < high:
        raise ConfigError(f"--range {low:g} {high:g}: the lower value first, then the higher one")
    if options.value_range and segmenter.spec.scale:
        raise ConfigError(
            "--range has no effect: the network was trained on values with "
            f"scale={list(segmenter.spec.scale)}, and those of files are taken likewise; leave it "
            "out"
        )
    check_windows(options.window, options.overlap, segmenter.stride)


def _settings(
    segmenter: Segmenter | Ensemble | OnnxNetwork, options: SceneOptions
) -> dict[str, Any]:
    return options.record() | segmenter.record()
