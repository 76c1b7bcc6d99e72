"""What a GPU does: precisions, memory format, compilation, and where the host waits for it."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.measuring import Row, compare, megabytes
from benchmarks.model import BACKBONE, SIDE, network
from network.datasets.catalog import VAIHINGEN
from network.datasets.colors import decode_colors
from network.devices import AUTOCAST_DTYPES, prepare_device
from network.experiment import Experiment
from network.files.gdal_cache import gdal_cache
from network.files.images import write_image
from network.inference.predictor import Predictor
from network.inference.trained_network import Trained
from network.losses import BiCoRLoss
from network.models import BiCoR
from network.preparation.demo_scenes import draw_scene
from network.scenes.blending import tile
from network.scenes.prediction import predict_scene
from network.scenes.rasters import Raster
from network.training.run import train

BATCH, CLASSES = 4, 6
SCENE, WINDOW = 2048, 1024
FIRST, STEPS = 50, 20
"""Steps of a training that are looked at: from the second epoch, where all scores are known."""
CONFIG = """
from functools import partial
from benchmarks.gpu import Counting
from network.datasets.folder import FolderDataset
from network.datasets.transforms import TrainTransform
from network.models import BiCoR

dataset = partial(FolderDataset, root="data", classes={classes}, val="*_val")
net = partial(BiCoR, backbone="{backbone}")
loss = partial(Counting)
transform = partial(TrainTransform, crop_size=128)
accelerator = "gpu"
max_epoch = 2
train_batch_size = 2
repeat = 20
num_workers = 0
sample_every = 0
"""


def run() -> list[Row]:
    """Everything but compilation in about a minute, and that last."""
    device = prepare_device("gpu")
    rows = [*_agreement(device), *_training(device), *_inference(device)]
    with tempfile.TemporaryDirectory() as folder, _within(Path(folder)):
        write_run(Path(), BACKBONE)
        rows += _waiting("training step", count_training_steps())
        rows += _scene()
        rows += _waiting("scene window", count_windows(WINDOW))
    return [*rows, *_compiled(device)]


@contextlib.contextmanager
def synchronisations() -> Iterator[Counter[str]]:
    """Count where the host waits for the GPU, by file and line; filled in at the end."""
    counts: Counter[str] = Counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield counts
        finally:
            torch.cuda.set_sync_debug_mode("default")
            for each in caught:
                if "synchronizing CUDA operation" in str(each.message):
                    counts[f"{'/'.join(Path(each.filename).parts[-2:])}:{each.lineno}"] += 1


class Counting(BiCoRLoss):
    """The loss, which counts the synchronisations of ``STEPS`` whole steps of a training."""

    found: Mapping[str, int] | None = None

    def __init__(self, ignore_index: int) -> None:
        super().__init__(ignore_index)
        self.steps = 0
        self.counting = contextlib.ExitStack()
        Counting.found = None

    def forward(self, out: object, mask: Tensor) -> dict[str, Tensor]:
        """As the loss."""
        self.steps += self.training
        if self.training and self.steps == FIRST:
            Counting.found = self.counting.enter_context(synchronisations())
        if self.training and self.steps == FIRST + STEPS:
            self.counting.close()
        return super().forward(out, mask)


def write_run(folder: Path, backbone: str) -> None:
    """Images in ``data``, a config and a checkpoint of random weights."""
    for index, name in enumerate(("a", "b", "c", "d", "e_val")):
        image, mask = draw_scene(256, 256, index)
        write_image(folder / f"data/images/{name}.png", image)
        write_image(folder / f"data/masks/{name}.png", decode_colors(mask, VAIHINGEN))
    write_image(folder / "scene.png", np.vstack([np.hstack([image] * 8)] * 8))
    classes = dict(zip(VAIHINGEN.classes, VAIHINGEN.palette, strict=True))
    text = CONFIG.format(classes=classes, backbone=backbone)
    (folder / "bicor.py").write_text(text)
    weights = BiCoR(backbone, num_classes=CLASSES).state_dict()
    stored = {f"net.{key}": value for key, value in weights.items()}
    torch.save({"state_dict": stored}, folder / "net.ckpt")


def count_training_steps() -> dict[str, float]:
    """Synchronisations of a step of ``train.py``, by place; in the folder of ``write_run``."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        train(Experiment.load("bicor.py"))
    if Counting.found is None:
        raise RuntimeError(f"the training ended before step {FIRST}")
    return {place: count / STEPS for place, count in Counting.found.items()}


def count_windows(window: int) -> dict[str, float]:
    """Synchronisations of a window of ``predict.py``, by their place."""
    trained = Trained.open(Experiment.load("bicor.py"), "net.ckpt")
    predictor = trained.predictor("none")
    with gdal_cache(), Raster(Path("scene.png"), trained.spec) as raster:
        tiling = tile(raster.height, raster.width, window, 0.25)
        for _ in predict_scene(raster, trained, predictor, tiling, everywhere=True):
            pass  # so that what is done once is done
        with synchronisations() as counts:
            for _ in predict_scene(raster, trained, predictor, tiling, everywhere=True):
                pass
    return {place: count / tiling.count for place, count in counts.items()}


