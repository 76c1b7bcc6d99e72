"""Generates inputs that no script may accept, the same ones each time."""

import argparse
import dataclasses
import json
import os
import pickle
import random
import runpy
import sys
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from network.experiment import Experiment
from tests.conftest import REPOSITORY

KINDS = ("config", "override", "image", "mask", "checkpoint", "argument", "record")
CKPT = "model_weights/own/bicor/best.ckpt"
CONFIG = ("-c", "bicor.py")
# Commands that work in the prepared folder, one of each script.
GOOD = {
    "train.py": CONFIG,
    "test.py": (*CONFIG, "-o", "new"),
    "predict.py": (*CONFIG, "data/own/images/scene_000.jpg", "-o", "new"),
    "test_vaihingen.py": ("-c", "vaihingen.py", "-o", "new", "--ckpt", CKPT),
    "test_potsdam.py": ("-c", "potsdam.py", "-o", "new", "--ckpt", CKPT),
    "test_loveda.py": ("-c", "loveda.py", "-o", "new", "--val", "--ckpt", "loveda.ckpt"),
    "tools/check_data.py": CONFIG,
    "tools/heatmaps.py": (*CONFIG, "-o", "new"),
    "tools/embeddings.py": (*CONFIG, "-o", "new"),
    "tools/convert_checkpoint.py": (CKPT, "new.ckpt", *CONFIG),
    "tools/curves.py": ("lightning_logs/own/bicor", "-o", "new"),
    "tools/report.py": ("out",),
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
    spoil: Callable[[Path], None] = lambda root: None


def put(path: Path, content: bytes | str) -> None:
    """Write a file anew: the folder's files are links to those of all cases."""
    path.unlink(missing_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def replace(place: str, content: bytes | str) -> Callable[[Path], None]:
    return lambda root: put(root / place, content)


def cases(root: Path) -> Iterator[Case]:
    """All cases; ``root`` is the prepared folder, to spoil what is in it."""
    rng = random.Random(7)
    for maker in (configs, overrides, pictures, checkpoints, records):
        yield from maker(root, rng)
    yield from arguments(root)


def configs(root: Path, rng: random.Random) -> Iterator[Case]:
    good = (root / "bicor.py").read_text()
    added = {
        "net = (": "line",
        "import no_such_module": "no_such_module",
        "1 / 0": "ZeroDivisionError",
        "raise SystemExit(0)": "SystemExit",
        "def f():\n    return f()\nf()": "RecursionError",
        "net = 3": "net",
        "net = None": "net",
        "net = partial(int)": "net",
        "net = partial(BiCoR, bakbone='resnet18')": "bakbone",
        "net = partial(BiCoR, backbone='no_such_backbone')": "no_such_backbone",
        "net = partial(BiCoR, backbone='test_convnext', num_classes=3)": "num_classes",
        "net = partial(BiCoR, backbone='test_convnext', embed_dim=40)": "embed_dim",
        "net = partial(BiCoR, backbone='test_convnext', topk_ratio=[1.0])": "topk_ratio",
        "net = BiCoR('test_convnext')": "net",
        "dataset = 'data/own'": "dataset",
        "dataset = partial(FolderDataset)": "root",
        "dataset = partial(dict)": "dataset",
        "loss = 'dice'": "loss",
        "transform = 7": "transform",
        "max_epoch = 'three'": "max_epoch",
        "max_epoch = [3]": "max_epoch",
        "max_epochs = 3": "max_epoch",
        "lr = None": "lr",
        "lr = -1.0": "lr",
        "lr = 'nan'": "lr",
        "name = 'a/b'": "name",
        "name = '..'": "name",
        "monitor = 3": "monitor",
        "logger = 'paper'": "logger",
        "overrides = ['lr=1']": "overrides",
        "del dataset": "dataset",
        "\x00": "bicor.py",
    }
    scripts = ("train.py", "test.py", "predict.py", "tools/heatmaps.py")
    for number, (line, word) in enumerate(added.items()):
        built = line.startswith(("net", "dataset", "del"))
        script = "train.py" if line.startswith(("loss", "trans")) else scripts[number % 4]
        script = "test.py" if built and script == "train.py" else script
        if "partial(BiCoR, b" in line and word != "num_classes" and word != "bakbone":
            script = "train.py"  # elsewhere these settings come from the checkpoint
        yield Case(f"config {line[:90]!r}", "config", script, GOOD[script], word,
                   replace("bicor.py", f"{good}\n{line}\n"))  # fmt: skip
    for name, content in {
        "empty": "",
        "not UTF-8": b"name = '\xff\xfe'",
        "binary": rng.randbytes(300),
        "no Python": "max_epoch: 3\nlr: 1e-4\n",
        **{f"cut at {n}": good[: good.index("(", 20 * n) + 5] for n in range(5, 9)},
    }.items():
        script = OF_CONFIG[len(name) % 5]
        yield Case(f"config {name}", "config", script, GOOD[script], "bicor.py",
                   replace("bicor.py", content))  # fmt: skip
    for script, command in GOOD.items():
        if "-c" in command:
            place = command.index("-c") + 1
            for other in ("none.py", "data", "dataset.txt"):
                changed = (*command[:place], other, *command[place + 1 :])
                yield Case(f"{script} -c {other}", "config", script, changed, other)


def overrides(root: Path, rng: random.Random) -> Iterator[Case]:
    malformed = {
        "=3": "form name=value", "lr": "form name=value", "lr3=": "lr3", ".x=1": "form name=value",
        "net.=1": "net", "net.backbone.x=1": "partial", "net=3": "net", "lr.x=1": "lr",
        "dataset=own": "dataset", "Net.x=1": "Net", "net.no_such=1": "no_such",
    }  # fmt: skip
    for number, (override, word) in enumerate(malformed.items()):
        script = OF_CONFIG[number % 3]
        yield Case(f"override {override}", "override", script, (*GOOD[script], override), word)
    hints = typing.get_type_hints(Experiment)
    wrong = {int: ("three", "1.5", "[1]", "None"), float: ("fast", "[1.0]"), bool: ("maybe", "2"),
             str: ("3", "[]")}  # fmt: skip
    number = 0
    for field in dataclasses.fields(Experiment):
        values = wrong.get(hints[field.name], ("{}",))
        if not field.metadata.get("setting", True):
            values = ("x",)
        for value in values:
            number += 1
            script = ("train.py", "test.py", "predict.py", "tools/embeddings.py")[number % 4]
            override = f"{field.name}={value}"
            yield Case(f"override {override}", "override", script, (*GOOD[script], override),
                       field.name)  # fmt: skip
        if hints[field.name] in (int, float) and field.name != "num_nodes":
            for value in ("-1", "-7e9" if hints[field.name] is float else "-70000000000"):
                override = f"{field.name}={value}"
                yield Case(f"override {override}", "override", "train.py",
                           (*CONFIG, override), field.name)  # fmt: skip
    ranges = (
        "max_epoch=0 train_batch_size=0 val_batch_size=0 repeat=0 accumulate=0 val_every=0 lr=0 "
        "lr=1e999 lr=1e39 clip_norm=0 clip_norm=-1 precision=64 precision=fp8 accelerator=abacus "
        "logger=paper monitor=val_loss strategy=no_such devices=0 devices=no_such "
        "train_batch_size=100000 val_every=99 lookahead_alpha=7 seed=99999999999999 "
        "sample_images=0 net.embed_dim=0 net.num_hbis=0 net.topk_ratio=0 net.topk_ratio=2 "
        "net.min_pixels=-1 net.temperature=0 net.mix=x net.input_scale=0 net.pretrained=none.pth "
        "net.backbone=vgg net.backbone=vit_tiny_patch17_224 loss.ignore_index=3 "
        "loss.fisher_weight=[0.1] loss.label_smoothing=x transform.crop_size=0 "
        "transform.crop_size=-64 transform.crop_size=16 dataset.root=none dataset.masks=oil"
    ).split()
    for override in ranges:
        name = override.partition("=")[0].rpartition(".")[2]
        word = "pretrained weights" if name == "pretrained" else name
        yield Case(f"override {override}", "override", "train.py", (*CONFIG, override), word)


def pictures(root: Path, rng: random.Random) -> Iterator[Case]:
    image, mask = "data/own/images/scene_001_val.jpg", "data/own/masks/scene_001_val.png"
    tile, tile_mask = (f"tiles/{kind}/top_mosaic_09cm_area1.tif" for kind in ("images", "masks"))
    raw, loveda = "raw/0.png", "data/LoveDA/Val/Rural/masks_png_convert/2522.png"
    small = np.full((20, 20, 3), 255, np.uint8)
    places = {
        image: ("image", ("train.py", "test.py", "tools/check_data.py", "tools/heatmaps.py")),
        mask: ("mask", ("train.py", "test.py", "tools/check_data.py", "tools/embeddings.py")),
        tile: ("image", ("tools/vaihingen_patch_split.py",)),
        tile_mask: ("mask", ("tools/vaihingen_patch_split.py",)),
        raw: ("mask", ("tools/loveda_mask_convert.py",)),
        loveda: ("mask", ("test_loveda.py",)),
        "data/own/images/scene_000.jpg": ("image", ("predict.py",)),
    }
    for place, (kind, scripts) in places.items():
        whole = (root / place).read_bytes()
        suffix = Path(place).suffix
        contents = {
            "empty": b"",
            "text": b"this is no image\n" * 20,
            "bytes": rng.randbytes(900),
            "html": b"<html>404 Not Found</html>",
            **{f"cut at {n} %": whole[: len(whole) * n // 100]
               for n in sorted(rng.sample(range(3, 80), 3))},
        }  # fmt: skip
        if place not in (raw, "data/own/images/scene_000.jpg", tile):
            contents["another size"] = cv2.imencode(suffix, small)[1].tobytes()
        if kind == "mask":
            gray = np.full(cv2.imread(str(root / place)).shape, 77, np.uint8)
            gray = gray[..., 0] if place in (raw, loveda) else gray
            contents["unlisted"] = cv2.imencode(suffix, gray)[1].tobytes()
        for number, (name, content) in enumerate(contents.items()):
            script = scripts[number % len(scripts)]
            yield Case(f"{script} {place} {name}", kind, script, GOOD[script],
                       Path(place).stem, replace(place, content))  # fmt: skip

        def folder(root: Path, place: str = place) -> None:
            (root / place).unlink()
            (root / place).mkdir()

        def gone(root: Path, place: str = place) -> None:
            (root / place).unlink()

        if place not in (image, mask):
            yield Case(f"{place} is a folder", kind, scripts[0], GOOD[scripts[0]], "", folder)
            yield Case(f"{place} is gone", kind, scripts[0], GOOD[scripts[0]], "", gone)
        else:
            yield Case(f"{place} is a folder", kind, scripts[0], GOOD[scripts[0]],
                       Path(place).stem, folder)  # fmt: skip
            yield Case(f"{place} is gone", kind, scripts[1], GOOD[scripts[1]],
                       Path(place).stem, gone)  # fmt: skip


class Evil:
    """Pickles to code that writes a file."""

    def __reduce__(self) -> tuple:
        return (os.system, ("touch harm",))


def checkpoints(root: Path, rng: random.Random) -> Iterator[Case]:
    whole = (root / CKPT).read_bytes()
    stored = torch.load(root / CKPT, weights_only=True)
    weights = stored["state_dict"]
    first = next(iter(weights))

    def saved(content: object) -> Callable[[Path], None]:
        def spoil(root: Path) -> None:
            (root / CKPT).unlink()
            torch.save(content, root / CKPT)

        return spoil

    spoilt = {
        "empty": replace(CKPT, b""),
        "bytes": replace(CKPT, rng.randbytes(5000)),
        "text": replace(CKPT, "no checkpoint"),
        "image": replace(CKPT, (root / "data/own/images/scene_000.jpg").read_bytes()),
        "pickle": replace(CKPT, pickle.dumps({"state_dict": {}})),
        "pickled code": replace(CKPT, pickle.dumps(Evil())),
        "code": saved({"state_dict": Evil()}),
        "list": saved([1, 2]),
        "tensor": saved(torch.zeros(3)),
        "nothing": saved({}),
        "no weights": saved(stored | {"state_dict": {}}),
        "weights of a list": saved(stored | {"state_dict": [1]}),
        "a name less": saved(stored | {"state_dict": dict(list(weights.items())[1:])}),
        "a name more": saved(stored | {"state_dict": weights | {"net.more": torch.zeros(1)}}),
        "another shape": saved(stored | {"state_dict": weights | {first: torch.zeros(3)}}),
        "no tensors": saved(stored | {"state_dict": weights | {first: "text"}}),
        **{f"cut at {n} %": replace(CKPT, whole[: len(whole) * n // 100])
           for n in sorted(rng.sample(range(1, 100), 10))},
    }  # fmt: skip
    scripts = ("test.py", "predict.py", "train.py", "tools/heatmaps.py", "tools/embeddings.py",
               "tools/convert_checkpoint.py")  # fmt: skip
    for number, (name, spoil) in enumerate(spoilt.items()):
        script = scripts[number % 6]
        command = GOOD[script]
        if script == "train.py":
            command = (*command, "max_epoch=2", "--resume", CKPT)
        yield Case(f"{script} checkpoint {name}", "checkpoint", script, command, "best.ckpt", spoil)
    lacking = {key: value for key, value in stored.items() if key != "optimizer_states"}
    for name, content in {"no optimizer": lacking, "weights only": {"state_dict": weights}}.items():
        yield Case(f"resume {name}", "checkpoint", "train.py", (*CONFIG, "--resume", CKPT),
                   "best.ckpt", saved(content))  # fmt: skip
    for name, spoil in list(spoilt.items())[:8]:
        yield Case(f"pretrained {name}", "checkpoint", "train.py",
                   (*CONFIG, f"net.pretrained={CKPT}"), "best.ckpt", spoil)  # fmt: skip


def records(root: Path, rng: random.Random) -> Iterator[Case]:
    listing = (root / "data/own/dataset.yaml").read_text()
    for number, content in enumerate(
        (
            b"\xff\xfe\x00", "[1, 2", "- a list", "just text", "classes: 3", "classes: {}",
            "classes: {A: [1, 2]}", "classes: {A: [0, 0, 300]}", "classes: {A: red}",
            "classes: {A: [1, 2, 3], B: [1, 2, 3]}", "colours: 3", listing + "\nval: 3\n",
            listing + "\nunscored: [No such class]\n", listing + "\nignore_colors: 9\n",
            listing + "\nmasks: oil\n", listing + "\nval: nothing_of_that_name\n",
        )
    ):  # fmt: skip
        script = ("train.py", "test.py", "tools/check_data.py")[number % 3]
        yield Case(f"dataset.yaml {content[-60:]!r}", "record", script, GOOD[script], "",
                   replace("data/own/dataset.yaml", content))  # fmt: skip
    results = (root / "out/results.json").read_text()
    for content in ("", "{", "[]", "3", "{}", results[: len(results) // 2], b"\xff\x00",
                    json.dumps(json.loads(results) | {"scores": "none"})):  # fmt: skip
        yield Case(f"results.json {content[:20]!r}", "record", "tools/report.py", ("out",),
                   "results.json", replace("out/results.json", content))  # fmt: skip
    for content in ("", "name\n", b"\xff\xfe\x00\x00"):
        yield Case(f"images.csv {content[:20]!r}", "record", "tools/report.py", ("out",),
                   "images.csv", replace("out/images.csv", content))  # fmt: skip
    log = "lightning_logs/own/bicor/version_0/metrics.csv"
    for content in ("", "text", "epoch,step\n0,1\n", "epoch,val_mIoU\n0,high\n", b"\xff\xfe\x00",
                    "epoch,val_mIoU\nfirst,0.5\n"):  # fmt: skip
        yield Case(f"metrics.csv {content[:20]!r}", "record", "tools/curves.py",
                   GOOD["tools/curves.py"], "metrics.csv", replace(log, content))  # fmt: skip


class Captured(Exception):
    """Carries a script's parser out of it."""


def parser_of(script: str) -> argparse.ArgumentParser:
    def capture(self: argparse.ArgumentParser, *_: object, **__: object) -> None:
        raise Captured(self)

    names = ("parse_args", "parse_intermixed_args", "parse_known_args")
    before = {name: getattr(argparse.ArgumentParser, name) for name in names}
    path = list(sys.path)
    try:
        for name in names:
            setattr(argparse.ArgumentParser, name, capture)
        runpy.run_path(str(REPOSITORY / script), run_name="__main__")
    except Captured as found:
        return found.args[0]
    finally:
        sys.path[:] = path
        for name, function in before.items():
            setattr(argparse.ArgumentParser, name, function)
    raise AssertionError(f"{script} reads no arguments")


def arguments(root: Path) -> Iterator[Case]:
    for script, command in GOOD.items():
        yield Case(f"{script} --no-such-flag", "argument", script, (*command, "--no-such-flag"), "")
        if any(a.required for a in parser_of(script)._actions):
            yield Case(f"{script} without arguments", "argument", script, (), "required")
        for action in parser_of(script)._actions:
            if not action.option_strings or action.nargs == 0:
                continue
            flag = action.option_strings[-1]
            values = {"no-such-choice"} if action.choices else set()
            if action.type in (int, float):
                values = {"many", "-3", "nan" if action.type is float else "0.5"}
            if flag in ("--ckpt", "--resume", "--img-dir", "--mask-dir", "--images", "--masks"):
                values = {"none.of.that.name"}
            if flag in ("-o", "--output", "--output-img-dir", "--output-mask-dir"):
                values = {"bicor.py/below", "bicor.py"}
            if flag == "--output-mask-dir" or script == "tools/curves.py":
                values = {"bicor.py/below"}
            if script == "tools/make_demo_data.py" and flag == "--images":
                values = {"many", "-3", "0.5"}
            several = 2 if action.nargs == 2 else 1
            for value in sorted(values):
                extra = (flag, *[value] * several)
                yield Case(f"{script} {flag} {value}", "argument", script, (*command, *extra), "")
