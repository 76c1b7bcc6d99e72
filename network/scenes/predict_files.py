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
from network.files.gdal_cache import gdal_cache
from network.files.images import list_images
from network.scenes.faults import fault_of_file
from network.scenes.map_files import map_files
from network.scenes.options import SceneOptions
from network.scenes.packages import needed
from network.scenes.prediction_record import PREDICTIONS, PredictionRecord
from network.scenes.remote import is_remote, place_of, write_virtual
from network.scenes.shared import Opener, check_processes, processes
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
        inputs: files, folders, and what ``network.scenes.remote`` names.
        output: folder for what is written.
        options: how.
        batch: windows at a time, as of ``predict_scene``.
        shared: how several processes open the network, and how many there are.

    Raises:
        DataError: at the end, naming the files that could not be predicted.
        UserError: no such input, inputs of the same name, an output that cannot be written.
    """
    _check(segmenter, options, batch, shared)
    paths = list_inputs(inputs, output)
    for name in filter(is_remote, inputs):
        write_virtual(name, output)
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
        opened.enter_context(gdal_cache())
        queue = opened.enter_context(_Queue(segmenter, output, options, record))
        worker: Worker = Alone(segmenter, predictor, batch)
        if shared is not None and todo:
            opener, count = shared
            worker = Together(
                opened.enter_context(processes(opener, count, options.tta, batch)), todo
            )
        faults = queue.run(paths, todo, worker)
    if stale := record.stale(paths):
        print(f"note: of other settings, and left there: {listed(stale)}")
    if faults:
        raise DataError(
            f"{len(faults)} of {len(paths)} images could not be predicted: {listed(faults)}"
        )
    print(f"{len(paths)} images predicted; maps of classes in {output}")


def list_inputs(inputs: Sequence[str | Path], output: Path | None = None) -> list[Path]:
    """Files and the images of folders.

    Args:
        inputs: as of ``predict_files``.
        output: folder of the virtual files of what lies elsewhere; without it, that is refused.

    Raises:
        MissingDataError: no such file or folder, or a folder without images.
        ConfigError: two of one name, whose outputs would be one.
    """
    paths: list[Path] = []
    for name in inputs:
        path = Path(name)
        if output is not None and is_remote(name):
            paths.append(place_of(name, output))
            continue
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
    """Images in order, of which several may be begun; a context, which ends those.

    It is to end after the processes that work on them.
    """

    def __init__(
        self,
        segmenter: Segmenter | Ensemble | OnnxNetwork,
        output: Path,
        options: SceneOptions,
        record: PredictionRecord,
    ) -> None:
        self.segmenter = segmenter
        self.output = output
        self.options = options
        self.record = record
        self.begun: deque[tuple[str, Scene, Iterator[int]]] = deque()
        self.faults: list[Path] = []

    def __enter__(self) -> _Queue:
        return self

    def __exit__(self, *error) -> None:
        left = ExitStack()
        for _, scene, _ in self.begun:
            left.push(scene)
        left.__exit__(*error)

    def run(self, paths: Sequence[Path], todo: set[Path], worker: Worker) -> list[Path]:
        """Predict; the images that could not be."""
        for number, path in enumerate(paths, 1):
            if path not in todo:
                print(f"{path}: finished before")
                continue
            with self._faults_named(path, alone=len(paths) == 1):
                made = self.segmenter, self.output, self.options, worker.count(path)
                with ExitStack() as opened:
                    scene = opened.enter_context(Scene(path, *made))
                    title = f"{number}/{len(paths)} {path.name}"
                    self.begun.append((title, scene, worker.begin(scene)))
                    opened.pop_all()
            self._finish(worker.ahead, alone=len(paths) == 1)
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
    if options.polygons and options.polygons_format == "gpkg":
        needed("pyogrio")
    if options.polygons and options.simplify:
        needed("shapely")
    if batch is not None and batch < 1:
        raise ConfigError(f"--batch {batch}: at least 1")
    if shared is not None:
        check_processes(shared[1], segmenter.device)
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
