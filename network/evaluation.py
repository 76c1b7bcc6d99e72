"""Scoring a trained network on a split, and what is recorded of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from network.checkpoints import BEST, file_hash, find_checkpoint, load_network, run_folder
from network.datasets.catalog import DatasetSpec
from network.datasets.files import write_json
from network.datasets.segmentation import DatasetLayout, Sample, listed
from network.devices import choose_precision, prepare_device
from network.errors import ConfigError
from network.experiment import Experiment
from network.mask_writer import MaskWriter
from network.metrics import Confusion, Scores, score_table
from network.output_folder import RESULTS, check_output, replaced_outputs
from network.prediction import Predictor
from network.provenance import provenance

TTA_NAMES = ("none", "lr", "d4")
MASK_KINDS = {"eroded": "eroded", "mask": "full"}
"""Keys of a batch that hold masks to score against, and how tables and results call them."""


class Variant(NamedTuple):
    """What a score was counted with: kind of masks, name of the test-time augmentation."""

    masks: str
    tta: str


def score(
    predictors: Mapping[str, Predictor],
    batches: Iterable[dict],
    spec: DatasetSpec,
    writer: MaskWriter,
) -> tuple[dict[Variant, Tensor], int]:
    """Predict, save and count batches with normalised ``image``, ``name`` and masks.

    Args:
        predictors: by the name of their augmentation; the first one's masks are saved.
        batches: with the masks of ``MASK_KINDS`` that there are, none of them for no label.
        spec: of the dataset.
        writer: takes the masks.

    Returns:
        confusion matrices int64 [N, N] by variant, and the number of images.
    """
    confusions: dict[Variant, Confusion] = {}
    images = 0
    for batch in batches:
        images += len(batch["name"])
        for tta, predict in predictors.items():
            predicted = predict(batch["image"]).argmax(dim=1)
            if tta == next(iter(predictors)):
                for name, mask in zip(batch["name"], predicted.to(torch.uint8), strict=True):
                    writer.write(name, mask)
            for key in MASK_KINDS.keys() & batch.keys():
                variant = Variant(MASK_KINDS[key], tta)
                if variant not in confusions:
                    confusions[variant] = Confusion(spec).to(predict.device)
                confusions[variant].update(predicted, batch[key])
    wanted = [Variant(kind, tta) for kind in MASK_KINDS.values() for tta in predictors]
    return {v: confusions[v].compute().cpu() for v in wanted if v in confusions}, images


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
    device = prepare_device(experiment.accelerator)
    precision = choose_precision(experiment.precision, device)
    layout = experiment.build_dataset()
    spec = layout.spec
    if checkpoint is None:
        checkpoint = find_checkpoint(
            run_folder(spec.name, experiment.name),
            BEST,
            "train first (python train.py -c CONFIG), or name one by --ckpt",
        )
    net, stored = load_network(experiment, spec, checkpoint)
    data = experiment.build_data(layout)
    data.setup("test" if split == "test" else "validate")
    samples = (data.test if split == "test" else data.val).samples
    loader = data.test_dataloader() if split == "test" else data.val_dataloader()
    experiment.check(layout, samples)
    splits = _splits(layout, split, samples, stored.get("protocol"))
    for note in _notes(splits, spec, split):
        print(f"note: {note}")

    names = [tta, "none"] if compare_tta else [tta]
    predictors = {
        name: Predictor(net, spec.augmentation(name), device, precision) for name in names
    }
    batches = tqdm(
        (data.on_after_batch_transfer(_to_device(batch, device)) for batch in loader),
        total=len(loader),
        desc="testing",
        unit="batch",
    )
    with replaced_outputs(output) as aside:
        with MaskWriter(aside, spec, rgb) as writer:
            confusions, images = score(predictors, batches, spec, writer)
        scores = {variant: Scores.of(counts, spec) for variant, counts in confusions.items()}
        results = {
            "dataset": spec.name,
            "split": split,
            "images": images,
            **_recorded_scores(scores, confusions, spec),
            "splits": splits,
            "tta": {
                name: {"passes": len(predict.passes)} | asdict(spec.augmentation(name))
                for name, predict in predictors.items()
            },
            "checkpoint": {
                "path": str(checkpoint),
                "sha256": file_hash(checkpoint),
                "epoch": stored["epoch"] + 1 if "epoch" in stored else None,
            },
            "precision": precision,
        }
        write_json(aside / RESULTS, results | provenance(experiment, device))
    if scores:
        columns = {f"{kind} masks, TTA {name}": found for (kind, name), found in scores.items()}
        print(score_table(columns, spec, f"{spec.name}, {split}"))
    print(f"masks and {RESULTS} in {output}")
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


def _notes(splits: dict[str, Any], spec: DatasetSpec, split: str) -> list[str]:
    notes = []
    if splits["images_of_training"]:
        notes.append(
            f"the network was trained on {splits['images_of_training']} of these images; their "
            "scores say nothing about others"
        )
    if splits["images_of_validation"] and split == "test":
        notes.append(
            f"{splits['images_of_validation']} of these images also chose the best checkpoint"
        )
    if any(cut["stride"] < cut["size"] for cut in splits["patches"]):
        notes.append("these patches overlap, so that pixels count several times")
    if splits["missing"]:
        notes.append(
            f"of the official {split} split of {spec.name} are missing: "
            f"{listed(splits['missing'])}; scores do not compare with published ones"
        )
    return notes


def _to_device(batch: dict, device: torch.device) -> dict:
    return {
        key: value.to(device, non_blocking=True) if isinstance(value, Tensor) else value
        for key, value in batch.items()
    }
