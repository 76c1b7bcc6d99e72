"""Polygons as well-known binary, the form in which GDAL takes geometries.

Written here, as it has to be in little memory: an outline may have millions of vertices, of which
a library that builds geometries first holds several copies.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

_LITTLE_ENDIAN = b"\x01"
_POLYGON = 3
_WORDS = 4
"""Of 4 bytes, in a vertex."""


def polygons_as_wkb(
    places: np.ndarray, vertices: Sequence[int], rings: Sequence[int]
) -> np.ndarray:
    """Polygons as bytes: object [polygons].

    Each is its byte order, its type and the number of its rings, and of each ring the number of its
    vertices and these (OGC 06-103r4, section 8.2).

    Args:
        places: of all vertices, those of a ring and of a polygon together: float64 [n, 2].
        vertices: of each ring.
        rings: of each polygon.
    """
    vertices, rings = (np.asarray(counts, np.int64) for counts in (vertices, rings))
    before = np.cumsum(vertices) - vertices  # of each ring, vertices, and likewise
    first = np.cumsum(rings) - rings
    polygon = np.repeat(np.arange(len(rings)), rings)
    ring_at = _WORDS * before + np.arange(len(vertices)) + 2 * (polygon + 1)
    polygon_at = ring_at[first] - 2
    words = np.empty(2 * len(rings) + len(vertices) + _WORDS * len(places), "<i4")
    is_place = np.ones(len(words), bool)
    for at, values in ((polygon_at, _POLYGON), (polygon_at + 1, rings), (ring_at, vertices)):
        words[at] = values
        is_place[at] = False
    words[is_place] = places.astype("<f8", copy=False).view("<i4").ravel()
    found = np.empty(len(rings), object)
    for number, (start, end) in enumerate(pairwise([*polygon_at.tolist(), len(words)])):
        found[number] = b"".join((_LITTLE_ENDIAN, words[start:end].data))
    return found
