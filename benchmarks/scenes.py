"""Whole scenes in megapixels a second: with a free network, with convnext_tiny, in processes."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import torch
from rasterio.windows import Window

from benchmarks.measuring import Alone, Row, run_alone
from network.datasets.catalog import VAIHINGEN, DatasetSpec
from network.datasets.colors import decode_colors
from network.datasets.normalisation import Normalisation
from network.files.gdal_cache import gdal_cache
from network.files.staging import beside
from network.models import BiCoR
from network.preparation.demo_scenes import draw_scene
from network.scenes import map_writer, prediction
from network.scenes.map_files import map_files
from network.scenes.map_writer import MapWriter, RawMaps
from network.scenes.options import SceneOptions
from network.scenes.predict_files import predict_files
from network.scenes.rasters import Raster
from network.scenes.tiling import DEFAULT_OVERLAP, DEFAULT_WINDOW, tile

MEMORY_SIDES = (5000, 20000)
FREE_SIDE, NET_SIDE = 10000, 6000
FREE_RUNS = 5
PROCESSES_SIDES = (1792, 6000)  # of two rows of windows, so that both processes start, and of eight
PROCESSES_DEPTH = 32
BLOCK = 1000
TIMED_WINDOWS = 6
CONFIG = """
from functools import partial

from torch import nn

from network.datasets.folder import FolderDataset


class PerPixel(nn.Module):
    def __init__(self, num_classes: int, depth: int = 0) -> None:
        super().__init__()
        self.weigh = nn.Conv2d(3, num_classes, 1)
        self.busy = nn.Sequential(*(nn.Conv2d(6, 6, 3, padding=1) for _ in range(depth)))

    def forward(self, image):
        return self.busy(self.weigh(image))


CLASSES = {name: [index, 0, 0] for index, name in enumerate("abcdef")}
dataset = partial(FolderDataset, root=".", classes=CLASSES, val="*")
net = partial(PerPixel)
"""


class Ready:
    """What takes the place of a trained network: gives probabilities, at once or by a network."""

    device, stride = "cpu", 32

    def __init__(self, spec: DatasetSpec, predict: Callable) -> None:
        self.spec = spec
        self.normalise = Normalisation(spec)
        self._predict = predict

    def predictor(self, tta: str) -> Callable:
        """The same for all."""
        return self._predict

    def note_type(self, path: Path, dtype: np.dtype) -> None:
        """Nothing."""

    def record(self) -> dict:
        """Nothing."""
        return {}


def run() -> list[Row]:
    """Scenes that are drawn once and repeated, 8 bits, deflate."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return [*_free(folder), *_with_net(folder), *_processes(folder), *_memory(folder)]


def _free(folder: Path) -> list[Row]:
    """Disk to disk, the probabilities at hand, against reading and writing one after the other."""
    path = _draw(folder, FREE_SIDE)
    _, label = draw_scene(1024, 1024, 0)
    ready = torch.nn.functional.one_hot(torch.from_numpy(label).long().clamp(0, 5), 6)
    ready = ready.permute(2, 0, 1).float().contiguous()[None]
    segmenter = Ready(VAIHINGEN, lambda images: ready[..., : images.shape[2], : images.shape[3]])
    times = []
    for turn in range(FREE_RUNS):
        result = folder / f"free_{turn}"
        with _stages() as spent:
            start = time.perf_counter()
            _predicted(segmenter, path, result)
            whole = time.perf_counter() - start
        times.append((whole, _copied(path, result, folder / f"copy_{turn}")))
    whole, alone = map(statistics.median, zip(*times, strict=True))
    ratio = statistics.median(one / other for one, other in times)
    pixels = FREE_SIDE**2 / 1e6
    title = f"{FREE_SIDE}x{FREE_SIDE}, free network"
    return [
        Row(f"{title}, disk to disk", pixels / whole, "MP/s"),
        Row(f"{title}, reading and writing alone", pixels / alone, "MP/s"),
        Row(f"{title} / reading and writing alone", ratio, "x", "at most 1.3"),
        *(
            Row(f"{title}, {stage}", seconds / times[-1][0], "of time")
            for stage, seconds in spent.items()
        ),
    ]


def _with_net(folder: Path) -> list[Row]:
    """The whole against the network's own time on as many windows."""
    path = _draw(folder, NET_SIDE)
    net = BiCoR("convnext_tiny", num_classes=6).eval().to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def predict(images: torch.Tensor) -> torch.Tensor:
        return net(images).logits.softmax(dim=1)

    segmenter = Ready(VAIHINGEN, predict)
    window = torch.randn(1, 3, 1024, 1024).contiguous(memory_format=torch.channels_last)
    predict(window)
    times = []
    for _ in range(TIMED_WINDOWS):
        start = time.perf_counter()
        predict(window)
        times.append(time.perf_counter() - start)
    start = time.perf_counter()
    _predicted(segmenter, path, folder / "net")
    whole = time.perf_counter() - start
    title = f"{NET_SIDE}x{NET_SIDE}, BiCoR with convnext_tiny"
    own = statistics.median(times) * tile(NET_SIDE, NET_SIDE, DEFAULT_WINDOW, DEFAULT_OVERLAP).count
    return [
        Row(title, NET_SIDE**2 / 1e6 / whole, "MP/s"),
        Row(f"{title} / the network's own time", whole / own, "x", "at most 1.1"),
    ]


