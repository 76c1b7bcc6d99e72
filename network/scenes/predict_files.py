"""Predicting image files: from images of any size to maps of classes with their georeference."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from network.datasets.layout import listed
from network.errors import ConfigError, DataError, MissingDataError
from network.files.gdal_cache import gdal_cache
from network.files.images import list_images
from network.scenes.map_files import map_files
from network.scenes.options import SceneOptions
from network.scenes.packages import needed
from network.scenes.prediction_record import PREDICTIONS, PredictionRecord
from network.scenes.remote import is_remote, place_of, write_virtual
from network.scenes.scene_queue import SceneQueue
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
    open_scene = partial(Scene, segmenter=segmenter, output=output, options=options)
    with ExitStack() as opened:
        opened.enter_context(gdal_cache())
        queue = opened.enter_context(SceneQueue(open_scene, record))
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
