"""Predicting image files: from images of any size to maps of classes with their georeference."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from network.checkpoints import file_hash
from network.datasets.colors import decode_colors
from network.datasets.files import list_images, replacing, write_image, write_json
from network.datasets.segmentation import listed
from network.errors import ConfigError, DataError, MissingDataError
from network.polygons import write_polygons
from network.prediction import Predictor
from network.rasters import NODATA, Part, Raster, RasterWriter, bounded_cache
from network.scenes import DEFAULT_OVERLAP, DEFAULT_WINDOW, Tiling, blend, tile
from network.trained import Trained

RECORD = "predictions.json"


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
        min_area: of a polygon, in square meters (pixels without a CRS).
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
    tile(1, 1, options.window, options.overlap)  # refuses what is out of range
    paths = list_inputs(inputs)
    predictor = trained.predictor(options.tta)
    record = _Record(output / RECORD, _settings(trained, options))
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


def predict_scene(
    raster: Raster,
    trained: Trained,
    predictor: Predictor,
    tiling: Tiling,
    everywhere: bool = False,
) -> Iterator[tuple[slice, slice, np.ndarray, torch.Tensor]]:
    """Windows of a scene, blended.

    Args:
        raster: the scene.
        trained: the network that ``predictor`` holds.
        predictor: of one augmentation.
        tiling: windows over the scene.
        everywhere: also where the image holds no data.

    Yields:
        rows, columns, classes uint8 [h, w] (``NODATA`` where there are none) and probabilities
        float32 [N, h, w], from the upper left, row by row; a region for every window.
    """

    def read(top: int, left: int) -> tuple[torch.Tensor | None, np.ndarray]:
        part = ahead.take()
        valid = part.valid | everywhere
        if not valid.any():
            return None, valid
        image = torch.from_numpy(np.ascontiguousarray(part.image)).permute(2, 0, 1)[None]
        return trained.data.normalise(image.to(trained.device)), valid

    with ThreadPoolExecutor(1) as pool:
        ahead = _Ahead(pool, raster, tiling)
        for region in blend(read, predictor, tiling, trained.spec.num_classes):
            height, width = region.probabilities.shape[1:]
            classes = region.probabilities.argmax(dim=0).to(torch.uint8).cpu().numpy()
            valid = region.extra[:height, :width]
            classes[~valid] = NODATA
            yield region.rows, region.cols, classes, region.probabilities


def predict_tile(path: Path, trained: Trained, predictor: Predictor) -> np.ndarray:
    """Class indices uint8 [H, W] of every pixel of an image file, in windows of default size."""
    with bounded_cache(), Raster(path, len(trained.spec.mean)) as raster:
        tiling = tile(raster.height, raster.width, DEFAULT_WINDOW, DEFAULT_OVERLAP)
        classes = np.empty((raster.height, raster.width), np.uint8)
        scene = predict_scene(raster, trained, predictor, tiling, everywhere=True)
        for rows, cols, part, _ in scene:
            classes[rows, cols] = part
        return classes


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
        tiling = tile(raster.height, raster.width, options.window, options.overlap)
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


def _colors(classes: np.ndarray, spec: Any) -> np.ndarray:
    known = np.where(classes == NODATA, spec.ignore_index, classes)
    return decode_colors(known, spec)


class _Record:
    """Which files are finished, and with which settings."""

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self.path = path
        self.content = {"settings": settings, "finished": {}}
        try:
            earlier = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        if isinstance(earlier, dict) and earlier.get("settings") == settings:
            self.content = earlier
        elif path.exists():
            print("note: other settings than those of the maps there; all are predicted again")

    def is_finished(self, path: Path) -> bool:
        entry = self.content["finished"].get(str(path))
        return (
            bool(entry)
            and entry["state"] == _state(path)
            and all(Path(file).is_file() for file in entry["written"])
        )

    def add(self, path: Path, written: Sequence[Path]) -> None:
        entry = {"state": _state(path), "written": [str(file) for file in written]}
        self.content["finished"][str(path)] = entry
        self.save()

    def save(self) -> None:
        """Write it, whole or not at all."""
        write_json(self.path, self.content)


def _state(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _settings(trained: Trained, options: SceneOptions) -> dict[str, Any]:
    plain = {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in vars(options).items()
    }
    return plain | {
        "checkpoint": file_hash(trained.checkpoint),
        "net": trained.experiment.settings()["net"],
    }