def _processes(folder: Path) -> list[Row]:
    """A network of some convolutions, one thread in each process; starting them is left out."""
    _write_net(folder, PROCESSES_DEPTH)
    small, large = (_draw(folder, side) for side in PROCESSES_SIDES)
    found = {}
    for count in (1, 2):
        extra = ("--processes", str(count), f"net.depth={PROCESSES_DEPTH}")
        seconds = [
            _alone(folder, path, f"{count}_{path.stem}", *extra, OMP_NUM_THREADS="1").seconds
            for path in (small, large)
        ]
        found[count] = seconds[1] - seconds[0]
    title = f"{PROCESSES_SIDES[1]}x{PROCESSES_SIDES[1]}, two processes / one, speed"
    return [Row(title, found[1] / found[2], "x", "at least 1.8")]


def _memory(folder: Path) -> list[Row]:
    """Of ``predict.py`` with batches, overviews and polygons."""
    _write_net(folder, depth=0)
    extra = ("--batch", "2", "--polygons", "--min-area", "1", "net.depth=0")
    found = {
        side: _alone(folder, _draw(folder, side, flat=True), f"memory_{side}", *extra)
        for side in MEMORY_SIDES
    }
    small, large = MEMORY_SIDES
    rows = [Row(f"{s}x{s}, polygons, peak memory", found[s].peak / 1e6, "MB") for s in found]
    rows += [Row(f"{s}x{s}, polygons", s**2 / 1e6 / found[s].seconds, "MP/s") for s in found]
    ratio = found[large].peak / found[small].peak
    title = f"{large}x{large} / {small}x{small}, peak memory"
    return [*rows, Row(title, ratio, "x", "at most 1.3")]


def _draw(folder: Path, side: int, flat: bool = False) -> Path:
    """A scene of blocks that are the same, with noise as of a camera, or of flat colors."""
    path = folder / f"{'flat' if flat else 'scene'}_{side}.tif"
    if path.exists():
        return path
    image, label = draw_scene(BLOCK, BLOCK, 0)
    if flat:  # so that outlines are those of things, not of noise
        image = decode_colors(label, VAIHINGEN)
    block = np.ascontiguousarray(image.transpose(2, 0, 1))
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=side,
        width=side,
        count=3,
        dtype="uint8",
        crs="EPSG:32632",
        transform=rasterio.transform.from_origin(500000, 5400000, 0.1, 0.1),
        tiled=True,
        compress="deflate",
    ) as target:
        for top in range(0, side, BLOCK):
            for left in range(0, side, BLOCK):
                height, width = min(BLOCK, side - top), min(BLOCK, side - left)
                target.write(block[:, :height, :width], window=Window(left, top, width, height))
    return path


def _predicted(segmenter: Ready, path: Path, output: Path) -> None:
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        predict_files(segmenter, [path], output, SceneOptions())


@contextmanager
def _stages() -> Iterator[dict[str, float]]:
    """Seconds in each stage; all but the last go on at the same time."""
    spent = {"reading": 0.0, "blending and storing": 0.0, "compressing": 0.0}
    places = (
        ("reading", Raster, "read"),
        ("blending and storing", prediction.Blender, "add"),
        ("compressing", map_writer, "write_geotiff"),
    )
    before = [getattr(owner, name) for _, owner, name in places]

    def timed(stage: str, call: Callable) -> Callable:
        def measured(*args, **kwargs) -> Any:
            start = time.perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                spent[stage] += time.perf_counter() - start

        return measured

    for (stage, owner, name), call in zip(places, before, strict=True):
        setattr(owner, name, timed(stage, call))
    try:
        yield spent
    finally:
        for (_, owner, name), call in zip(places, before, strict=True):
            setattr(owner, name, call)


def _copied(path: Path, result: Path, output: Path) -> float:
    """Seconds of reading an image and writing its map, which is at hand, in the same form."""
    output.mkdir()
    with rasterio.open(result / path.name) as file:
        classes = file.read(1)
    options = SceneOptions()
    files = map_files(path, output, options)
    start = time.perf_counter()
    with (
        gdal_cache(),
        Raster(path, VAIHINGEN) as raster,
        beside([output / path.stem]) as (folder,),
    ):
        for top in range(0, raster.height, 1024):
            raster.file.read(raster.bands, (top, 0, min(1024, raster.height - top), raster.width))
        with RawMaps(folder, classes.shape, 6, False, output) as raw:
            raw.classes.write(classes, *(slice(0, side) for side in classes.shape))
            MapWriter(raster, VAIHINGEN, options, files).write(raw, files)
    return time.perf_counter() - start


def _write_net(folder: Path, depth: int) -> None:
    (folder / "config.py").write_text(CONFIG)
    torch.manual_seed(0)
    layers = {"weigh": torch.nn.Conv2d(3, 6, 1)}
    layers |= {f"busy.{number}": torch.nn.Conv2d(6, 6, 3, padding=1) for number in range(depth)}
    stored = {
        f"net.{layer}.{key}": value
        for layer, module in layers.items()
        for key, value in module.state_dict().items()
    }
    torch.save({"state_dict": stored}, folder / "net.ckpt")


def _alone(folder: Path, path: Path, output: str, *extra: str, **environment: str) -> Alone:
    arguments = ("-c", "config.py", "--ckpt", "net.ckpt", "-o", output, path.name)
    return run_alone(folder, "predict.py", *arguments, *extra, **environment)
