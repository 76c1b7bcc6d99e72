"""Predicting image files: from images of any size to maps of classes with their georeference."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from network.datasets.colors import decode_colors
from network.datasets.layout import listed
from network.errors import ConfigError, DataError, MissingDataError
from network.files.images import list_images, write_image
from network.files.writing import replacing
from network.inference.checkpoint_files import file_hash
from network.inference.predictor import Predictor
from network.inference.trained_network import Trained
from network.models.geometry import stride_of
from network.scenes.blending import tile
from network.scenes.options import SceneOptions
from network.scenes.polygons import write_polygons
from network.scenes.prediction import predict_scene
from network.scenes.prediction_record import PREDICTIONS, PredictionRecord
from network.scenes.raster_writer import RasterWriter
from network.scenes.rasters import NODATA, Raster, bounded_cache


def predict_files(
    trained: Trained, inputs: Sequence[str | Path], output: Path, options: SceneOptions
) -> None:
    """Predict images and folders of images, one after another.

    What is finished is listed in ``predictions.json`` and left out when the same is started again.
    A file that cannot be read is named, the others go on.

    Args:
        trained: the network.
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
    tile(
        1, 1, options.window, options.overlap, stride_of(trained.net)
    )  # refuses what is out of range
    paths = list_inputs(inputs)
    predictor = trained.predictor(options.tta)
    record = PredictionRecord(output / PREDICTIONS, _settings(trained, options))
    record.save()
    faults = []
    for number, path in enumerate(paths, 1):
        if record.is_finished(path):
            print(f"{path}: finished before")
            continue
        try:
            with bounded_cache():
                written = _predict_file(
                    trained, predictor, path, output, options, f"{number}/{len(paths)} {path.name}"
                )
        except DataError as fault:
            if len(paths) == 1:
                raise
            faults.append(path)
            print(f"error: {fault}", file=sys.stderr)
            continue
        record.add(path, written)
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
        if not path.exists():
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
    trained: Trained,
    predictor: Predictor,
    path: Path,
    output: Path,
    options: SceneOptions,
    title: str,
) -> list[Path]:
    spec = trained.spec
    with ExitStack() as stack:
        raster = stack.enter_context(
            Raster(path, len(spec.mean), options.bands, options.value_range)
        )
        tiling = tile(
            raster.height, raster.width, options.window, options.overlap, stride_of(trained.net)
        )
        suffix = ".tif" if raster.has_georeference else ".png"
        whole = None
        if suffix == ".png" or options.polygons:
            whole = np.full((raster.height, raster.width), NODATA, np.uint8)
        written, writers = [], {}

        def opened(file: Path, **settings: Any) -> RasterWriter:
            written.append(file)
            temporary = stack.enter_context(replacing(file))
            return stack.enter_context(RasterWriter(temporary, raster, **settings))

        if suffix == ".tif":
            writers["classes"] = opened(output / f"{path.stem}.tif")
            writers["classes"].name_classes(spec)
            if options.rgb:
                writers["rgb"] = opened(output / "rgb" / f"{path.stem}.tif", count=3, nodata=None)
        if options.probabilities:
            writers["probabilities"] = opened(
                output / "probabilities" / f"{path.stem}.tif",
                count=spec.num_classes,
                dtype="float32",
                nodata=float("nan"),
            )
            writers["probabilities"].name_bands(spec.classes)
        scene = predict_scene(raster, trained, predictor, tiling)
        for rows, cols, classes, probabilities in tqdm(
            scene, total=tiling.count, desc=title, unit="window"
        ):
            if whole is not None:
                whole[rows, cols] = classes
            if "classes" in writers:
                writers["classes"].write(classes, rows, cols)
            if "rgb" in writers:
                colors = _colors(classes, spec).transpose(2, 0, 1)
                writers["rgb"].write(colors, rows, cols)
            if "probabilities" in writers:
                values = probabilities.cpu().numpy()
                values[:, classes == NODATA] = np.nan
                writers["probabilities"].write(values, rows, cols)
        if suffix == ".png":
            written.append(output / f"{path.stem}.png")
            write_image(written[-1], whole)
            if options.rgb:
                written.append(output / "rgb" / f"{path.stem}.png")
                write_image(written[-1], _colors(whole, spec))
        if options.polygons:
            written.append(output / "polygons" / f"{path.stem}.geojson")
            with replacing(written[-1]) as temporary:
                source = raster.source
                write_polygons(
                    temporary, whole, spec, source.transform, source.crs, options.min_area
                )
    return written


def _settings(trained: Trained, options: SceneOptions) -> dict[str, Any]:
    return options.record() | {
        "checkpoint": file_hash(trained.checkpoint),
        "net": trained.experiment.settings()["net"],
        "precision": trained.precision,
    }


def _colors(classes: np.ndarray, spec: Any) -> np.ndarray:
    known = np.where(classes == NODATA, spec.ignore_index, classes)
    return decode_colors(known, spec)
