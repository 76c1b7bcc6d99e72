"""What a report shows: a test's results, and what the network sees in some of its images."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from network.datasets.display import display_note
from network.datasets.layout import listed, size_fault
from network.errors import CheckpointError, DataError
from network.evaluation.image_scores import IMAGE_SCORES, ImageScore, Variant, read_image_scores
from network.evaluation.mask_writer import MASKS
from network.evaluation.output_folder import RESULTS
from network.evaluation.results import notes, passes_text, windows_text
from network.evaluation.test import MASK_KINDS
from network.experiment import Experiment
from network.figures.painting import color_table
from network.files.hashing import file_hash
from network.files.images import read_indices
from network.inference.inspection import Inspection, select
from network.inference.trained_network import Trained
from network.report.previews import choose, preview

PAGE_LIMIT = 30_000_000
"""Bytes that a page stays below."""
ONLY_SCORES = (
    "Only scores: the page was made without looking into the network. With the config of the test, "
    "-c CONFIG, it shows images and heatmaps too."
)
_RESERVE = 1_000_000


def report_contents(
    folder: Path,
    results: dict[str, Any],
    trained: Trained | None,
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
    place = {entry["name"]: index for index, entry in enumerate(viewer)}
    checkpoint = results["checkpoint"]
    epoch = f", epoch {checkpoint['epoch']}" if checkpoint["epoch"] else ""
    return {
        "title": f"{results['dataset']}, {results['split']}",
        "run": Path(checkpoint["path"]).resolve().parent.name,
        "checkpoint": f"{checkpoint['path']}{epoch}",
        "created": results["date"][:16].replace("T", " "),
        "classes": [
            {
                "name": name,
                "color": _hex(color),
                "scored": name in results["scored_classes"],
            }
            for name, color in results["palette"].items()
        ],
        "ignore_index": None if trained is None else trained.spec.ignore_index,
        "ignore_color": _hex(trained.spec.ignore_color if trained else (0, 0, 0)),
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
        "colormap": [_hex(color) for color in color_table()],
    }


def open_tested(
    results: dict[str, Any], config: str | Path, checkpoint: str | None = None
) -> Trained:
    """The network that a test was of.

    Args:
        results: of the test. The config that they name is not executed: they may be of others.
        config: of the test.
        checkpoint: where it lies now, if it was moved.

    Raises:
        UserError: config or checkpoint are gone, or the checkpoint is another.
    """
    overrides = results.get("overrides")
    if not isinstance(overrides, list) or not all(isinstance(text, str) for text in overrides):
        raise DataError(f"the {RESULTS} lacks the overrides of the test: test again")
    experiment = Experiment.load(config, overrides)
    trained = Trained.open(experiment, checkpoint or results["checkpoint"]["path"])
    if file_hash(trained.checkpoint) != results["checkpoint"]["sha256"]:
        raise CheckpointError(
            f"{trained.checkpoint} is not what was tested (its SHA-256 is another): test again, "
            "or name the tested one by --ckpt"
        )
    return trained


def _viewer(
    folder: Path,
    results: dict[str, Any],
    trained: Trained,
    variant: Variant | None,
    scores: Sequence[ImageScore],
    most: int,
    side: int,
) -> list[dict[str, Any]]:
    names = [scores[index].name for index in choose(scores, most)]
    dataset = select(trained.dataset(results["split"]), names)
    trained.experiment.check(trained.layout, dataset.samples)
    kinds = {kind: key for key, kind in MASK_KINDS.items()}
    viewer, left = [], PAGE_LIMIT - _RESERVE - 200 * len(scores)
    inspected = trained.inspect(dataset, longest=trained.experiment.test_window)
    for found in tqdm(inspected, total=len(names), unit="image"):
        truth = found.masks.get(kinds[variant.masks]) if variant else None
        entry = preview(found, truth, _saved_mask(folder, found), side)
        left -= len(json.dumps(entry))
        if left < 0:
            break
        viewer.append(entry)
    return sorted(viewer, key=lambda entry: entry["name"])


def _saved_mask(folder: Path, found: Inspection) -> Any:
    path = folder / MASKS / f"{found.name}.png"
    mask = read_indices(path)
    if mask.shape != found.image.shape[:2]:
        raise size_fault(Path(found.name), path, found.image.shape[:2], mask.shape)
    return mask


def _variant(score: dict[str, Any]) -> Variant:
    return Variant(*(score[key] for key in Variant._fields))


def _hex(color: Sequence[int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)


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
