"""Checkpoints that cannot be."""

import os
import pickle
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from tests.scripts.bad.case import CKPT, CONFIG, GOOD, Case, replace


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
