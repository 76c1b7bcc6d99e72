"""Made-up folders of tests, with the files that a test writes."""

import numpy as np
import torch

from network.datasets.catalog import DatasetSpec
from network.evaluation.confusions import CONFUSIONS, write_confusions
from network.evaluation.image_scores import Counts, Variant, write_image_scores
from network.evaluation.results import recorded_scores
from network.files.writing import write_json
from network.metrics import Scores

SPEC = DatasetSpec("town", ("Road", "Roof"), palette=((200, 0, 0), (0, 200, 0)))
FULL = Variant("full", "none")
PLAIN = {"passes": 1, "hflip": False, "vflip": False, "rotate90": False}
PLAIN |= {"scales": [1.0], "interpolation": "bilinear"}


def counts(*right, pixels=100):
    """Matrices of images with so many right pixels of each class, of ``pixels`` each."""
    return np.array([[[a, pixels - a], [pixels - b, b]] for a, b in right])


def write_test(folder, matrices, seed=0, tiles=None, variants=(FULL,), spec=SPEC, **changes):
    """The folder of a test with these confusion matrices [images, N, N]; returns it.

    ``changes`` are of ``results.json``; those of ``splits`` are merged.
    """
    names = changes.pop("names", [f"image {index}" for index in range(len(matrices))])
    tiles = dict(zip(names, tiles or names, strict=True))
    of = Counts(names, torch.as_tensor(np.asarray(matrices)))
    found = dict.fromkeys(variants, of)
    scores = {variant: Scores.of(of.matrices.sum(dim=0), spec) for variant in found}
    results = {
        "dataset": spec.name,
        "split": "test",
        "images": len(names),
        **recorded_scores(scores, found, spec),
        "splits": {
            "tiles": sorted(set(tiles.values())),
            "missing": [],
            "patches": [],
            "rule": {"val": ["*_val"]},
            "images_of_training": 0,
            "images_of_validation": 0,
            **changes.pop("splits", {}),
        },
        "windows": None,
        "scenes": None,
        "tta": {variant.tta: PLAIN for variant in found},
        "checkpoint": {"path": f"{folder}/best.ckpt", "sha256": str(folder), "epoch": 1},
        "precision": "32-true",
        "settings": {"net": "Net()", "name": f"'{folder.name}'", "seed": str(seed)},
        "overrides": [],
        "seed": seed,
        "date": "2026-01-01T00:00:00+00:00",
        "versions": {"python": "3.12.1", "torch": "2.15.0", "timm": "1.0.31"},
        "device": "cpu",
        "commit": "0123456789abcdef",
    }
    folder.mkdir(parents=True)
    write_json(folder / "results.json", results | changes)
    write_image_scores(folder / "images.csv", names, found, spec)
    write_confusions(folder / CONFUSIONS, found, tiles)
    return folder
