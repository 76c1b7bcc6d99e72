"""Checkpoints with the names and shapes that the published code gives them, of each dataset.

``published/DATASET.txt`` holds a line ``name [shape]`` for every tensor of such a checkpoint.
"""

import json
import math
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision

from network.files.images import read_indices
from network.inference.published_weights import _renamed as renamed
from network.models import BiCoR
from tests.conftest import REPOSITORY, run_here
from tests.inference.test_published_weights import CLASSES, TINY, Published
from tests.layouts import LAYOUTS, write_layouts

LISTS = Path(__file__).with_name("published")
LAYERS = {"vaihingen": 2, "potsdam": 3, "loveda": 2}
BASE = (torchvision.models.convnext_base, 256)
WIDTHS = (128, 256, 512, 1024)


def listed(dataset):
    lines = (LISTS / f"{dataset}.txt").read_text().splitlines()
    found = [re.fullmatch(r"(\S+) \[(.*)\]", line) for line in lines]
    return {match[1]: tuple(map(int, match[2].split(","))) for match in found}


def drawn(dataset):
    """A checkpoint of that list: small random values, the same memory under all names."""
    noise = 0.02 * torch.randn(1 << 22, generator=torch.Generator().manual_seed(7))
    shapes = listed(dataset).items()
    weights = {name: noise[: math.prod(shape)].view(shape) for name, shape in shapes}
    return {"epoch": 29, "state_dict": weights}


@pytest.mark.parametrize("dataset", LAYOUTS)
def test_the_network_word_by_word_has_the_published_names(dataset):
    with torch.device("meta"):
        net = Published(*BASE, LAYERS[dataset], WIDTHS, LAYOUTS[dataset].spec.num_classes)
    names = {f"net.{name}": tuple(value.shape) for name, value in net.state_dict().items()}
    assert names == listed(dataset)


@pytest.mark.parametrize("dataset", LAYOUTS)
def test_each_list_converts_tests_and_predicts(tmp_path, dataset):
    layout = LAYOUTS[dataset]
    write_layouts(tmp_path)
    sizes = () if dataset == "loveda" else ("dataset.patch_size=64",)
    config = ("-c", REPOSITORY / f"config/{dataset}/bicor.py")
    ckpt = ("--ckpt", "converted.ckpt")
    try:
        torch.save(drawn(dataset), tmp_path / "published.ckpt")
        convert = "tools/convert_checkpoint.py", "published.ckpt", "converted.ckpt"
        result = run_here(tmp_path, *convert, *config)
        assert result.status == 0, result.error
        split = ("--val",) if dataset == "loveda" else ()
        arguments = (*config, *ckpt, "-o", "out", *split, "num_workers=0", *sizes)
        result = run_here(tmp_path, layout.script, *arguments)
        assert result.status == 0, result.error
        scene = f"data/{layout.test_image}"
        result = run_here(tmp_path, "predict.py", *config, scene, *ckpt, "-o", "maps", *sizes)
        assert result.status == 0, result.error
    finally:  # hundreds of megabytes
        for path in tmp_path.glob("*.ckpt"):
            path.unlink()
    results = json.loads((tmp_path / "out/results.json").read_text())
    assert results["checkpoint"]["converted"]["from"] == "published.ckpt"
    assert results["checkpoint"]["epoch"] == 30
    assert np.sum(results["scores"][0]["confusion"]) == results["scores"][0]["pixels"] > 0
    classes = read_indices(tmp_path / "maps" / Path(layout.test_image).name)
    assert classes.shape == (64, 64)
    assert classes.max() < layout.spec.num_classes


def test_every_name_counts():
    torch.manual_seed(3)
    published, net = Published(*TINY), BiCoR("convnext_tiny", CLASSES, 32, 2)
    weights = published.state_dict()
    x = torch.randn(1, 3, 64, 64)

    def outputs(weights):
        net.load_state_dict(renamed(weights, net.state_dict(), "published.ckpt"))
        with torch.no_grad():
            out = net.train()(x)
        return torch.cat([out.logits.flatten(), out.aux_logits.flatten()])

    expected, shapes = outputs(weights), {}
    for name, value in weights.items():
        if not name.startswith("encoder."):
            shapes.setdefault(value.shape, []).append(name)
    pairs = [pair for names in shapes.values() for pair in pairwise(names)]
    assert len(pairs) > 30
    for one, other in pairs:
        swapped = weights | {one: weights[other], other: weights[one]}
        assert (outputs(swapped) - expected).abs().max() > 1e-4, (one, other)
