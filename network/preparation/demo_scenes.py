"""Synthetic aerial scenes with exact labels, drawn as a town seen from above at about 20 cm/pixel.

Color alone does not tell the classes apart: roofs, roads, fields, cars and clutter share their
colors, and every scene has its own light, season and sensor. Shape, texture, shadow and
surroundings do.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

IM_SURF, BUILDING, LOW_VEG, TREE, CAR, CLUTTER = range(6)

_PAVING = ((92, 93, 97), (118, 117, 116), (146, 141, 134), (172, 166, 156), (140, 112, 98))
_ROOFS = (
    (150, 88, 66), (126, 76, 62), (96, 97, 102), (122, 121, 120), (70, 74, 82), (186, 184, 180),
    (112, 140, 122), (96, 116, 76), (158, 142, 116), (128, 110, 84),
)  # fmt: skip
_LAWNS = ((92, 122, 62), (112, 130, 72), (126, 126, 80), (84, 104, 62))
_FIELDS = ((138, 112, 82), (150, 96, 70), (164, 150, 102), (104, 124, 66), (120, 106, 92))
_CROWNS = ((62, 88, 48), (84, 108, 56), (52, 70, 50), (112, 116, 60), (132, 94, 60), (104, 98, 88))
_CARS = (
    (222, 222, 222), (176, 178, 182), (118, 120, 124), (48, 50, 54), (156, 46, 42), (52, 76, 126),
    (62, 98, 66), (138, 120, 94),
)  # fmt: skip
_WATERS = ((44, 58, 62), (60, 72, 60), (74, 92, 104), (86, 88, 74))
_SOILS = ((150, 128, 102), (128, 120, 112), (112, 100, 86), (158, 114, 88), (104, 104, 104))
_PLANT = ((190, 192, 194), (120, 124, 130), (84, 104, 122))
_CONTAINERS = ((150, 70, 54), (70, 92, 126), (88, 116, 90), (160, 150, 136), (116, 116, 118))

_CAR_SHARE = 0.025
_CLUTTER_SHARE = 0.04
_TREE_SHARE = 0.18


@dataclass
class _Scene:
    """The canvas: image float32 [H, W, 3]; labels, taken (ground that is given away) uint8 [H, W].

    ``sun`` is the unit vector (x, y) from which the light comes; fine and mottle are noise of unit
    variance, float32 [H, W].
    """

    rng: np.random.Generator
    image: np.ndarray
    labels: np.ndarray
    taken: np.ndarray
    fine: np.ndarray
    mottle: np.ndarray
    sun: np.ndarray
    shadow_length: float
    heading: float
    crowns: np.ndarray
    roads: list[_Road] = field(default_factory=list)

    @property
    def area(self) -> int:
        return self.labels.size

    def somewhere(self) -> np.ndarray:
        """A random point (x, y) of the scene."""
        return self.rng.uniform((0, 0), self.labels.shape[::-1])

    def color(self, table: tuple | np.ndarray, spread: float = 9.0) -> np.ndarray:
        """A color of the table with a random shift in brightness and a smaller one in hue."""
        rng = self.rng
        base = np.asarray(table[rng.integers(len(table))], np.float32)
        return (base + rng.normal(0, spread) + rng.normal(0, spread / 3, 3)).astype(np.float32)


@dataclass
class _Road:
    """A center line [P, 2] (x, y), its unit tangents [P, 2] and half the width of the roadway."""

    points: np.ndarray
    tangents: np.ndarray
    half: float

    def beside(self, offset: float) -> np.ndarray:
        """The line at ``offset`` to the side of the center line, [P, 2]."""
        normals = np.stack([-self.tangents[:, 1], self.tangents[:, 0]], axis=1)
        return self.points + normals * offset

    def strip(self, inner: float, outer: float) -> np.ndarray:
        """The outline of the band between two offsets, [2 P, 2]."""
        return np.concatenate([self.beside(inner), self.beside(outer)[::-1]])


def draw_scene(height: int, width: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw one scene; the same arguments give the same bytes.

    Shapes: RGB uint8 [height, width, 3] and class indices uint8 [height, width] (0 ImSurf,
    1 Building, 2 LowVeg, 3 Tree, 4 Car, 5 Clutter).
    """
    scene = _empty_scene(height, width, seed)
    _draw_meadow(scene)
    _draw_roads(scene)
    _draw_fields(scene)
    _draw_clutter(scene)
    cars = _draw_parking_lots(scene)
    houses = _place_houses(scene)
    _draw_yards(scene, houses)
    _draw_cars(scene, cars)
    _cast_shadows(scene, [(wing, house.rise) for house in houses for wing in house.wings])
    for house in houses:
        for wing in house.wings[::-1]:
            (_draw_gable if house.pitched else _draw_flat_roof)(scene, house, wing)
    _draw_trees(scene)
    return _photograph(scene), scene.labels


