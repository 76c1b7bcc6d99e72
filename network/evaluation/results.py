"""What ``results.json`` says of scores: with what they were counted, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from network.datasets.catalog import Augmentation, DatasetSpec
from network.datasets.layout import DatasetLayout, Sample, listed
from network.evaluation.image_scores import Counts, Variant
from network.files.hashing import file_hash
from network.inference.checkpoint_keys import SETTINGS
from network.inference.ensemble import Ensemble
from network.inference.segmenter import Segmenter
from network.metrics import Scores

ENSEMBLE = "ensemble"
"""Key of the checkpoints of several networks in the ``checkpoint`` of ``results.json``."""


def recorded_scores(
    scores: Mapping[Variant, Scores], counts: Mapping[Variant, Counts], spec: DatasetSpec
) -> dict[str, Any]:
    """The scores of every variant with its confusion matrix over all images, as plain values."""
    return {
        "scores": [
            variant._asdict()
            | found.record(spec)
            | {"confusion": counts[variant].matrices.sum(dim=0).tolist()}
            for variant, found in scores.items()
        ],
        "scored_classes": [spec.classes[index] for index in spec.scored],
        "palette": dict(zip(spec.classes, spec.palette, strict=True)),
        "confusion": {"rows": "truth", "columns": "prediction"},
    }


def recorded_splits(
    layout: DatasetLayout, split: str, samples: list[Sample], protocol: dict[str, Any] | None
) -> dict[str, Any]:
    """What the scored images have to do with the official split and with the training.

    Args:
        layout: of the images.
        split: that they are of.
        samples: the images.
        protocol: what was trained and validated on, where the checkpoint says it.
    """
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


def recorded_checkpoint(network: Segmenter | Ensemble) -> dict[str, Any]:
    """The checkpoint of a network; of an ensemble, those of all, each with its network."""
    if isinstance(network, Ensemble):
        return {
            ENSEMBLE: [
                recorded_checkpoint(each)
                | {"net": each.identity.described()}
                | recorded_training(each.stored)
                for each in network.members
            ]
        }
    return {
        "path": str(network.checkpoint),
        "sha256": file_hash(network.checkpoint),
        "epoch": network.stored["epoch"] + 1 if "epoch" in network.stored else None,
        "converted": network.stored.get("converted"),
        "notes": network.stored["notes"],
    }


def tested_checkpoints(results: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The checkpoint of a ``results.json``, or all of an ensemble, in order."""
    return results["checkpoint"].get(ENSEMBLE) or [results["checkpoint"]]


def recorded_training(stored: Mapping[str, Any]) -> dict[str, Any]:
    """What a checkpoint says of its training: all settings, and the seed among them.

    Args:
        stored: what the checkpoint says beside its tensors.

    Returns:
        nothing of a checkpoint that was not trained here, or by an earlier version.
    """
    settings = stored.get(SETTINGS)
    return {} if settings is None else {"training": settings, "seed": int(settings["seed"])}


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


def passes_text(recorded: dict[str, Any]) -> str:
    """The passes of an augmentation in words, from the ``tta`` of ``results.json``."""
    passes = recorded["passes"]
    what = str(Augmentation(**{key: recorded[key] for key in recorded if key != "passes"}))
    return f"{passes} pass{'es' * (passes > 1)}{': ' if what else ''}{what}"


def windows_text(recorded: dict[str, Any]) -> str:
    """Which images were predicted in windows, from the ``windows`` of ``results.json``."""
    window = recorded["window"]
    return (
        f"{recorded['images']} images with a side above {window} pixels in windows of {window} "
        f"that overlap by {recorded['overlap']:g}"
    )
