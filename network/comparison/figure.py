"""The picture of a comparison: images, truth and the masks of all methods."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from network.comparison.pictures import Picture
from network.datasets.catalog import DatasetSpec
from network.datasets.colors import decode_colors
from network.datasets.display import display_note
from network.figures.painting import UNCOUNTED, WRONG, paint_errors, shrink
from network.figures.predictions import LONGEST, fitted
from network.figures.style import (
    GAP,
    LINE,
    MARGIN,
    WIDTH,
    add_class_legend,
    legend_height,
    new_figure,
    place,
    show_image,
    styled,
)
from network.figures.texts import wrapped

_NARROWEST, _TALLEST = 1.1, 2.6
"""Inches of a picture in it; with many methods the figure is wider than a page."""
_POINTS = 10


@styled
def methods_figure(pictures: Sequence[Picture], spec: DatasetSpec) -> Figure:
    """Two rows for each image: image, ground truth and predictions; below these their errors.

    Below each prediction stands the share of its right pixels among those that count.

    Args:
        pictures: the images, all of the same methods.
        spec: of the dataset.
    """
    methods = list(pictures[0].predictions)
    columns = 2 + len(methods)
    room = max((WIDTH - 2 * MARGIN + GAP) / columns - GAP, _NARROWEST)
    note = display_note(spec)
    image = f"image ({note})" if note else "image"
    titles = [_wrapped(title, room) for title in (image, "ground truth", *methods)]
    head = LINE * (1 + max(title.count("\n") for title in titles))
    sizes = [fitted(each.image, room, _TALLEST) for each in pictures]
    body = sum(2 * height + LINE + 3 * GAP for _, height in sizes)
    width = max(WIDTH, 2 * MARGIN + columns * (room + GAP) - GAP)
    figure = new_figure(head + body + legend_height(spec) + MARGIN, width, arranged=False)
    top = head
    for number, (picture, (wide, high)) in enumerate(zip(pictures, sizes, strict=True)):
        columns_at = [MARGIN + i * (room + GAP) + (room - wide) / 2 for i in range(columns)]
        _draw(figure, picture, spec, top, columns_at, (wide, high))
        if number == 0:
            for axes, title in zip(figure.axes, titles, strict=False):
                axes.set_title(title)
        top += 2 * high + LINE + 3 * GAP
    ignored = any((each.truth == spec.ignore_index).any() for each in pictures)
    add_class_legend(figure, spec, top, ignored)
    return figure


def _draw(
    figure: Figure,
    picture: Picture,
    spec: DatasetSpec,
    top: float,
    lefts: Sequence[float],
    size: tuple[float, float],
) -> None:
    image = shrink(picture.image, LONGEST)
    truth, *predictions = (
        shrink(mask, LONGEST, nearest=True)
        for mask in (picture.truth, *picture.predictions.values())
    )
    shown = [image, *(decode_colors(mask, spec) for mask in (truth, *predictions))]
    for left, each in zip(lefts, shown, strict=True):
        show_image(place(figure, left, top, *size), each)
    below = top + size[1] + GAP
    for left, mask, whole in zip(lefts[2:], predictions, picture.predictions.values(), strict=True):
        axes = place(figure, left, below, *size)
        show_image(axes, paint_errors(image, mask, truth, spec.ignore_index))
        axes.set_xlabel(_right(whole, picture.truth, spec), labelpad=3)
    _describe(place(figure, lefts[0], below, lefts[1] + size[0] - lefts[0], size[1]), picture)


def _describe(axes: Axes, picture: Picture) -> None:
    """The image's name and what the colors of the errors mean."""
    axes.set_axis_off()
    width = axes.figure.get_figwidth() * axes.get_position().width
    name = _wrapped(picture.name, width)
    axes.text(0, 1, name, va="top", transform=axes.transAxes)
    colors = {"wrong": WRONG, "not counted": UNCOUNTED}
    axes.legend(
        handles=[
            Patch(facecolor=np.divide(color, 255), label=label) for label, color in colors.items()
        ],
        loc="lower left",
        frameon=False,
        borderaxespad=0,
        handlelength=1,
        handleheight=1,
    )


def _right(prediction: np.ndarray, truth: np.ndarray, spec: DatasetSpec) -> str:
    counted = truth != spec.ignore_index
    if not counted.any():
        return "-"
    return f"{100 * (prediction == truth)[counted].mean():.1f}% right"


def _wrapped(text: str, width: float) -> str:
    """Text over lines of so many inches; what stands for mathematics elsewhere is text here."""
    return "\n".join(wrapped(text, width, _POINTS)).replace("$", r"\$")
