"""Class heatmaps over their image, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from network.datasets.catalog import DatasetSpec
from network.figures.painting import COLORMAP, enlarge, overlay, paint_heatmap, shrink
from network.figures.predictions import (
    LONGEST,
    draw_panels,
    fitted,
    panels_height,
    shows_ignored,
)
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

COLUMNS = 6
_FEWEST = 3
_TALLEST = 3.0
_SCALE = 0.5
"""Inches of the color scale with its numbers."""


@styled
def heatmap_figure(
    found: Inspection,
    spec: DatasetSpec,
    classes: Sequence[int],
    layers: Sequence[int],
    opacity: float = 0.6,
    colormap: str = COLORMAP,
) -> Figure:
    """Image, ground truth and prediction above the heatmaps, a row for each HBIS layer.

    Heatmaps are laid over the image with one color scale from 0 to 1. Beyond ``COLUMNS`` classes
    the rows go on below.

    Args:
        found: image and heatmaps.
        spec: of the dataset.
        classes: indices, in the order of the columns.
        layers: indices, in the order of the rows.
        opacity: of the heatmaps, 0 to 1.
        colormap: matplotlib's name of it.
    """
    blocks = [classes[start : start + COLUMNS] for start in range(0, len(classes), COLUMNS)]
    columns = max(len(blocks[0]), _FEWEST)
    room = WIDTH - MARGIN - LINE - _SCALE
    width, height = fitted(found.image, (room + GAP) / columns - GAP, _TALLEST)
    below = len(blocks) * (LINE + len(layers) * (height + GAP))
    panels = LINE + panels_height(found) + legend_height(spec)
    figure = new_figure(panels + below + MARGIN, arranged=False)
    top = draw_panels(figure, 0, found, spec)
    add_class_legend(figure, spec, top, shows_ignored(found, spec))

    image = shrink(found.image, LONGEST)
    first = top = panels
    for block in blocks:
        top += LINE
        for layer in layers:
            for column, index in enumerate(block):
                heatmap = enlarge(found.heatmaps[layer, index], *image.shape[:2])
                axes = place(figure, MARGIN + LINE + column * (width + GAP), top, width, height)
                title = spec.classes[index] if layer == layers[0] else ""
                show_image(axes, overlay(image, paint_heatmap(heatmap, colormap), opacity), title)
                fit_title(axes, width)
                if column == 0:
                    axes.set_ylabel(f"HBIS {layer + 1}")
            top += height + GAP
    left = MARGIN + LINE + len(blocks[0]) * (width + GAP)
    scale = figure.colorbar(
        ScalarMappable(Normalize(0, 1), colormap),
        cax=place(figure, left, first + LINE, 0.1, min(top - GAP - first - LINE, _TALLEST)),
    )
    scale.outline.set_visible(False)
    return figure
