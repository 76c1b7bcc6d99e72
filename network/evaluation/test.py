"""Scoring a trained network on a split, and what is recorded of it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from network.datasets.catalog import TTA_NAMES, DatasetSpec
from network.datasets.checks import check_contents, check_labeled
from network.datasets.layout import DatasetLayout, Sample
from network.datasets.reading import read_target
from network.errors import ConfigError, MissingDataError
from network.evaluation.confusions import CONFUSIONS, write_confusions
from network.evaluation.image_scores import IMAGE_SCORES, Counts, Variant, write_image_scores
from network.evaluation.mask_writer import MaskWriter
from network.evaluation.output_folder import RESULTS, SCENES, check_output, replaced_outputs
from network.evaluation.results import (
    notes,
    recorded_checkpoint,
    recorded_scores,
    recorded_splits,
    recorded_training,
)
from network.experiment import Experiment
from network.experiment.provenance import provenance
from network.files.band_images import check_image
from network.files.images import image_size
from network.files.writing import write_json
from network.inference.ensemble import Ensemble, EnsemblePredictor
from network.inference.predictor import Predictor
from network.inference.trained_ensemble import TrainedEnsemble, open_trained
from network.inference.trained_network import Trained
from network.metrics import Scores, count_pixels, score_table
from network.scenes.large_images import check_test_window, predict_classes
from network.scenes.prediction import predict_tile
from network.scenes.rasters import NODATA
from network.scenes.tiling import DEFAULT_OVERLAP, DEFAULT_WINDOW

MASK_KINDS = {"eroded": "eroded", "mask": "full"}
"""Keys of a batch that hold masks to score against, and how tables and results call them."""


def score(
    predictors: Mapping[str, Predictor | EnsemblePredictor],
    batches: Iterable[dict],
    spec: DatasetSpec,
    writer: MaskWriter,
    unit: str = "images",
    window: int = sys.maxsize,
) -> dict[Variant, Counts]:
    """Predict, save and count batches with normalised ``image``, ``name`` and masks.

    Where images hold no data, saved masks have ``network.scenes.rasters.NODATA``.

    Args:
        predictors: by the name of their augmentation; the first one's masks are saved.
        batches: with the masks of ``MASK_KINDS`` that there are, none of them for no label.
        spec: of the dataset.
        writer: takes the masks.
        unit: ``images`` or ``patches``.
        window: pixels; images with a longer side are predicted in windows of this side.

    Returns:
        by variant; nothing where there are no labels.
    """
    names: list[str] = []
    counts: dict[Variant, list[Tensor]] = {}
    for batch in batches:
        names += batch["name"]
        for tta, predict in predictors.items():
            predicted = predict_classes(batch["image"], predict, spec.num_classes, window)
            if tta == next(iter(predictors)):
                masks = predicted.to(torch.uint8)
                if "valid" in batch:
                    masks = masks.masked_fill(~batch["valid"], NODATA)
                for name, mask in zip(batch["name"], masks, strict=True):
                    writer.write(name, mask)
            for key in MASK_KINDS.keys() & batch.keys():
                found = count_pixels(predicted, batch[key], spec.num_classes, spec.ignore_index)
                counts.setdefault(Variant(MASK_KINDS[key], tta, unit), []).append(found)
    return _in_order(names, counts, predictors, unit)


def test(
    experiment: Experiment,
    output: str | Path,
    tta: str = "none",
    rgb: bool = False,
    checkpoints: Sequence[str | Path] = (),
    split: str = "test",
    compare_tta: bool = False,
    scenes: bool = False,
) -> list[Sample]:
    """Score a trained network on a split, save its masks and ``results.json``, print the scores.

    Of several networks it is their ensemble. Where images have no labels, masks are saved and
    nothing is scored.

    Args:
        experiment: the config that it was trained with.
        output: folder for masks and results.
        tta: ``none``, ``lr`` or ``d4``.
        rgb: also save masks in colors.
        checkpoints: paths; without them, the run's best. The probabilities of several are averaged.
        split: ``test`` or ``val``.
        compare_tta: also score without test-time augmentation.
        scenes: also score the publisher's whole tiles, predicted in blended windows.

    Returns:
        the samples of the split.
    """
    if tta not in TTA_NAMES:
        raise ConfigError(f"-t {tta}: one of {', '.join(TTA_NAMES)}")
    if compare_tta and tta == "none":
        raise ConfigError("--compare-tta compares with -t lr or -t d4; add one of them")
    output = Path(output)
    check_output(output)
    trained = open_trained(experiment, checkpoints)
    experiment = trained.experiment
    layout, spec = trained.layout, trained.spec
    dataset = trained.dataset(split)
    samples = dataset.samples
    if compare_tta and not any(sample.masks for sample in samples):
        raise ConfigError(f"--compare-tta compares scores, and the {split} images have no labels")
    experiment.check(layout, samples)
    check_labeled(layout, samples, f"score in the {split} split")
    first = samples[0].image
    trained.note_type(first, check_image(first, spec.selection).dtype)
    inputs = [path for sample in samples for path in sample.files]
    check_output(output, inputs)
    unit = "patches" if layout.patches(split) else "images"
    tiles = _scenes(layout, split) if scenes else []
    splits = recorded_splits(layout, split, samples, trained.stored.get("protocol"))
    for note in notes(splits, spec.name, split):
        print(f"note: {note}")

    names = [tta, "none"] if compare_tta else [tta]
    predictors = {name: trained.predictor(name) for name in names}
    windows = _windows(samples, experiment.test_window, predictors[tta])
    batches = tqdm(trained.batches(dataset), desc="testing", unit="batch")
    with replaced_outputs(output, inputs) as aside:
        with MaskWriter(aside, spec, rgb) as writer:
            counts = score(predictors, batches, spec, writer, unit, experiment.test_window)
        if tiles:
            with MaskWriter(aside / SCENES, spec, rgb) as writer:
                counts |= score_scenes(trained, predictors, layout.raw(), tiles, writer)
        scores = {
            variant: Scores.of(found.matrices.sum(dim=0), spec) for variant, found in counts.items()
        }
        results = {
            "dataset": spec.name,
            "split": split,
            "images": len(samples),
            **recorded_scores(scores, counts, spec),
            "splits": splits,
            "windows": windows,
            "scenes": {"window": DEFAULT_WINDOW, "overlap": DEFAULT_OVERLAP} if tiles else None,
            "tta": {
                name: {"passes": len(predict.passes)} | asdict(spec.augmentation(name))
                for name, predict in predictors.items()
            },
            "checkpoint": recorded_checkpoint(trained),
            "precision": trained.precision,
        }
        names = [sample.name for sample in samples]
        write_image_scores(aside / IMAGE_SCORES, names, counts, spec)
        if counts:
            of = {sample.name: layout.tile(sample) for sample in samples}
            write_confusions(aside / CONFUSIONS, counts, of)
        results |= provenance(experiment, trained.device)
        if isinstance(trained, Ensemble):
            results["settings"]["net"] = trained.described()
        write_json(aside / RESULTS, results | recorded_training(trained.stored))
    if scores:
        columns = {variant.title: found for variant, found in scores.items()}
        print(score_table(columns, spec, f"{spec.name}, {split}"))
    print(f"masks, {RESULTS} and {IMAGE_SCORES} in {output}")
    return samples


def score_scenes(
    trained: Trained | TrainedEnsemble,
    predictors: Mapping[str, Predictor | EnsemblePredictor],
    layout: DatasetLayout,
    tiles: Sequence[Sample],
    writer: MaskWriter,
) -> dict[Variant, Counts]:
    """Predict whole tiles in blended windows, save and count them.

    Args:
        trained: the network.
        predictors: by the name of their augmentation; the first one's masks are saved.
        layout: of the tiles.
        tiles: with their masks.
        writer: takes the masks.

    Returns:
        by variant.
    """
    spec = trained.spec
    names = [tile.name for tile in tiles]
    counts: dict[Variant, list[Tensor]] = {}
    for sample in tqdm(tiles, desc="testing", unit="tile"):
        masks = {
            MASK_KINDS[key]: torch.from_numpy(read_target(layout, sample.image, path)).long()
            for key, path in sample.masks.items()
        }
        for tta, predictor in predictors.items():
            predicted = torch.from_numpy(predict_tile(sample.image, trained, predictor))
            if tta == next(iter(predictors)):
                writer.write(sample.name, predicted)
            for kind, mask in masks.items():
                found = count_pixels(
                    predicted[None].long(), mask[None], spec.num_classes, spec.ignore_index
                )
                counts.setdefault(Variant(kind, tta, SCENES), []).append(found)
    return _in_order(names, counts, predictors, SCENES)


def _windows(
    samples: Sequence[Sample], window: int, predictor: Predictor | EnsemblePredictor
) -> dict[str, Any] | None:
    """What is recorded, and said, of images that are predicted in windows; None where none is."""
    large = sum(max(image_size(sample.image)) > window for sample in samples)
    if not large:
        return None
    check_test_window(window, predictor)
    print(
        f"{large} of {len(samples)} images have a side above test_window={window} pixels; they are "
        f"predicted in windows of {window} that overlap by {DEFAULT_OVERLAP:g}"
    )
    return {"window": window, "overlap": DEFAULT_OVERLAP, "images": large}


def _in_order(
    names: list[str], counts: Mapping[Variant, list[Tensor]], ttas: Iterable[str], unit: str
) -> dict[Variant, Counts]:
    """What was counted, eroded masks before full ones, augmentations as they were given."""
    wanted = [Variant(kind, tta, unit) for kind in MASK_KINDS.values() for tta in ttas]
    return {v: Counts(names, torch.cat(counts[v]).cpu()) for v in wanted if v in counts}


def _scenes(layout: DatasetLayout, split: str) -> list[Sample]:
    """The publisher's tiles of the test split, checked.

    Raises:
        ConfigError: another split, or a dataset without tiles.
        MissingDataError: the tiles or their masks are not there.
    """
    if split != "test" or not layout.patches("test"):
        raise ConfigError("--scenes scores whole test tiles, of datasets that are cut from such")
    tiles = layout.scenes()
    if not tiles:
        raise MissingDataError(
            "--scenes needs the publisher's tiles: test_images with test_masks or "
            "test_masks_eroded beside the patches"
        )
    check_contents(layout.raw(), tiles)
    check_labeled(layout.raw(), tiles, "score in the tiles")
    return tiles
