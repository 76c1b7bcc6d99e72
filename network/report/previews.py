"""Reduced images, masks and heatmaps for the viewer of a report."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from network.evaluation.image_scores import ImageScore
from network.figures.painting import shrink
from network.inference.inspection import Inspection

EXTREMES = 10
_IMAGE_QUALITY, _HEATMAP_QUALITY = 85, 80


def preview(
    found: Inspection, truth: np.ndarray | None, prediction: np.ndarray, side: int
) -> dict[str, Any]:
    """An entry of the viewer.

    Args:
        found: image and heatmaps.
        truth: class indices uint8 [H, W].
        prediction: the saved mask, uint8 [H, W].
        side: longest side of the reduced image in pixels; heatmaps have half of it.
    """
    height, width = found.image.shape[:2]
    reduced = shrink(found.image, side)
    return {
        "name": found.name,
        "width": width,
        "height": height,
        "image": _webp(reduced[..., ::-1], _IMAGE_QUALITY),
        "truth": None if truth is None else _png(shrink(truth, side, nearest=True)),
        "prediction": _png(shrink(prediction, side, nearest=True)),
        "heatmaps": [[_heatmap(each, side) for each in layer] for layer in found.heatmaps],
    }


def choose(scores: Sequence[ImageScore], most: int) -> list[int]:
    """Which images to show, the most telling ones first: worst and best by turns, then between.

    Args:
        scores: of all images; without any, the images are chosen evenly.
        most: number of them.

    Returns:
        indices into ``scores``.
    """
    ranked = sorted(
        range(len(scores)),
        key=lambda index: (scores[index].miou is None, scores[index].miou or 0, index),
    )
    labeled = sum(score.miou is not None for score in scores)
    extremes = min(EXTREMES, most // 4, labeled // 2)
    worst, best = ranked[:extremes], ranked[labeled - extremes : labeled][::-1]
    first = [index for pair in zip(worst, best, strict=True) for index in pair]
    others = [index for index in ranked if index not in set(first)]
    left = min(most - len(first), len(others))
    return first + [others[round(at)] for at in np.linspace(0, len(others) - 1, left)]


def _heatmap(values: np.ndarray, side: int) -> str:
    gray = np.rint(shrink(values, side // 2) * 255).astype(np.uint8)
    return _webp(gray, _HEATMAP_QUALITY)


def _webp(pixels: np.ndarray, quality: int) -> str:
    return _uri("webp", pixels, [cv2.IMWRITE_WEBP_QUALITY, quality])


def _png(pixels: np.ndarray) -> str:
    return _uri("png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 9])


def _uri(kind: str, pixels: np.ndarray, options: list[int]) -> str:
    _, encoded = cv2.imencode(f".{kind}", np.ascontiguousarray(pixels), options)
    return f"data:image/{kind};base64,{base64.b64encode(encoded).decode()}"
