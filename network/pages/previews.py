"""Reduced images, masks and heatmaps for the viewer of a page, as data URIs."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import numpy as np

from network.figures.painting import shrink

_IMAGE_QUALITY, _HEATMAP_QUALITY = 85, 80


def preview(name: str, image: np.ndarray, truth: np.ndarray | None, side: int) -> dict[str, Any]:
    """What every entry of a viewer has.

    Args:
        name: of the image.
        image: RGB uint8 [H, W, 3].
        truth: class indices uint8 [H, W].
        side: longest side of the reduced image in pixels.
    """
    height, width = image.shape[:2]
    return {
        "name": name,
        "width": width,
        "height": height,
        "image": _webp(shrink(image, side)[..., ::-1], _IMAGE_QUALITY),
        "truth": None if truth is None else mask_preview(truth, side),
    }


def mask_preview(mask: np.ndarray, side: int) -> str:
    """Class indices uint8 [H, W], reduced without mixing any."""
    return _uri("png", shrink(mask, side, nearest=True), [cv2.IMWRITE_PNG_COMPRESSION, 9])


def heatmap_previews(heatmaps: Sequence[np.ndarray], side: int) -> list[list[str]]:
    """Values from 0 to 1 [L, N, h, w], of half the size."""
    return [[_heatmap(each, side) for each in layer] for layer in heatmaps]


def fitting(entries: Iterable[dict[str, Any]], room: int) -> list[dict[str, Any]]:
    """The first entries of a viewer, as many as have room in so many bytes; no more are made."""
    found = []
    for entry in entries:
        room -= len(json.dumps(entry))
        if room < 0:
            break
        found.append(entry)
    return found


def css_color(color: Sequence[int]) -> str:
    """Red, green and blue from 0 to 255 as ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*color)


def _heatmap(values: np.ndarray, side: int) -> str:
    gray = np.rint(shrink(values, side // 2) * 255).astype(np.uint8)
    return _webp(gray, _HEATMAP_QUALITY)


def _webp(pixels: np.ndarray, quality: int) -> str:
    return _uri("webp", pixels, [cv2.IMWRITE_WEBP_QUALITY, quality])


def _uri(kind: str, pixels: np.ndarray, options: list[int]) -> str:
    _, encoded = cv2.imencode(f".{kind}", np.ascontiguousarray(pixels), options)
    return f"data:image/{kind};base64,{base64.b64encode(encoded).decode()}"
