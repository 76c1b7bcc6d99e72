"""Arrays into colors: heatmaps over images, errors."""

from __future__ import annotations

import cv2
import matplotlib
import numpy as np

COLORMAP = "turbo"
WRONG, UNCOUNTED = (230, 25, 75), (128, 128, 128)


def color_table(colormap: str = COLORMAP) -> np.ndarray:
    """The colors of the values 0, 1/255, ..., 1: RGB uint8 [256, 3]."""
    return matplotlib.colormaps[colormap](np.arange(256), bytes=True)[:, :3]


def paint_heatmap(heatmap: np.ndarray, colormap: str = COLORMAP) -> np.ndarray:
    """Values from 0 to 1 [H, W] as colors, RGB uint8 [H, W, 3]."""
    return color_table(colormap)[np.rint(heatmap * 255).astype(np.uint8)]


def enlarge(heatmap: np.ndarray, height: int, width: int) -> np.ndarray:
    """A heatmap [h, w] over the image that it belongs to, float32 [height, width], bilinear."""
    return cv2.resize(heatmap, (width, height), interpolation=cv2.INTER_LINEAR)


def overlay(image: np.ndarray, colors: np.ndarray, opacity: float) -> np.ndarray:
    """Colors over an image, both RGB uint8 [H, W, 3]; opacity 0 leaves the image."""
    mixed = image.astype(np.float32) * (1 - opacity) + colors.astype(np.float32) * opacity
    return np.rint(mixed).astype(np.uint8)


def paint_errors(
    image: np.ndarray, prediction: np.ndarray, truth: np.ndarray, ignore_index: int
) -> np.ndarray:
    """The image in light gray, wrong pixels in red, those that do not count in gray.

    Shapes: RGB uint8 [H, W, 3], two times indices [H, W] -> RGB uint8 [H, W, 3].
    """
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None].repeat(3, axis=2)
    painted = overlay(gray, np.full_like(gray, 255), 0.6)
    painted[prediction != truth] = WRONG
    painted[truth == ignore_index] = UNCOUNTED
    return painted


def shrink(image: np.ndarray, longest: int, nearest: bool = False) -> np.ndarray:
    """Reduce an image, or (``nearest``) a mask, until its longer side is at most ``longest``."""
    height, width = image.shape[:2]
    factor = longest / max(height, width)
    if factor >= 1:
        return image
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    how = cv2.INTER_NEAREST_EXACT if nearest else cv2.INTER_AREA
    return cv2.resize(image, size, interpolation=how)
