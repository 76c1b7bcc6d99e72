"""Configs and settings that cannot be."""

import dataclasses
import random
import typing
from collections.abc import Iterator
from pathlib import Path

from network.experiment import Experiment
from tests.scripts.bad.case import CONFIG, GOOD, OF_CONFIG, Case, replace


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
        "sample_images=0 net.embed_dim=0 net.num_hbis=-1 net.topk_ratio=0 net.topk_ratio=2 "
        "net.min_pixels=-1 net.temperature=0 net.mix=x net.input_scale=0 net.pretrained=none.pth "
        "net.backbone=vgg net.backbone=vit_tiny_patch17_224 loss.ignore_index=3 "
        "loss.fisher_weight=[0.1] loss.label_smoothing=x transform.crop_size=0 "
        "transform.crop_size=-64 transform.crop_size=16 dataset.root=none dataset.masks=oil"
    ).split()
    for override in ranges:
        name = override.partition("=")[0].rpartition(".")[2]
        word = "pretrained weights" if name == "pretrained" else name
        yield Case(f"override {override}", "override", "train.py", (*CONFIG, override), word)
