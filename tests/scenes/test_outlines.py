"""Outlines of areas: what they enclose, rings that touch, when they come."""

import numpy as np
import pytest
import shapely
from affine import Affine
from rasterio.features import shapes

from network.scenes.areas import find_areas
from network.scenes.ground import Ground
from network.scenes.outlines import outlines
from network.scenes.rasters import NODATA
from network.scenes.rings import with_vertices, with_vertices_anywhere


def traced(classes):
    """Rings of each area by its number, and the number of each pixel."""
    areas = find_areas(classes, Ground(*classes.shape), with_neighbors=False)
    found = list(outlines(areas))
    assert len({each.area for each in found}) == len(found)
    return {each.area: each.rings for each in found}, np.concatenate([a for _, a in areas.blocks()])


def drawn(rows):
    """A map of classes, of which a dot is no data."""
    return np.array([[NODATA if c == "." else int(c) for c in row] for row in rows.split()], "u1")


def vertices(ring):
    return {tuple(vertex) for vertex in ring.tolist()}


@pytest.mark.parametrize("rows", [1, 3, 1000])
@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2), (7, 5), (30, 41)])
def test_outlines_are_those_of_gdal(monkeypatch, shape, count, rows):
    """Which traces them in another way; the more noise, the more areas touch across a vertex."""
    monkeypatch.setattr("network.scenes.areas._BLOCK", rows * shape[1])
    rng = np.random.default_rng(count)
    for share in (0, 0.2):
        classes = rng.integers(0, count, shape).astype(np.uint8)
        classes[rng.random(shape) < share] = NODATA
        found, numbers = traced(classes)
        expected = [
            shapely.geometry.shape(outline)
            for outline, value in shapes(classes, transform=Affine.identity())
            if value != NODATA
        ]
        assert len(found) == len(expected)
        for other in expected:
            inside = other.representative_point()
            outer, *holes = found[numbers[int(inside.y), int(inside.x)]]
            polygon = shapely.Polygon(outer, holes)
            assert polygon.is_valid
            assert polygon.equals(other)


@pytest.mark.parametrize("rows", [1, 2, 7, 1000])
def test_rings_are_the_same_whatever_is_read_at_a_time_and_pass_no_vertex_twice(monkeypatch, rows):
    classes = np.random.default_rng(0).integers(0, 2, (40, 30)).astype(np.uint8)

    def by_first_pixel():
        found, numbers = traced(classes)
        firsts = {area: int(np.flatnonzero(numbers == area)[0]) for area in found}
        return {firsts[area]: [ring.tolist() for ring in rings] for area, rings in found.items()}

    whole = by_first_pixel()
    monkeypatch.setattr("network.scenes.areas._BLOCK", rows * 30)
    monkeypatch.setattr("network.scenes.outlines._CORNERS", 50)
    assert by_first_pixel() == whole
    for ring in (ring for rings in whole.values() for ring in rings):
        assert ring[0] == ring[-1]
        assert len({tuple(vertex) for vertex in ring}) == len(ring) - 1
        steps = np.diff(ring, axis=0)
        assert ((steps == 0).sum(axis=1) == 1).all()
        assert (steps[:-1, 0] == 0).tolist() == (steps[1:, 0] != 0).tolist()  # it turns everywhere


def test_a_ring_touches_its_hole_at_a_vertex():
    """The bay at the lower right and the hole meet across one; both are of the other class."""
    found, numbers = traced(drawn("0000 0100 0011 0011"))
    outer, hole = found[numbers[0, 0]]
    assert vertices(outer) == {(0, 0), (4, 0), (4, 2), (2, 2), (2, 4), (0, 4)}
    assert vertices(hole) == {(1, 1), (2, 1), (2, 2), (1, 2)}
    assert len(outer) == 7
    assert [vertices(ring) for ring in found[numbers[1, 1]]] == [vertices(hole)]
    assert [vertices(ring) for ring in found[numbers[2, 2]]] == [{(2, 2), (4, 2), (4, 4), (2, 4)}]


def test_two_holes_that_touch_are_two_rings():
    found, numbers = traced(drawn("0000 0100 0010 0000"))
    outer, *holes = found[numbers[0, 0]]
    assert vertices(outer) == {(0, 0), (4, 0), (4, 4), (0, 4)}
    assert [vertices(hole) for hole in holes] == [
        {(1, 1), (2, 1), (2, 2), (1, 2)},
        {(2, 2), (3, 2), (3, 3), (2, 3)},
    ]


def test_a_ring_of_pixels_that_closes_across_a_vertex_touches_its_hole_there():
    """Its ends meet at (1, 1), between no data and what it is around."""
    found, numbers = traced(drawn(".000 0.30 0000"))
    (rings,) = (rings for area, rings in found.items() if area == numbers[0, 1])
    assert vertices(rings[0]) == {(1, 0), (4, 0), (4, 3), (0, 3), (0, 1), (1, 1)}
    assert [vertices(ring) for ring in rings[1:]] == [{(1, 1), (3, 1), (3, 2), (1, 2)}]


def test_no_data_has_no_outline_and_is_a_hole():
    found, numbers = traced(drawn("111 1.1 111 ..."))
    assert [*found] == [numbers[0, 0]]
    assert [vertices(ring) for ring in found[numbers[0, 0]]] == [
        {(0, 0), (3, 0), (3, 3), (0, 3)},
        {(1, 1), (2, 1), (2, 2), (1, 2)},
    ]
    assert traced(drawn("... ..."))[0] == {}


def test_an_outline_comes_as_soon_as_its_area_was_read(monkeypatch):
    monkeypatch.setattr("network.scenes.areas._BLOCK", 3)

    class Read:
        """A map that knows up to where it was read."""

        classes = drawn("111 222 233 211 555")
        shape = classes.shape
        rows = 0

        def __getitem__(self, rows):
            self.rows = rows.stop
            return self.classes[rows]

    source = Read()
    areas = find_areas(source, Ground(*source.shape))
    source.rows = 0
    came = [(int(areas.classes[each.area]), source.rows) for each in outlines(areas)]
    assert came == [(1, 2), (3, 4), (2, 5), (1, 5), (5, 5)]


def test_lines_along_pixels_get_vertices_at_multiples():
    ring = np.array([(1, 0), (1, 7), (5, 7), (5, 0), (1, 0)], np.int32)
    square = np.array([(9, 9), (11, 9), (11, 11), (9, 11), (9, 9)], np.int32)
    first, second = with_vertices([ring, square], 3)
    assert first.tolist() == [
        *[[1, 0], [1, 3], [1, 6], [1, 7], [3, 7], [5, 7]],
        *[[5, 6], [5, 3], [5, 0], [3, 0], [1, 0]],
    ]
    assert second.tolist() == square.tolist()


def test_lines_in_any_direction_are_cut_evenly():
    ring = np.array([(0, 0), (3, 4), (0, 4), (0, 0)], float)
    first, second = with_vertices_anywhere([ring, ring + 9], 3)
    expected = [(0, 0), (1.5, 2), (3, 4), (0, 4), (0, 2), (0, 0)]
    np.testing.assert_allclose(first, expected)
    np.testing.assert_allclose(second, np.array(expected) + 9)
