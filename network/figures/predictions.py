"""Images beside ground truth and prediction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from network.datasets.catalog import DatasetSpec
from network.datasets.colors import decode_colors
from network.datasets.display import display_note
from network.figures.painting import shrink
from network.figures.style import (
    GAP,
    LINE,
    MARGIN,
    WIDTH,
    add_class_legend,
    fit_title,
    legend_height,
    new_figure,
    place,
    show_image,
    styled,
)
from network.inference.inspection import Inspection

LONGEST = 1024
"""Pixels: what is larger is reduced for a figure."""
_TALLEST = 3.5


@styled
def prediction_figure(found: Sequence[Inspection], spec: DatasetSpec, title: str = "") -> Figure:
    """A row for each image: image, ground truth, prediction."""
    top = LINE if title else 0
    heights = [panels_height(each) for each in found]
    figure = new_figure(top + sum(heights) + LINE + legend_height(spec), arranged=False)
    if title:
        figure.suptitle(title, y=1 - MARGIN / figure.get_figheight(), va="top")
    for number, each in enumerate(found):
        top = draw_panels(figure, top, each, spec, titles=number == 0)
    add_class_legend(figure, spec, top, any(shows_ignored(each, spec) for each in found))
    return figure


def panels_height(found: Inspection) -> float:
    """Inches of ``draw_panels`` without its titles."""
    return _panel_size(found)[1] + GAP


def draw_panels(
    figure: Figure, top: float, found: Inspection, spec: DatasetSpec, titles: bool = True
) -> float:
    """Image, ground truth (where there is one) and prediction, side by side.

    Args:
        figure: to draw in.
        top: inches from its upper edge.
        found: what to draw.
        spec: of the dataset.
        titles: a line of text above the panels.

    Returns:
        inches from the upper edge to the end of it.
    """
    masks = {"ground truth": found.truth, "prediction": found.prediction}
    shown = {"image": shrink(found.image, LONGEST)} | {
        title: decode_colors(shrink(mask, LONGEST, nearest=True), spec)
        for title, mask in masks.items()
        if mask is not None
    }
    width, height = _panel_size(found)
    left = (WIDTH - len(shown) * (width + GAP) + GAP) / 2
    top += LINE if titles else 0
    note = display_note(spec)
    for title, image in shown.items():
        title += f" ({note})" if title == "image" and note else ""
        axes = place(figure, left, top, width, height)
        show_image(axes, image, title if titles else "")
        fit_title(axes, width)
        left += width + GAP
    return top + height + GAP


def _panel_size(found: Inspection) -> tuple[float, float]:
    """Width and height of a panel in inches."""
    panels = 2 if found.truth is None else 3
    return fitted(found.image, (WIDTH - 2 * MARGIN + GAP) / panels - GAP, _TALLEST)


def fitted(image: np.ndarray, width: float, height: float) -> tuple[float, float]:
    """The largest width and height, in inches, of an image that is to fit into these."""
    shape = image.shape[0] / image.shape[1]
    return min(width, height / shape), min(width * shape, height)


def shows_ignored(found: Inspection, spec: DatasetSpec) -> bool:
    """Whether the ground truth has pixels that do not count."""
    return found.truth is not None and bool((found.truth == spec.ignore_index).any())
