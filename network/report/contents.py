"""What a report shows: a test's results, and what the network sees in some of its images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from network.datasets.display import display_note
from network.datasets.layout import listed, size_fault
from network.errors import CheckpointError, ConfigError, DataError
from network.evaluation.image_scores import IMAGE_SCORES, ImageScore, Variant, read_image_scores
from network.evaluation.mask_writer import MASKS
from network.evaluation.output_folder import RESULTS
from network.evaluation.results import notes, passes_text, tested_checkpoints, windows_text
from network.evaluation.test import MASK_KINDS
from network.experiment import Experiment
from network.figures.painting import color_table
from network.files.hashing import file_hash
from network.files.images import read_indices
from network.inference.inspection import Inspection, select
from network.inference.trained_ensemble import TrainedEnsemble, open_trained
from network.inference.trained_network import Trained
from network.pages.page import PAGE_LIMIT
from network.pages.previews import css_color, fitting, heatmap_previews, mask_preview, preview
from network.report.choosing import choose

ONLY_SCORES = (
    "Only scores: the page was made without looking into the network. With the config of the test, "
    "-c CONFIG, it shows images and heatmaps too."
)
NO_HEATMAPS = "No heatmaps: they are of one network, and this is a test of an ensemble."
_RESERVE = 1_000_000


def report_contents(
    folder: Path,
    results: dict[str, Any],
    trained: Trained | TrainedEnsemble | None,
    most: int = 40,
    side: int = 512,
) -> dict[str, Any]:
    """Everything that the page of a report shows, as plain values (``network/report/page.js``).

    Args:
        folder: of the test.
        results: its ``results.json``.
        trained: the network that was tested, to look into; without it, scores alone.
        most: number of images in the viewer.
        side: longest side of their previews in pixels.

    Raises:
        DataError: images or masks of the test that are missing or have changed.
    """
    variant = None
    if results["scores"]:
        variant = _variant(results["scores"][0])
    scores = read_image_scores(folder / IMAGE_SCORES, variant)
    viewer, previews = [], ONLY_SCORES
    if trained is not None:
        viewer = _viewer(folder, results, trained, variant, scores, most, side)
        window, shown_as = trained.experiment.test_window, display_note(trained.spec)
        previews = _described(viewer, len(scores), side, window, shown_as)
        if isinstance(trained, TrainedEnsemble):
            previews += f" {NO_HEATMAPS}"
    place = {entry["name"]: index for index, entry in enumerate(viewer)}
    tested = tested_checkpoints(results)
    runs = dict.fromkeys(Path(each["path"]).resolve().parent.name for each in tested)
    return {
        "title": f"{results['dataset']}, {results['split']}",
        "run": ", ".join(runs),
        "checkpoint": _named(tested),
        "created": results["date"][:16].replace("T", " "),
        "classes": [
            {
                "name": name,
                "color": css_color(color),
                "scored": name in results["scored_classes"],
            }
            for name, color in results["palette"].items()
        ],
        "ignore_index": None if trained is None else trained.spec.ignore_index,
        "ignore_color": css_color(trained.spec.ignore_color if trained else (0, 0, 0)),
        "scores": [score | {"title": _variant(score).title} for score in results["scores"]],
        "protocol": _protocol(results),
        "notes": notes(results["splits"], results["dataset"], results["split"]),
        "settings": list(results["settings"].items()),
        "versions": [
            *results["versions"].items(),
            *((key, str(results[key])) for key in ("device", "precision", "commit")),
        ],
        "images": [
            {
                "name": score.name,
                "pixels": score.pixels,
                "mIoU": score.miou,
                "mF1": score.mf1,
                "OA": score.oa,
                "IoU": score.iou,
                "viewer": place.get(score.name),
            }
            for score in scores
        ],
        "images_of": variant.title if variant else "",
        "previews": previews,
        "viewer": viewer,
        "colormap": [css_color(color) for color in color_table()],
    }


def open_tested(
    results: dict[str, Any], config: str | Path, checkpoints: Sequence[str] | None = None
) -> Trained | TrainedEnsemble:
    """The network, or the ensemble, that a test was of.

    Args:
        results: of the test. The config that they name is not executed: they may be of others.
        config: of the test.
        checkpoints: where they lie now, if they were moved, in the order of the test.

    Raises:
        UserError: config or checkpoint are gone, or the checkpoint is another.
    """
    overrides = results.get("overrides")
    if not isinstance(overrides, list) or not all(isinstance(text, str) for text in overrides):
        raise DataError(f"the {RESULTS} lacks the overrides of the test: test again")
    experiment = Experiment.load(config, overrides)
    tested = tested_checkpoints(results)
    if checkpoints and len(checkpoints) != len(tested):
        raise ConfigError(
            f"--ckpt names {len(checkpoints)}, and the test was of {len(tested)}: name each, in "
            "the order of the test"
        )
    trained = open_trained(experiment, checkpoints or [each["path"] for each in tested])
    networks = trained.members if isinstance(trained, TrainedEnsemble) else [trained]
    for network, of_test in zip(networks, tested, strict=True):
        if file_hash(network.checkpoint) != of_test["sha256"]:
            raise CheckpointError(
                f"{network.checkpoint} is not what was tested (its SHA-256 is another): test "
                "again, or name the tested one by --ckpt"
            )
    return trained


def _named(tested: Sequence[Mapping[str, Any]]) -> str:
    """The checkpoint of a test with its epoch, or all of an ensemble."""
    names = [
        f"{each['path']}{', epoch ' + str(each['epoch']) if each['epoch'] else ''}"
        for each in tested
    ]
    return names[0] if len(names) == 1 else f"ensemble of {'; '.join(names)}"


def _viewer(
    folder: Path,
    results: dict[str, Any],
    trained: Trained | TrainedEnsemble,
    variant: Variant | None,
    scores: Sequence[ImageScore],
    most: int,
    side: int,
) -> list[dict[str, Any]]:
    names = [scores[index].name for index in choose(scores, most)]
    dataset = select(trained.dataset(results["split"]), names)
    trained.experiment.check(trained.layout, dataset.samples)
    inspected = trained.inspect(dataset, longest=trained.experiment.test_window)
    entries = (
        preview(found.name, found.image, _truth(found, variant), side)
        | {
            "prediction": mask_preview(_saved_mask(folder, found), side),
            "heatmaps": heatmap_previews(found.heatmaps, side),
        }
        for found in tqdm(inspected, total=len(names), unit="image")
    )
    viewer = fitting(entries, PAGE_LIMIT - _RESERVE - 200 * len(scores))
    return sorted(viewer, key=lambda entry: entry["name"])


def _truth(found: Inspection, variant: Variant | None) -> np.ndarray | None:
    kinds = {kind: key for key, kind in MASK_KINDS.items()}
    return found.masks.get(kinds[variant.masks]) if variant else None


def _saved_mask(folder: Path, found: Inspection) -> np.ndarray:
    path = folder / MASKS / f"{found.name}.png"
    mask = read_indices(path)
    if mask.shape != found.image.shape[:2]:
        raise size_fault(Path(found.name), path, found.image.shape[:2], mask.shape)
    return mask


def _variant(score: dict[str, Any]) -> Variant:
    return Variant(*(score[key] for key in Variant._fields))


def _described(
    viewer: Sequence[dict[str, Any]], images: int, side: int, window: int, shown_as: str
) -> str:
    shown = len(viewer)
    which = f"All {images} images" if shown == images else f"{shown} of {images} images"
    why = "" if shown == images else " (worst, best and some between, to keep the page small)"
    heatmaps = sum(bool(entry["heatmaps"]) for entry in viewer)
    of = ""
    if heatmaps:
        of = "; heatmaps of one pass, without test-time augmentation"
        of += "" if heatmaps == shown else f", of images up to test_window={window} pixels"
    how = f" ({shown_as})" if shown_as else ""
    return f"{which}{why}, as previews of at most {side} pixels{how}{of}."


def _protocol(results: dict[str, Any]) -> list[tuple[str, str]]:
    splits = results["splits"]
    rows = [
        ("Images", f"{results['images']} of the {results['split']} split"),
        ("Tiles", f"{len(splits['tiles'])}: {listed(splits['tiles'], 20)}"),
        *(
            ("Patches", f"{cut['size']} pixels, stride {cut['stride']}, scale {cut['scale']}")
            for cut in splits["patches"]
        ),
        *(("Windows", windows_text(found)) for found in [results.get("windows")] if found),
        *((f"TTA {name}", passes_text(passes)) for name, passes in results["tta"].items()),
        ("Means over", ", ".join(results["scored_classes"])),
        ("Confusion", "one matrix over all pixels of all images"),
        ("Splits", _rule(splits["rule"])),
    ]
    for key, what in (("training", "Trained on"), ("validation", "Checkpoint chosen on")):
        number = splits[f"images_of_{key}"]
        rows.append((what, "not known" if number is None else f"{number} of these images"))
    return rows


def _rule(rule: dict[str, Any] | None) -> str:
    values = {
        key.replace("_", " "): ", ".join(value) if isinstance(value, list) else value
        for key, value in (rule or {}).items()
    }
    return "; ".join(f"{key}: {value}" for key, value in values.items()) or "not known"
