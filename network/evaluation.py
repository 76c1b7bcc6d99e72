"""Scoring a trained network on a split, and what is recorded of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from network.checkpoints import file_hash
from network.datasets.catalog import DatasetSpec
from network.datasets.files import write_json
from network.datasets.segmentation import DatasetLayout, Sample, listed
from network.errors import ConfigError
from network.experiment import Experiment
from network.image_scores import IMAGE_SCORES, Variant, write_image_scores
from network.mask_writer import MaskWriter
from network.metrics import Scores, count_pixels, score_table
from network.output_folder import RESULTS, check_output, replaced_outputs
from network.prediction import Predictor
from network.provenance import provenance
from network.trained import Trained

TTA_NAMES = ("none", "lr", "d4")
MASK_KINDS = {"eroded": "eroded", "mask": "full"}
"""Keys of a batch that hold masks to score against, and how tables and results call them."""


def score(
    predictors: Mapping[str, Predictor],
    batches: Iterable[dict],
    spec: DatasetSpec,
    writer: MaskWriter,
) -> tuple[dict[Variant, Tensor], list[str]]:
    """Predict, save and count batches with normalised ``image``, ``name`` and masks.

    Args:
        predictors: by the name of their augmentation; the first one's masks are saved.
        batches: with the masks of ``MASK_KINDS`` that there are, none of them for no label.
        spec: of the dataset.
        writer: takes the masks.

    Returns:
        confusion matrices int64 [images, N, N] by variant, and the names of the images.
    """
    counts: dict[Variant, list[Tensor]] = {}
    names: list[str] = []
    for batch in batches:
        names += batch["name"]
        for tta, predict in predictors.items():
            predicted = predict(batch["image"]).argmax(dim=1)
            if tta == next(iter(predictors)):
                for name, mask in zip(batch["name"], predicted.to(torch.uint8), strict=True):
                    writer.write(name, mask)
            for key in MASK_KINDS.keys() & batch.keys():
                found = count_pixels(predicted, batch[key], spec.num_classes, spec.ignore_index)
                counts.setdefault(Variant(MASK_KINDS[key], tta), []).append(found)
    wanted = [Variant(kind, tta) for kind in MASK_KINDS.values() for tta in predictors]
    return {v: torch.cat(counts[v]).cpu() for v in wanted if v in counts}, names


def test(
    experiment: Experiment,
    output: str | Path,
    tta: str = "none",
    rgb: bool = False,
    checkpoint: str | Path | None = None,
    split: str = "test",
    compare_tta: bool = False,
) -> list[Sample]:
    """Score a trained network on a split, save its masks and ``results.json``, print the scores.

    Where images have no labels, masks are saved and nothing is scored.

    Args:
        experiment: the config that it was trained with.
        output: folder for masks and results.
        tta: ``none``, ``lr`` or ``d4``.
        rgb: also save masks in colors.
        checkpoint: path; without it, the run's best.
        split: ``test`` or ``val``.
        compare_tta: also score without test-time augmentation.

    Returns:
        the samples of the split.
    """
    if tta not in TTA_NAMES:
        raise ConfigError(f"-t {tta}: one of {', '.join(TTA_NAMES)}")
    if compare_tta and tta == "none":
        raise ConfigError("--compare-tta compares with -t lr or -t d4; add one of them")
    output = Path(output)
    check_output(output)
    trained = Trained.open(experiment, checkpoint)
    layout, spec = trained.layout, trained.spec
    dataset = trained.dataset(split)
    samples = dataset.samples
    experiment.check(layout, samples)
    splits = _splits(layout, split, samples, trained.stored.get("protocol"))
    for note in notes(splits, spec.name, split):
        print(f"note: {note}")

    names = [tta, "none"] if compare_tta else [tta]
    predictors = {
        name: Predictor(trained.net, spec.augmentation(name), trained.device, trained.precision)
        for name in names
    }
    batches = tqdm(trained.batches(dataset), desc="testing", unit="batch")
    with replaced_outputs(output) as aside:
        with MaskWriter(aside, spec, rgb) as writer:
            counts, images = score(predictors, batches, spec, writer)
        confusions = {variant: found.sum(dim=0) for variant, found in counts.items()}
        scores = {variant: Scores.of(found, spec) for variant, found in confusions.items()}
        results = {
            "dataset": spec.name,
            "split": split,
            "images": len(images),
            **_recorded_scores(scores, confusions, spec),
            "splits": splits,
            "tta": {
                name: {"passes": len(predict.passes)} | asdict(spec.augmentation(name))
                for name, predict in predictors.items()
            },
            "checkpoint": {
                "path": str(trained.checkpoint),
                "sha256": file_hash(trained.checkpoint),
                "epoch": trained.stored["epoch"] + 1 if "epoch" in trained.stored else None,
            },
            "precision": trained.precision,
        }
        write_image_scores(aside / IMAGE_SCORES, images, counts, spec)
        write_json(aside / RESULTS, results | provenance(experiment, trained.device))
    if scores:
        columns = {f"{kind} masks, TTA {name}": found for (kind, name), found in scores.items()}
        print(score_table(columns, spec, f"{spec.name}, {split}"))
    print(f"masks, {RESULTS} and {IMAGE_SCORES} in {output}")
    return samples


def _recorded_scores(
    scores: Mapping[Variant, Scores], confusions: Mapping[Variant, Tensor], spec: DatasetSpec
) -> dict[str, Any]:
    return {
        "scores": [
            variant._asdict() | found.record(spec) | {"confusion": confusions[variant].tolist()}
            for variant, found in scores.items()
        ],
        "scored_classes": [spec.classes[index] for index in spec.scored],
        "palette": dict(zip(spec.classes, spec.palette, strict=True)),
        "confusion": {"rows": "truth", "columns": "prediction"},
    }


def _splits(
    layout: DatasetLayout, split: str, samples: list[Sample], protocol: dict[str, Any] | None
) -> dict[str, Any]:
    """What the scored images have to do with the official split and with the training."""
    tiles = [layout.tile(sample) for sample in samples]
    splits = {
        "tiles": sorted(set(tiles)),
        "missing": layout.missing(split, samples),
        "patches": layout.patches(split),
    }
    if protocol is None:
        return splits | {"rule": None, "images_of_training": None, "images_of_validation": None}
    return splits | {
        "rule": protocol["rule"],
        "images_of_training": sum(tile in protocol["train"] for tile in tiles),
        "images_of_validation": sum(tile in protocol["val"] for tile in tiles),
    }


def notes(splits: dict[str, Any], dataset: str, split: str) -> list[str]:
    """What a reader of the scores must know, from the ``splits`` of ``results.json``."""
    found = []
    if splits["images_of_training"]:
        found.append(
            f"the network was trained on {splits['images_of_training']} of these images; their "
            "scores say nothing about others"
        )
    if splits["images_of_validation"] and split == "test":
        found.append(
            f"{splits['images_of_validation']} of these images also chose the best checkpoint"
        )
    if any(cut["stride"] < cut["size"] for cut in splits["patches"]):
        found.append("these patches overlap, so that pixels count several times")
    if splits["missing"]:
        found.append(
            f"of the official {split} split of {dataset} are missing: "
            f"{listed(splits['missing'])}; scores do not compare with published ones"
        )
    return found
