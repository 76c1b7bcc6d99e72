"""Predicting image files: from images of any size to maps of classes with their georeference."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from network.datasets.layout import listed
from network.errors import ConfigError, DataError, MissingDataError, OutputError
from network.files.images import list_images
from network.files.writing import replacing
from network.scenes.blending import check_windows, tile
from network.scenes.map_files import MapWriter, map_files
from network.scenes.options import SceneOptions
from network.scenes.prediction import predict_scene
from network.scenes.prediction_record import PREDICTIONS, PredictionRecord
from network.scenes.rasters import Raster, bounded_cache

if TYPE_CHECKING:
    from network.inference.ensemble import Ensemble, EnsemblePredictor
    from network.inference.onnx_network import OnnxNetwork, OnnxPredictor
    from network.inference.predictor import Predictor
    from network.inference.segmenter import Segmenter

_OF_THE_DEVICE = ("OutOfMemoryError", "AcceleratorError")
"""Names of torch's faults of a device that is out of memory or out of order."""


def predict_files(
    segmenter: Segmenter | Ensemble | OnnxNetwork,
    inputs: Sequence[str | Path],
    output: Path,
    options: SceneOptions,
) -> None:
    """Predict images and folders of images, one after another.

    What is finished is listed in ``predictions.json`` and left out when the same is started again.
    A file that cannot be read is named, the others go on.

    Args:
        segmenter: the network.
        inputs: files and folders.
        output: folder for what is written.
        options: how.

    Raises:
        DataError: at the end, naming the files that could not be predicted.
        UserError: no such input, inputs of the same name, an output that cannot be written.
    """
    if not options.min_area >= 0:
        raise ConfigError(f"--min-area {options.min_area:g}: at least 0")
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
    faults = []
    for number, path in enumerate(paths, 1):
        if path not in todo:
            print(f"{path}: finished before")
            continue
        title = f"{number}/{len(paths)} {path.name}"
        try:
            with bounded_cache():
                _predict_file(segmenter, predictor, path, output, options, record, title)
        except Exception as error:  # whatever decoders raise of a file
            fault = _fault_of_file(path, error)
            if len(paths) == 1:
                raise fault from error
            faults.append(path)
            print(f"error: {fault}", file=sys.stderr)
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


def _predict_file(
    segmenter: Segmenter | Ensemble | OnnxNetwork,
    predictor: Predictor | EnsemblePredictor | OnnxPredictor,
    path: Path,
    output: Path,
    options: SceneOptions,
    record: PredictionRecord,
    title: str,
) -> None:
    spec = segmenter.spec
    with ExitStack() as places:
        raster = places.enter_context(Raster(path, spec, options.bands, options.value_range))
        segmenter.note_type(path, raster.file.dtype)
        tiling = tile(
            raster.height, raster.width, options.window, options.overlap, segmenter.stride
        )
        files = map_files(path, output, options)
        aside = {kind: places.enter_context(replacing(file)) for kind, file in files.items()}
        with MapWriter(aside, raster, spec, options.min_area) as writer:
            scene = places.enter_context(
                closing(predict_scene(raster, segmenter, predictor, tiling))
            )
            for region in tqdm(_named(path, scene), total=tiling.count, desc=title, unit="window"):
                writer.write(*region)
        record.begin(path, {file: aside[kind] for kind, file in files.items()})
    record.finish(path, files.values())


def _named(path: Path, regions: Iterator[tuple]) -> Iterator[tuple]:
    try:
        yield from regions
    except Exception as error:  # the same, while the file is read
        raise _fault_of_file(path, error) from error


def _fault_of_file(path: Path, error: Exception) -> DataError:
    """What is wrong with one file; what will be wrong with the others too is raised.

    Raises:
        Exception: the network gives what is no output, the output cannot be written, or the device
            is out of memory or out of order.
    """
    if isinstance(error, DataError):
        return error
    of_device = any(kind.__name__ in _OF_THE_DEVICE for kind in type(error).__mro__)
    if isinstance(error, (ConfigError, OutputError)) or of_device or _is_full(error):
        raise error
    return DataError(f"{path}: {type(error).__name__}: {' '.join(str(error).split())}".rstrip(": "))


def _is_full(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def _settings(
    segmenter: Segmenter | Ensemble | OnnxNetwork, options: SceneOptions
) -> dict[str, Any]:
    return options.record() | segmenter.record()
