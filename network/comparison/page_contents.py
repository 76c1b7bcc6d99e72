"""What the page of a comparison shows, as plain values for its scripts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from network.comparison.caption import caption
from network.comparison.choice import IMAGES, SIDE, differing_images
from network.comparison.comparison import MEANS, Comparison, Method
from network.comparison.costs import Cost, Costs, cost_cells, cost_columns
from network.comparison.numbers import difference, percent, score
from network.comparison.pictures import Picture, Pictures
from network.comparison.records import values_of
from network.comparison.tested import Tested
from network.datasets.catalog import DatasetSpec
from network.datasets.display import display_note
from network.pages.page import PAGE_LIMIT, Page
from network.pages.previews import css_color, fitting, mask_preview, preview

STUDY_PAGE = Page("Study", Path(__file__).parent / "page", ("viewer.js", "plots.js", "page.js"))
ONLY_SCORES = (
    "Only scores: no images were read. With the config of one of the tests, -c CONFIG, the page "
    "shows them with the masks of all methods."
)
_RESERVE = 1_000_000


def page_contents(
    found: Comparison,
    costs: Costs,
    pictures: Pictures | None = None,
    images: int = IMAGES,
    side: int = SIDE,
) -> dict[str, Any]:
    """Everything that the page of a comparison shows (``network/comparison/page``).

    Args:
        found: the comparison.
        costs: of its methods.
        pictures: for the viewer; without them there is none.
        images: number of those in the viewer.
        side: longest side of their previews in pixels.

    Raises:
        UserError: images or masks that cannot be read, or are not those of the tests.
    """
    protocol, names = found.first.protocol, found.first.counted.names
    spec, viewer, previews = None, [], ONLY_SCORES
    if pictures is not None:
        spec = pictures.spec
        viewer = _viewer(pictures, differing_images(found, images), side)
        previews = _described(found, len(viewer), len(names), side, display_note(spec))
    return {
        "title": f"{protocol['dataset']}, {protocol['split']}",
        "facts": [
            ("Methods", str(len(found.methods))),
            ("Trainings", str(len(found.tests))),
            ("Images", str(len(names))),
            ("Scores", found.first.variant.title),
        ],
        "reference": found.reference,
        "scores": list(found.columns),
        "first": found.columns.index(MEANS[0], len(found.first.classes)),
        "costs": [f"{column.heading} ({column.unit})" for column in cost_columns(costs).values()],
        "methods": [_method(method, found, costs) for method in found.methods],
        "caption": caption(found, costs),
        "tests": [
            [method.name, str(test.seed), *_test(part)]
            for method in found.methods
            for test in method.tests
            for part in test.folds or (test,)
        ],
        "settings": _settings(found),
        "classes": [] if spec is None else _classes(spec),
        "ignore_index": None if spec is None else spec.ignore_index,
        "ignore_color": css_color((0, 0, 0) if spec is None else spec.ignore_color),
        "previews": previews,
        "viewer": viewer,
    }


def _method(method: Method, found: Comparison, costs: Costs) -> dict[str, Any]:
    cost, fields = costs.methods.get(method.name, Cost()), cost_columns(costs)
    cells = cost_cells(costs, method.name)
    return {
        "name": method.name,
        "seeds": method.seeds,
        "scores": [_score(method, column) for column in range(len(found.columns))],
        "costs": [
            {"value": getattr(cost, field), "text": text}
            for field, text in zip(fields, cells, strict=True)
        ],
    }


def _score(method: Method, column: int) -> dict[str, Any]:
    runs = method.runs[:, column].tolist()
    return values_of(method, column) | {
        "text": score(method, column),
        "difference_text": difference(method.difference, column),
        "runs": [None if value != value else value for value in runs],
        "run_texts": [percent(value) for value in runs],
    }


def _test(test: Tested) -> list[str]:
    how = test.circumstances
    return [str(test.folder), test.checkpoint[:12], *(how[key] for key in ("commit", "device"))]


def _settings(found: Comparison) -> list[tuple[str, list[str]]]:
    """Settings in which methods differ, each with its value of every method."""
    of = [method.tests[0].settings for method in found.methods]
    names = dict.fromkeys(name for settings in of for name in settings)
    values = {name: [settings.get(name, "-") for settings in of] for name in names}
    return [
        (name, found)
        for name, found in values.items()
        if len({*found}) > 1 and name not in ("name", "seed")
    ]


def _classes(spec: DatasetSpec) -> list[dict[str, str]]:
    return [
        {"name": name, "color": css_color(color)}
        for name, color in zip(spec.classes, spec.palette, strict=True)
    ]


def _viewer(pictures: Pictures, names: Sequence[str], side: int) -> list[dict[str, Any]]:
    read = tqdm(pictures.read(names), total=len(names), unit="image", leave=False)
    return fitting((_entry(picture, side) for picture in read), PAGE_LIMIT - _RESERVE)


def _entry(picture: Picture, side: int) -> dict[str, Any]:
    masks = [mask_preview(mask, side) for mask in picture.predictions.values()]
    return preview(picture.name, picture.image, picture.truth, side) | {"predictions": masks}


def _described(found: Comparison, shown: int, images: int, side: int, shown_as: str) -> str:
    which = f"All {images} images" if shown == images else f"{shown} of {images} images"
    which += ", those first in which methods differ most"
    seeds = ""
    if any(len(method.tests) > 1 for method in found.methods):
        seeds = "; masks of the first seed of every method"
    how = f" ({shown_as})" if shown_as else ""
    return f"{which}; previews of at most {side} pixels{how}{seeds}."
