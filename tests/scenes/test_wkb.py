"""Polygons as well-known binary, against a library's."""

import numpy as np
import shapely

from network.scenes.wkb import polygons_as_wkb


def square(left, top, side):
    x, y = np.array([0, 1, 1, 0, 0]), np.array([0, 0, 1, 1, 0])
    return np.stack([left + side * x, top + side * y], axis=1).astype(np.float64)


def test_they_are_those_of_shapely():
    outlines = [
        [square(0, 0, 10), square(1, 1, 2), square(5, 5, 3)],
        [square(20.5, -3, 0.25)],
        [square(1e7, 1e-7, 100), square(1e7 + 1, 1, 1)[:, ::-1][[0, 1, 2, 0]]],
    ]
    rings = [ring for outline in outlines for ring in outline]
    found = polygons_as_wkb(
        np.concatenate(rings), [*map(len, rings)], [len(outline) for outline in outlines]
    )
    polygons = [shapely.Polygon(outer, holes) for outer, *holes in outlines]
    assert found.dtype == object
    assert found.tolist() == [shapely.to_wkb(polygon, byte_order=1) for polygon in polygons]


def test_none():
    assert polygons_as_wkb(np.zeros((0, 2)), [], []).tolist() == []
