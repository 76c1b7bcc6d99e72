"""What testing costs beside the network: metrics, masks, and memory over many images."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch

from benchmarks.measuring import Row, compare, run_alone
from benchmarks.model import inference, network
from network.datasets.catalog import VAIHINGEN
from network.datasets.colors import decode_colors
from network.files.images import write_image
from network.metrics import Confusion
from network.models import BiCoR
from network.preparation.demo_scenes import draw_scene

SIDE = 1024
NUMBERS = (10, 100)
CONFIG = """
from functools import partial
from network.datasets.folder import FolderDataset
from network.models import BiCoR

CLASSES = {classes}
dataset = partial(FolderDataset, root="data", classes=CLASSES, val="*_val", test="test_*")
net = partial(BiCoR, backbone="test_convnext", embed_dim=64)
"""


def run() -> list[Row]:
    """Share of the metrics with convnext_base, and peak memory of ``test.py``."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    net = network(6, device)
    image = torch.randn(1, 3, SIDE, SIDE, device=device).to(memory_format=torch.channels_last)
    label = torch.randint(0, 7, (1, SIDE, SIDE), device=device)
    predicted = torch.randint(0, 6, (1, SIDE, SIDE), device=device)
    confusion = Confusion(VAIHINGEN).to(device)
    found = compare(
        {"network": inference(net, image), "metrics": lambda: confusion.update(predicted, label)},
        rounds=3,
        warmup=1,
    )
    share = found["metrics"].seconds / (found["network"].seconds + found["metrics"].seconds)
    peaks = {number: peak_of_test(number) for number in NUMBERS}
    return [
        *(Row(f"{name}, {SIDE}x{SIDE}", m.seconds, "s") for name, m in found.items()),
        Row("share of the metrics", 100 * share, "%", "at most 2"),
        *(Row(f"peak memory, {n} images", peak / 1e6, "MB") for n, peak in peaks.items()),
        Row(
            "peak memory, 100 images / 10",
            peaks[NUMBERS[1]] / peaks[NUMBERS[0]],
            "x",
            "0.95 to 1.05",
        ),
    ]


def peak_of_test(number: int) -> int:
    """Peak resident bytes of ``test.py`` over so many images."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scenes = [draw_scene(512, 512, seed) for seed in range(5)]
        names = ["train_0", "one_val", *(f"test_{index:03d}" for index in range(number))]
        for index, stem in enumerate(names):
            image, mask = scenes[index % len(scenes)]
            write_image(folder / f"data/images/{stem}.png", image)
            write_image(folder / f"data/masks/{stem}.png", decode_colors(mask, VAIHINGEN))
        classes = dict(zip(VAIHINGEN.classes, VAIHINGEN.palette, strict=True))
        (folder / "bicor.py").write_text(CONFIG.format(classes=classes))
        weights = BiCoR("test_convnext", num_classes=6, embed_dim=64).state_dict()
        stored = {f"net.{key}": value for key, value in weights.items()}
        torch.save({"state_dict": stored}, folder / "net.ckpt")
        arguments = ["-c", "bicor.py", "-o", "out", "--ckpt", "net.ckpt", "--rgb"]
        return run_alone(folder, "test.py", *arguments).peak
