"""One bad input, and the commands that would work without it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

CKPT = "model_weights/own/bicor/best.ckpt"
CONFIG = ("-c", "bicor.py")
# Commands that work in the prepared folder, one of each script.
GOOD = {
    "train.py": CONFIG,
    "study.py": ("study.py", "-o", "new", "--plan"),
    "test.py": (*CONFIG, "-o", "new"),
    "predict.py": (*CONFIG, "data/own/images/scene_000.jpg", "-o", "new"),
    "test_vaihingen.py": ("-c", "vaihingen.py", "-o", "new", "--ckpt", CKPT),
    "test_potsdam.py": ("-c", "potsdam.py", "-o", "new", "--ckpt", CKPT),
    "test_loveda.py": ("-c", "loveda.py", "-o", "new", "--val", "--ckpt", "loveda.ckpt"),
    "tools/check_data.py": CONFIG,
    "tools/complexity.py": (*CONFIG, "--no-timing", "--size", "64", "--json", "new.json"),
    "tools/heatmaps.py": (*CONFIG, "-o", "new"),
    "tools/embeddings.py": (*CONFIG, "-o", "new"),
    "tools/info.py": (CKPT,),
    "tools/convert_checkpoint.py": (CKPT, "new.ckpt", *CONFIG),
    "tools/export.py": ("--ckpt", CKPT, "-o", "new.onnx", "--format", "onnx", "--size", "64"),
    "tools/curves.py": ("lightning_logs/own/bicor", "-o", "new"),
    "tools/report.py": ("out",),
    "tools/compare.py": ("out", "-o", "new"),
    "tools/vaihingen_patch_split.py": (
        *("--img-dir", "tiles/images", "--mask-dir", "tiles/masks", "--output-img-dir", "new/i"),
        *("--output-mask-dir", "new/m", "--split-size", "64", "--stride", "64"),
    ),
    "tools/potsdam_patch_split.py": (
        *("--img-dir", "potsdam/images", "--mask-dir", "potsdam/masks", "--rgb-image"),
        *("--output-img-dir", "new/i", "--output-mask-dir", "new/m"),
        *("--split-size", "64", "--stride", "64"),
    ),
    "tools/loveda_mask_convert.py": ("--mask-dir", "raw", "--output-mask-dir", "new"),
    "tools/arrange_tiles.py": ("vaihingen", "--images", "tiles/images", "--masks", "tiles/masks"),
    "tools/split_orthophoto.py": (
        *("--images", "flight/ortho.tif", "--labels", "flight/labels.gpkg"),
        *("--class-field", "class", "--val-area", "flight/val_area.gpkg", "--output", "new"),
        *("--split-size", "64", "--processes", "1"),
    ),
    "tools/make_demo_data.py": ("--layout", "folder", "--output", "new", "--images", "2"),
}
OF_CONFIG = ("train.py", "test.py", "predict.py", "tools/heatmaps.py", "tools/check_data.py")


@dataclass
class Case:
    """One bad input: how a folder is spoilt, what is run, and a word of the complaint."""

    name: str
    kind: str
    script: str
    arguments: tuple[str, ...]
    word: str = ""
    spoil: Callable[[Path], object] = lambda root: None
    environment: Mapping[str, str] = field(default_factory=dict)


def put(path: Path, content: bytes | str) -> None:
    """Write a file anew: the folder's files are links to those of all cases."""
    path.unlink(missing_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def replace(place: str, content: bytes | str) -> Callable[[Path], None]:
    return lambda root: put(root / place, content)