def _empty_scene(height: int, width: int, seed: int) -> _Scene:
    rng = np.random.default_rng(seed)
    azimuth = rng.uniform(0, 2 * np.pi)
    chosen = rng.choice(len(_CROWNS), size=3, replace=False)
    return _Scene(
        rng=rng,
        image=np.zeros((height, width, 3), np.float32),
        labels=np.full((height, width), LOW_VEG, np.uint8),
        taken=np.zeros((height, width), np.uint8),
        fine=_noise(rng, height, width, 1.6),
        mottle=_noise(rng, height, width, 7) * 0.7 + _noise(rng, height, width, 45) * 0.7,
        sun=np.array([np.cos(azimuth), np.sin(azimuth)]),
        shadow_length=rng.uniform(0.5, 1.3),
        heading=rng.uniform(0, np.pi),
        crowns=np.array(_CROWNS)[chosen],
    )


def _noise(rng: np.random.Generator, height: int, width: int, cell: float) -> np.ndarray:
    """Smooth noise of about unit variance whose lumps measure ``cell`` pixels, [H, W]."""
    coarse = rng.standard_normal((int(height / cell) + 3, int(width / cell) + 3), np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return smooth / max(float(smooth.std()), 1e-3)


def _axes(angle: float) -> np.ndarray:
    """Unit vectors along and across ``angle``, [2, 2]."""
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def _rectangle(center: np.ndarray, length: float, width: float, angle: float) -> np.ndarray:
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (length / 2, width / 2)
    return center + corners @ _axes(angle)


def _blob(
    rng: np.random.Generator, center: np.ndarray, radius: float, lumps: float, points: int = 30
) -> np.ndarray:
    """An irregular round outline, [points, 2]."""
    phi = np.linspace(0, 2 * np.pi, points, endpoint=False)
    reach = np.ones(points)
    for order in (2, 3, 5, 8):
        reach += lumps / order**0.5 * rng.normal() * np.cos(order * phi + rng.uniform(0, 6.3))
    return center + radius * np.clip(reach, 0.5, 1.5)[:, None] * np.stack(
        [np.cos(phi), np.sin(phi)], axis=1
    )


def _window(scene: _Scene, outline: np.ndarray) -> tuple[tuple[slice, slice], np.ndarray]:
    """The box around an outline and the pixels inside it (bool [h, w]); empty off the canvas."""
    size = scene.labels.shape[::-1]
    left, top = np.clip(np.floor(outline.min(axis=0)).astype(int), 0, size)
    right, bottom = np.clip(np.ceil(outline.max(axis=0)).astype(int) + 1, 0, size)
    inside = np.zeros((bottom - top, right - left), np.uint8)
    if inside.size:
        cv2.fillPoly(inside, [np.round(outline - (left, top)).astype(np.int32)], 1)
    return (slice(top, bottom), slice(left, right)), inside.astype(bool)


def _coordinates(box: tuple[slice, slice], center: np.ndarray, angle: float) -> np.ndarray:
    """Coordinates of the box's pixels along and across ``angle``, float32 [2, h, w]."""
    y, x = np.mgrid[box].astype(np.float32)
    (ax, ay), (bx, by) = _axes(angle)
    x, y = x - center[0], y - center[1]
    return np.stack([x * ax + y * ay, x * bx + y * by])


def _paint(
    scene: _Scene,
    outline: np.ndarray,
    color: np.ndarray | tuple,
    label: int | None = None,
    grain: float = 3.0,
    mottle: float = 0.0,
    stripes: tuple[float, float, float] | None = None,
    drop: float = 0.0,
) -> None:
    """Fill an outline.

    ``stripes`` are (angle, period, strength) of lines along the angle; ``drop`` is the length of a
    hard shadow painted first.
    """
    if drop:
        _paint(scene, outline - drop * scene.sun, (46, 47, 52))
    box, inside = _window(scene, outline)
    texture = grain * scene.fine[box][inside] + mottle * scene.mottle[box][inside]
    if stripes is not None:
        angle, period, strength = stripes
        across = _coordinates(box, outline.mean(axis=0), angle)[1][inside]
        texture += strength * np.sign(np.sin(across * np.float32(2 * np.pi / period)))
    scene.image[box][inside] = np.asarray(color, np.float32) + texture[:, None]
    if label is not None:
        scene.labels[box][inside] = label


def _is_free(scene: _Scene, outline: np.ndarray, margin: float = 4.0) -> bool:
    center = outline.mean(axis=0)
    reach = np.linalg.norm(outline - center, axis=1).max()
    box, inside = _window(scene, center + (outline - center) * (1 + margin / reach))
    return bool(inside.any()) and not scene.taken[box][inside].any()


def _at(grid: np.ndarray, point: np.ndarray, beyond: int) -> int:
    """The value of ``grid`` at a point (x, y), ``beyond`` outside of it."""
    x, y = np.round(point).astype(int)
    height, width = grid.shape
    return int(grid[y, x]) if 0 <= x < width and 0 <= y < height else beyond


def _take(scene: _Scene, outline: np.ndarray) -> None:
    box, inside = _window(scene, outline)
    scene.taken[box][inside] = 1


def _claim(scene: _Scene, outline: np.ndarray) -> bool:
    """Take the ground of an outline if all of it is free."""
    free = _is_free(scene, outline)
    if free:
        _take(scene, outline)
    return free


def _cast_shadows(scene: _Scene, casters: list[tuple[np.ndarray, float]]) -> None:
    """Darken what lies behind convex outlines of the given heights, all in one pass."""
    shade = np.zeros(scene.labels.shape, np.uint8)
    for outline, rise in casters:
        moved = outline - scene.sun * rise * scene.shadow_length
        hull = cv2.convexHull(np.concatenate([outline, moved]).astype(np.float32))
        cv2.fillPoly(shade, [np.round(hull).astype(np.int32)], 1)
    depth = cv2.GaussianBlur(shade.astype(np.float32), (0, 0), 1.0)
    scene.image *= 1 - depth[..., None] * np.array([0.58, 0.54, 0.47], np.float32)


def _draw_meadow(scene: _Scene) -> None:
    first, second = scene.color(_LAWNS), scene.color(_LAWNS + _FIELDS[2:3])
    blend = 1 / (1 + np.exp(-2.5 * scene.mottle[..., None]))
    scene.image[:] = first * blend + second * (1 - blend)
    scene.image += (7 * scene.fine + 5 * scene.mottle)[..., None]


def _draw_fields(scene: _Scene) -> None:
    """Mown lawns, ploughed or withered fields and bare patches on the ground that is left."""
    rng = scene.rng
    for _ in range(int(scene.area / 6000) + 3):
        angle = scene.heading + rng.choice([0, np.pi / 2])
        outline = _rectangle(scene.somewhere(), rng.uniform(36, 130), rng.uniform(26, 80), angle)
        mown = rng.random() < 0.5
        color = scene.color(_LAWNS if mown else _FIELDS)
        stripes = (angle, rng.uniform(8, 16) if mown else rng.uniform(3.5, 6), rng.uniform(3, 8))
        if _is_free(scene, outline, margin=1):
            _paint(scene, outline, color, grain=6, mottle=5, stripes=stripes)
    for _ in range(int(scene.area / 16000) + 1):
        spot = _blob(rng, scene.somewhere(), rng.uniform(6, 20), 0.2)
        if _is_free(scene, spot, margin=1):
            _paint(scene, spot, scene.color(_FIELDS), grain=8, mottle=6)


def _draw_roads(scene: _Scene) -> None:
    rng, size = scene.rng, np.array(scene.labels.shape[::-1])
    reach = float(np.hypot(*size)) / 2 + 40
    for turn, nearest, farthest in ((0, 215, 290), (np.pi / 2, 300, 440)):
        offset = -reach + rng.uniform(0, nearest)
        while offset < reach:
            scene.roads.append(_plan_road(scene, size / 2, offset, scene.heading + turn, reach))
            offset += rng.uniform(nearest, farthest)
    pavement, asphalt = scene.color(_PAVING[1:]), scene.color(_PAVING[:3])
    sidewalks = [rng.uniform(5, 9) for _ in scene.roads]
    for road, walk in zip(scene.roads, sidewalks, strict=True):
        outline = road.strip(-road.half - walk, road.half + walk)
        _paint(scene, outline, pavement, IM_SURF, grain=4, mottle=3)
        _take(scene, outline)
    crossings = np.zeros(scene.labels.shape, np.uint8)
    for road in scene.roads:
        outline = road.strip(-road.half, road.half)
        _paint(scene, outline, asphalt + rng.normal(0, 4), IM_SURF, grain=4, mottle=4)
        box, inside = _window(scene, outline)
        crossings[box][inside] += 1
    for road in scene.roads:
        _draw_markings(scene, road, crossings)


def _plan_road(
    scene: _Scene, middle: np.ndarray, offset: float, angle: float, reach: float
) -> _Road:
    rng = scene.rng
    along = np.arange(-reach, reach, 8.0)
    wave, phase = rng.uniform(350, 800), rng.uniform(0, 2 * np.pi)
    bend = rng.choice([0.0, rng.uniform(8, 28)]) * np.sin(2 * np.pi * along / wave + phase)
    points = middle + np.stack([along, offset + bend], axis=1) @ _axes(angle)
    tangents = np.gradient(points, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    return _Road(points, tangents, rng.uniform(14, 22))


def _draw_markings(scene: _Scene, road: _Road, crossings: np.ndarray) -> None:
    """A dashed center line and, on wide roads, edge lines; none where roads cross."""
    white = (205, 205, 200)
    offsets = (0.0, 2 - road.half, road.half - 2) if road.half > 18.5 else (0.0,)
    for offset in offsets:
        line = road.beside(offset)
        for start in range(0, len(line) - 1, 3 if offset == 0 else 1):
            if _at(crossings, line[start], beyond=2) < 2:
                angle = np.arctan2(*road.tangents[start][::-1])
                _paint(scene, _rectangle(line[start], 9, 1, angle), white)


def _draw_parking_lots(scene: _Scene) -> list[tuple[np.ndarray, float]]:
    """Lots with two rows of stalls; returns places and headings of the cars that stand there."""
    rng, cars = scene.rng, []
    wanted = max(1, round(scene.area / 150_000))
    for _ in range(60):
        if wanted == 0:
            break
        stalls, center = int(rng.integers(5, 11)), scene.somewhere()
        angle = scene.heading + rng.choice([0, np.pi / 2])
        outline = _rectangle(center, stalls * 14 + 8, 86, angle)
        if not _claim(scene, outline):
            continue
        wanted -= 1
        _paint(scene, outline, scene.color(_PAVING), IM_SURF, grain=4, mottle=4)
        for row in (-1, 1):
            for stall in range(stalls + 1):
                place = center + np.array([(stall - stalls / 2) * 14, row * 28]) @ _axes(angle)
                _paint(scene, _rectangle(place, 1, 26, angle), (200, 200, 196))
                if stall < stalls and rng.random() < 0.7:
                    place = place + 7 * _axes(angle)[0] + rng.normal(0, 0.7, 2)
                    cars.append((place, angle + np.pi / 2 * rng.choice([-1, 1])))
    return cars


def _draw_yards(scene: _Scene, houses: list[_House]) -> None:
    """Paved yards around some houses; neighbors keep their own ground."""
    rng = scene.rng
    for house in houses:
        if rng.random() < 0.45:
            wing, color = house.wings[0], scene.color(_PAVING)
            center = wing.mean(axis=0)
            yard = center + (wing - center) * rng.uniform(1.2, 1.55) + rng.normal(0, 5, 2)
            box, inside = _window(scene, yard)
            built = scene.labels[box] != LOW_VEG
            before = scene.image[box].copy()
            _paint(scene, yard, color, grain=4, mottle=4, stripes=(house.angle, 6, 2))
            scene.image[box][built] = before[built]
            scene.labels[box][inside & ~built] = IM_SURF
            scene.taken[box][inside] = 1


def _draw_clutter(scene: _Scene) -> None:
    kinds, first = (_draw_pond, _draw_site, _draw_depot), int(scene.rng.integers(3))
    for turn in range(first, first + 200):
        if (scene.labels == CLUTTER).mean() >= _CLUTTER_SHARE:
            break
        kinds[turn % 3](scene)


def _draw_pond(scene: _Scene) -> None:
    outline = _blob(scene.rng, scene.somewhere(), scene.rng.uniform(26, 46), 0.16)
    if not _claim(scene, outline):
        return
    center = outline.mean(axis=0)
    _paint(scene, center + (outline - center) * 1.06, scene.color(_FIELDS), grain=5)
    _paint(scene, outline, scene.color(_WATERS, 6), CLUTTER, grain=0.8, mottle=1.5)


def _draw_site(scene: _Scene) -> None:
    """A construction site: trampled soil with heaps, planks and rubble."""
    rng = scene.rng
    center, angle = scene.somewhere(), scene.heading + rng.normal(0, 0.1)
    length, width = rng.uniform(60, 110), rng.uniform(45, 75)
    outline = _rectangle(center, length, width, angle)
    if not _claim(scene, outline):
        return
    _paint(scene, outline, scene.color(_SOILS), CLUTTER, grain=10, mottle=13)
    for _ in range(int(length * width / 130)):
        place = center + rng.uniform(-0.45, 0.45, 2) * (length, width) @ _axes(angle)
        if rng.random() < 0.6:
            piece = _blob(rng, place, rng.uniform(1.5, 6), 0.2, points=9)
        else:
            piece = _rectangle(place, rng.uniform(6, 18), rng.uniform(1.5, 4), rng.uniform(0, 3.2))
        tone = scene.color(_SOILS + _CONTAINERS, 22)
        _paint(scene, piece, tone, grain=8, drop=2)


def _draw_depot(scene: _Scene) -> None:
    """Containers in close rows on dirty ground."""
    rng = scene.rng
    center, angle = scene.somewhere(), scene.heading + rng.choice([0, np.pi / 2])
    columns, rows = int(rng.integers(2, 4)), int(rng.integers(3, 7))
    outline = _rectangle(center, columns * 36 + 6, rows * 15 + 6, angle)
    if not _claim(scene, outline):
        return
    _paint(scene, outline, scene.color(_SOILS), CLUTTER, grain=6, mottle=8)
    for column in range(columns):
        for row in range(rows):
            if rng.random() < 0.8:
                step = np.array([(column - (columns - 1) / 2) * 36, (row - (rows - 1) / 2) * 15])
                box = _rectangle(center + step @ _axes(angle), 32, 12, angle + rng.normal(0, 0.03))
                ribs = (angle + np.pi / 2, 4.0, 6.0)
                _paint(scene, box, scene.color(_CONTAINERS, 16), stripes=ribs, drop=4)


def _draw_cars(scene: _Scene, parked: list[tuple[np.ndarray, float]]) -> None:
    rng, used = scene.rng, np.zeros(scene.labels.shape, bool)
    inside = [(place, angle) for place, angle in parked if _draw_car(scene, place, angle, used)]
    missing = round(scene.area * _CAR_SHARE / 215) - len(inside)
    for _ in range(30 * max(missing, 1)):
        if missing <= 0:
            break
        road = scene.roads[rng.integers(len(scene.roads))]
        spot, side = int(rng.integers(len(road.points))), rng.choice([-1, 1])
        lane = rng.choice([road.half - 6.5, road.half * 0.45], p=[0.75, 0.25])
        angle = np.arctan2(*road.tangents[spot][::-1]) + rng.normal(0, 0.03)
        missing -= _draw_car(scene, road.beside(side * lane)[spot], angle, used)


def _draw_car(scene: _Scene, center: np.ndarray, angle: float, used: np.ndarray) -> bool:
    """Draw one car of about 22 x 10 pixels unless it would touch another or leave the scene."""
    rng = scene.rng
    length, width = (22, 10) * rng.uniform(0.92, 1.1, 2)
    if rng.random() < 0.08:
        length, width = length * 1.3, width * 1.12
    box, inside = _window(scene, _rectangle(center, length + 4, width + 3, angle))
    if not inside.any() or used[box][inside].any():
        return False
    used[box][inside] = True
    corners = [[-1, -0.6], [-0.85, -1], [0.8, -1], [1, -0.6], [1, 0.6], [0.8, 1], [-0.85, 1]]
    outline = np.array([*corners, [-1, 0.6]]) * (length / 2, width / 2) @ _axes(angle) + center
    paint, ahead = scene.color(_CARS, 8), _axes(angle)[0]
    _paint(scene, outline, paint, CAR, grain=1.5, drop=3.5 * scene.shadow_length)
    for at, depth in ((0.17, 0.15), (-0.33, 0.1)):
        glass = _rectangle(center + at * length * ahead, depth * length, width * 0.76, angle)
        _paint(scene, glass, np.array([42, 48, 56]) + rng.normal(0, 6), grain=1)
    roof = _rectangle(center - 0.09 * length * ahead, 0.3 * length, width * 0.66, angle)
    _paint(scene, roof, paint * 1.08 + 5, grain=1)
    return True


@dataclass
class _House:
    """One wing, or two for an L shape (outlines [4, 2], the ridge along the first side)."""

    wings: list[np.ndarray]
    angle: float
    pitched: bool
    color: np.ndarray
    rise: float


def _place_houses(scene: _Scene) -> list[_House]:
    """Houses in rows along the roads, then larger ones in the blocks, where there is room."""
    rng, houses = scene.rng, []
    for road in scene.roads:
        for side in (-1, 1):
            spot = int(rng.integers(0, 6))
            while spot < len(road.points):
                setback = road.half + rng.uniform(36, 60)
                center = road.beside(side * setback)[spot]
                angle = float(np.arctan2(*road.tangents[spot][::-1]))
                length, width = rng.uniform((52, 38), (100, 56))
                houses += _plan_house(scene, center, length, width, angle)
                spot += int(rng.integers(2, 5))
    for _ in range(int(scene.area / 1500) + 6):
        angle = scene.heading + rng.choice([0, np.pi / 2])
        length, width = rng.uniform((46, 34), (125, 66))
        houses += _plan_house(scene, scene.somewhere(), length, width, angle)
    return houses


def _plan_house(
    scene: _Scene, center: np.ndarray, length: float, width: float, angle: float
) -> list[_House]:
    """The house, or nothing where there is no room."""
    rng, wings = scene.rng, [_rectangle(center, length, width, angle)]
    if not _is_free(scene, wings[0], margin=7):
        return []
    if length > 55 and rng.random() < 0.45:
        span = rng.uniform(0.38, 0.5) * length
        end, side = (length - span) / 2 * rng.choice([-1, 1]), rng.choice([-1, 1])
        middle = center + np.array([end, side * width * 0.45]) @ _axes(angle)
        wing = _rectangle(middle, width * rng.uniform(0.9, 1.15), span, angle + np.pi / 2)
        if _is_free(scene, wing, margin=5):
            wings.append(wing)
    for wing in wings:
        _take(scene, wing)
    pitched = bool(rng.random() < (0.75 if width < 54 else 0.35))
    return [_House(wings, angle, pitched, scene.color(_ROOFS), rng.uniform(14, 34))]


def _draw_gable(scene: _Scene, house: _House, wing: np.ndarray) -> None:
    """Two slopes, the one facing the sun lighter, courses of tiles, a ridge and chimneys."""
    rng = scene.rng
    ridge = (wing[[0, 1]] + wing[[3, 2]]) / 2
    along = wing[1] - wing[0]
    angle = float(np.arctan2(along[1], along[0]))
    hip = rng.choice([0.0, 0.18])
    ridge = ridge + np.array([1, -1])[:, None] * hip * (ridge[1] - ridge[0])
    slopes = ((wing[0], wing[1], ridge[1], ridge[0]), (wing[3], wing[2], ridge[1], ridge[0]))
    ends = ((wing[0], wing[3], ridge[0]), (wing[1], wing[2], ridge[1]))
    center = wing.mean(axis=0)
    for face in slopes + (ends if hip else ()):
        outline = np.array(face)
        outward = (outline[0] + outline[1]) / 2 - center
        lit = 1 + 0.26 * float(outward @ scene.sun) / np.linalg.norm(outward)
        courses = (angle if len(face) == 4 else angle + np.pi / 2, 4.2, 3.0)
        _paint(scene, outline, house.color * lit, BUILDING, grain=3, mottle=3, stripes=courses)
    _paint(scene, _rectangle(ridge.mean(axis=0), np.ptp(ridge @ _axes(angle)[0]), 1.2, angle),
           house.color * 1.25 + 8)  # fmt: skip
    for _ in range(int(rng.integers(0, 3))):
        place = center + rng.uniform(-0.3, 0.3, 2) @ (wing[1] - wing[0], wing[3] - wing[0])
        _paint(scene, _rectangle(place, 5, 4, angle), scene.color(_PAVING), drop=4)


def _draw_flat_roof(scene: _Scene, house: _House, wing: np.ndarray) -> None:
    """A parapet around gravel or sheeting, with vents, skylights and plant on top."""
    rng, center = scene.rng, wing.mean(axis=0)
    inner = center + (wing - center) * (1 - 5 / np.linalg.norm(wing - center, axis=1).max())
    _paint(scene, wing, house.color * 1.18 + 12, BUILDING)
    _paint(scene, inner, house.color * 0.55)
    _paint(scene, inner - scene.sun, house.color, grain=5, mottle=5)
    for _ in range(int(rng.integers(2, 7))):
        place = center + rng.uniform(-0.34, 0.34, 2) @ (wing[1] - wing[0], wing[3] - wing[0])
        box = _rectangle(place, rng.uniform(5, 12), rng.uniform(4, 8), house.angle)
        _paint(scene, box, scene.color(_PLANT, 14), drop=3)


def _draw_trees(scene: _Scene) -> None:
    """Single trees, rows along roads and small woods; crowns hang over walks and some roads."""
    rng, crowns, covered = scene.rng, [], 0.0
    keep_off = cv2.dilate(scene.taken, np.ones((5, 5), np.uint8))
    keep_off[scene.labels == LOW_VEG] = 0
    for _ in range(int(scene.area / 150)):
        if covered >= _TREE_SHARE * scene.area:
            break
        seat, size = scene.somewhere(), rng.uniform(8, 21)
        for _ in range(int(rng.integers(3, 12)) if rng.random() < 0.3 else 1):
            radius = size * rng.uniform(0.8, 1.2)
            if not _at(keep_off, seat, beyond=1):
                x, y = np.round(seat).astype(int)
                crowns.append((_blob(rng, seat, radius, 0.09), radius))
                keep_off[max(y - 9, 0) : y + 10, max(x - 9, 0) : x + 10] = 1
                covered += 2.6 * radius**2
            seat = seat + rng.normal(0, 1.1 * size, 2)
    _cast_shadows(scene, [(crown, 1.1 * radius) for crown, radius in crowns])
    for crown, radius in crowns:
        _draw_crown(scene, crown, radius)


def _draw_crown(scene: _Scene, crown: np.ndarray, radius: float) -> None:
    """A dome of leaves: lit from the sun's side, with clumps and dark gaps."""
    box, inside = _window(scene, crown)
    x, y = _coordinates(box, crown.mean(axis=0), 0.0) / np.float32(radius)
    lit = 1 + 0.34 * (x * scene.sun[0] + y * scene.sun[1]) - 0.16 * (x**2 + y**2)
    clumps = _noise(scene.rng, *inside.shape, 4.5)
    lit = lit + 0.16 * clumps + 0.07 * scene.fine[box] - 0.3 * (clumps < -1.1)
    color = scene.color(scene.crowns, 7)
    scene.image[box][inside] = (color * np.clip(lit, 0.25, 1.8)[..., None])[inside]
    scene.labels[box][inside] = TREE


def _photograph(scene: _Scene) -> np.ndarray:
    """Light, haze, color cast, vignette, gamma, blur and noise of one flight; uint8 [H, W, 3]."""
    rng, (height, width) = scene.rng, scene.labels.shape
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    slope = rng.uniform(-0.1, 0.1, 2)
    light = rng.uniform(0.72, 1.25) * (1 + slope[0] * x + slope[1] * y)
    light = light * (1 - rng.uniform(0, 0.12) * (x**2 + y**2))
    cast = rng.uniform(0.88, 1.12, 3).astype(np.float32)
    image = scene.image * light[..., None].astype(np.float32) * cast + rng.uniform(0, 22)
    image = 255 * np.power(np.clip(image / 255, 0, 1), np.float32(rng.uniform(0.8, 1.25)))
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 0.9))
    image += rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(1.5, 5))
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)
