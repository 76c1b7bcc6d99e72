"""How all figures look, and saving them."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from network.datasets.catalog import DatasetSpec
from network.files.writing import replacing

WIDTH = 7.16
"""Inches: both columns of a page."""
MARGIN, GAP, LINE = 0.08, 0.06, 0.24
"""Inches around a figure, between pictures, of a line of text."""
LEGEND_COLUMNS = 4
_DPI = 200
_GRAY = "0.55"

styled = matplotlib.rc_context(
    {
        "font.size": 10,
        "axes.titlesize": 10,
        "axes.labelsize": 10,
        "legend.fontsize": 10,
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "pdf.fonttype": 42,
    }
)
"""Decorates what draws a figure."""


def new_figure(height: float, width: float = WIDTH, arranged: bool = True) -> Figure:
    """An empty figure, sizes in inches; ``arranged`` finds room for axes and texts by itself."""
    return Figure((width, height), dpi=_DPI, layout="constrained" if arranged else None)


def place(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place in inches from the upper left corner of a figure."""
    whole_width, whole_height = figure.get_size_inches()
    return figure.add_axes(
        (
            left / whole_width,
            1 - (top + height) / whole_height,
            width / whole_width,
            height / whole_height,
        )
    )


def show_image(axes: Axes, image: np.ndarray, title: str = "") -> None:
    """An image without ticks; ``title`` stands above it."""
    axes.imshow(image, interpolation="nearest")
    axes.set_title(title)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set(visible=True, color="0.8", linewidth=0.5)


def fit_title(axes: Axes, width: float) -> None:
    """Make the title of axes of so many inches no wider than these."""
    axes.title.set_fontsize(min(10, 72 * width / (0.62 * max(1, len(axes.get_title())))))


def class_colors(spec: DatasetSpec) -> dict[str, tuple[float, ...]]:
    """The dataset's colors by class, as matplotlib takes them."""
    return {
        name: tuple(value / 255 for value in color)
        for name, color in zip(spec.classes, spec.palette, strict=True)
    }


def add_class_legend(
    figure: Figure, spec: DatasetSpec, top: float | None = None, uncounted: bool = False
) -> None:
    """A legend of the classes; gray edges keep white ones visible.

    Args:
        figure: to add it to.
        spec: of the dataset.
        top: inches from the upper edge of the figure; without it, below an arranged figure.
        uncounted: also name the color of what does not count.
    """
    colors = class_colors(spec)
    if uncounted:
        colors["not counted"] = tuple(value / 255 for value in spec.ignore_color)
    where = {"loc": "outside lower center"}
    if top is not None:
        where = {
            "loc": "upper center",
            "bbox_to_anchor": (0.5, 1 - top / figure.get_figheight()),
            "borderaxespad": 0,
        }
    figure.legend(
        handles=[
            Patch(facecolor=color, edgecolor=_GRAY, label=name) for name, color in colors.items()
        ],
        ncols=LEGEND_COLUMNS,
        frameon=False,
        handlelength=1,
        handleheight=1,
        **where,
    )


def legend_height(spec: DatasetSpec) -> float:
    """Inches of ``add_class_legend``."""
    return 0.1 + 0.21 * -(-(spec.num_classes + 1) // LEGEND_COLUMNS)


@styled
def pixels(figure: Figure) -> np.ndarray:
    """A figure as RGB uint8 [H, W, 3]."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


@styled
def save_figure(figure: Figure, path: Path) -> list[Path]:
    """Write a figure as PNG and as PDF.

    Args:
        figure: to write.
        path: of both, without a suffix.

    Returns:
        the two files.

    Raises:
        OutputError: they cannot be written.
    """
    files = []
    for suffix, metadata in ((".png", {"Software": None}), (".pdf", {"CreationDate": None})):
        drawn = io.BytesIO()
        figure.savefig(drawn, format=suffix[1:], metadata=metadata)
        files.append(path.with_name(path.name + suffix))
        with replacing(files[-1]) as temporary:
            temporary.write_bytes(drawn.getvalue())
    return files
