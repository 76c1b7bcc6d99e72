"""Which windows are for training and which are held out, without a pixel in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import shapely

from network.datasets.windows import Window, windows
from network.errors import DataError
from network.preparation.orthophotos.blocks import Block
from network.preparation.orthophotos.images import Orthophoto
from network.preparation.orthophotos.polygon_labels import pixel_in
from network.preparation.orthophotos.reprojection import reprojected
from network.preparation.orthophotos.vectors import PolygonLayer

_COMMON = 0.01
"""Pixels that two areas may share by rounding, where one image touches another."""


class Box(NamedTuple):
    """A part of an image in pixels, ``bottom`` and ``right`` not included."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass
class Plan:
    """How an image is cut.

    Attributes:
        image: to cut.
        train, val: windows.
        area: what is scored of the windows in ``val``, in pixels; None for all of them.
        near: number of windows that are in neither: a part of what they show is held out.
        origin: top and left of the first window in ``val``.
    """

    image: Orthophoto
    train: list[Window] = field(default_factory=list)
    val: list[Window] = field(default_factory=list)
    area: shapely.Geometry | None = None
    near: int = 0
    origin: tuple[int, int] = (0, 0)

    @property
    def zone(self) -> list[Box]:
        """The parts that the windows in ``val`` show."""
        return [box_in(self.image, window) for window in self.val]


def box_in(image: Orthophoto, window: Window) -> Box:
    """The part of an image that a window shows."""
    bottom, right = window.top + window.size, window.left + window.size
    return Box(window.top, window.left, min(bottom, image.height), min(right, image.width))


def plan_by_blocks(
    images: Sequence[Orthophoto], blocks: Sequence[Block | None], size: int, stride: int
) -> list[Plan]:
    """Hold out blocks of cells of ``size`` pixels."""
    plans = []
    for image, block in zip(images, blocks, strict=True):
        plan = Plan(image)
        if block is not None:
            plan.origin = (block.top * size, block.left * size)
            plan.val = [
                cell
                for cell in windows(image.height, image.width, size, size)
                if block.top <= cell.row < block.bottom and block.left <= cell.col < block.right
            ]
        plans.append(plan)
    return _with_training(plans, size, stride)


def plan_by_area(
    images: Sequence[Orthophoto], layer: PolygonLayer, size: int, stride: int
) -> list[Plan]:
    """Hold out an area on the ground.

    The windows that show it lie side by side from its upper left corner on. What they show beside
    it is not scored, and not trained on either.

    Raises:
        DataError: the area is none, or lies beside all images.
    """
    area = shapely.union_all(np.concatenate([found.outlines for found in layer.outlines()]))
    plans = []
    for image in images:
        plan = Plan(image)
        moved = reprojected(np.array([area]), layer.crs, image.crs, pixel_in(layer.crs, image))
        inside = shapely.intersection(
            image.to_pixels(moved)[0], shapely.box(0, 0, image.width, image.height)
        )
        if inside.area > _COMMON:
            plan.area = inside
            plan.origin, plan.val = _covering(image, inside, size)
        plans.append(plan)
    if not any(plan.val for plan in plans):
        raise DataError(
            f"--val-area {layer.path} lies beside all images; is it in the right place?"
        )
    return _with_training(plans, size, stride)


def _covering(
    image: Orthophoto, area: shapely.Geometry, size: int
) -> tuple[tuple[int, int], list[Window]]:
    """Windows side by side that show an area, and where they begin."""
    left, top, right, bottom = area.bounds
    spans = []
    for low, high, side in ((top, bottom, image.height), (left, right, image.width)):
        start, end = int(np.floor(low)), int(np.ceil(high))
        count = max(1, -(-(end - start) // size))
        spans.append((max(0, min(start, side - count * size)), count))
    (start, rows), (begin, cols) = spans
    found = [
        Window(row, col, start + row * size, begin + col * size, size)
        for row in range(rows)
        for col in range(cols)
    ]
    shapely.prepare(area)
    return (start, begin), [
        window
        for window in found
        if shapely.intersection(area, shapely.box(*_bounds(box_in(image, window)))).area > 0
    ]


def _with_training(plans: list[Plan], size: int, stride: int) -> list[Plan]:
    """Add the windows to train on: those that show nothing that a window in ``val`` shows."""
    for plan in plans:
        image = plan.image
        own = np.array(plan.zone, np.int64).reshape(-1, 4)
        others = [zone for zone in (_seen_in(image, other) for other in plans) if zone is not None]
        foreign = shapely.union_all(others)
        for window in windows(image.height, image.width, size, stride):
            box = box_in(image, window)
            held = _held(own, box)
            beside = shapely.intersection(foreign, shapely.box(*_bounds(box))).area > _COMMON
            if not (held or beside):
                plan.train.append(window)
            elif held < (box.bottom - box.top) * (box.right - box.left):
                plan.near += 1
    return plans


def _held(zone: np.ndarray, box: Box) -> int:
    """Pixels that a part of an image shares with boxes [n, 4] that share none with each other."""
    high = np.minimum(zone[:, 2], box.bottom) - np.maximum(zone[:, 0], box.top)
    wide = np.minimum(zone[:, 3], box.right) - np.maximum(zone[:, 1], box.left)
    return int((high.clip(0) * wide.clip(0)).sum())


def _seen_in(image: Orthophoto, other: Plan) -> shapely.Geometry | None:
    """What is held out of another image, in pixels of this one; None where it lies beside."""
    if other.image is image or not other.val:
        return None
    zone = shapely.union_all([shapely.box(*_bounds(box)) for box in other.zone])
    ground = other.image.to_ground(np.array([zone]))
    moved = reprojected(ground, other.image.crs, image.crs, max(other.image.pixel))
    seen = image.to_pixels(moved)[0]
    return seen if seen.intersects(shapely.box(0, 0, image.width, image.height)) else None


def _bounds(box: Box) -> tuple[int, int, int, int]:
    """A box as x and y of its corners."""
    return box.left, box.top, box.right, box.bottom