def _scene() -> list[Row]:
    trained = Trained.open(Experiment.load("bicor.py"), "net.ckpt")
    predictor = trained.predictor("none")
    tiling = tile(SCENE, SCENE, WINDOW, 0.25)

    def predict() -> None:
        with gdal_cache(), Raster(Path("scene.png"), trained.spec) as raster:
            for _ in predict_scene(raster, trained, predictor, tiling, everywhere=True):
                pass

    found = compare({"scene": predict}, rounds=3, warmup=1)["scene"]
    name = f"scene of {SCENE}x{SCENE}, windows of {WINDOW}, {trained.precision}"
    return [
        Row(name, tiling.count / found.seconds, "windows/s"),
        Row(f"{name}, added memory", megabytes(found.added), "MB"),
    ]


def _waiting(unit: str, counts: Mapping[str, float]) -> list[Row]:
    rows = [Row(f"the host waits for the GPU, per {unit}", sum(counts.values()), "times")]
    return rows + [
        Row(f"of these at {place}", count, "times") for place, count in sorted(counts.items())
    ]


def _agreement(device: torch.device) -> list[Row]:
    """Largest difference of the logits from those of the CPU."""
    net = network(CLASSES, "cpu").eval()
    torch.manual_seed(1)
    image = torch.randn(1, 3, SIDE, SIDE)
    with torch.inference_mode():
        expected = net(image).logits
    net.to(device)

    def difference(dtype: torch.dtype | None) -> float:
        enabled = dtype is not None
        with torch.inference_mode(), torch.autocast(device.type, dtype, enabled=enabled):
            return (net(image.to(device)).logits.float().cpu() - expected).abs().max().item()

    with without_tf32():
        rows = [Row("logits, GPU - CPU: float32", difference(None), "", "at most 0.001")]
    rows.append(Row("logits, GPU - CPU: float32 with TF32", difference(None), ""))
    rows.append(Row("logits, GPU - CPU: bfloat16", difference(torch.bfloat16), ""))
    return [*rows, Row("largest logit", expected.abs().max().item(), "")]


@contextlib.contextmanager
def without_tf32() -> Iterator[None]:
    """Exact float32 products and convolutions."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


def _training(device: torch.device) -> list[Row]:
    steps: dict[str, Callable[[], object]] = {
        f"training step, {precision}": _step(network(CLASSES, device.type), device, precision)
        for precision in AUTOCAST_DTYPES
    }
    plain = network(CLASSES, device.type).to(memory_format=torch.contiguous_format)
    steps["training step, bf16-mixed, not channels_last"] = _step(
        plain, device, "bf16-mixed", torch.contiguous_format
    )
    found = compare(steps, rounds=5, warmup=2)
    return [
        *(
            Row(f"{name}, batch {BATCH}", BATCH / m.seconds, "images/s")
            for name, m in found.items()
        ),
        *(Row(f"{name}, added memory", megabytes(m.added), "MB") for name, m in found.items()),
    ]


def _step(
    net: BiCoR,
    device: torch.device,
    precision: str,
    memory_format: torch.memory_format = torch.channels_last,
) -> Callable[[], object]:
    dtype, loss = AUTOCAST_DTYPES[precision], BiCoRLoss(ignore_index=CLASSES)
    image = torch.randn(BATCH, 3, SIDE, SIDE, device=device).contiguous(memory_format=memory_format)
    mask = torch.randint(0, CLASSES + 1, (BATCH, SIDE, SIDE), device=device)

    def call() -> None:
        net.train()
        net.zero_grad(set_to_none=True)
        with torch.autocast(device.type, dtype, enabled=dtype is not None):
            total = loss(net(image), mask)["total"]
        total.backward()

    return call


def _inference(device: torch.device) -> list[Row]:
    image = torch.randn(BATCH, 3, SIDE, SIDE, device=device)
    predictors = {
        f"inference, {precision}": Predictor(
            network(CLASSES, device.type), device=device, precision=precision
        )
        for precision in AUTOCAST_DTYPES
    }
    calls = {name: (lambda p=predictor: p(image)) for name, predictor in predictors.items()}
    found = compare(calls, rounds=5, warmup=2)
    return [
        Row(f"{name}, batch {BATCH}", BATCH / m.seconds, "images/s") for name, m in found.items()
    ]


def _compiled(device: torch.device) -> list[Row]:
    net = network(CLASSES, device.type)
    net.compile()
    try:
        found = compare({"compiled": _step(net, device, "bf16-mixed")}, rounds=5, warmup=3)
    except Exception as error:  # without a compiler torch raises whatever it likes
        print(f"compile=True was not measured: {str(error).splitlines()[0]}")
        return []
    rate = BATCH / found["compiled"].seconds
    return [Row(f"training step, bf16-mixed, compiled, batch {BATCH}", rate, "images/s")]


@contextlib.contextmanager
def _within(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
