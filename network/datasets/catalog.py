"""What is known of a dataset beside its files: classes, colors, scored classes, official splits."""

from __future__ import annotations

from dataclasses import dataclass

from network.datasets.bands import Bands
from network.errors import ConfigError

Color = tuple[int, int, int]


@dataclass(frozen=True)
class Augmentation:
    """The passes of a test-time augmentation: their number is the product of all choices."""

    hflip: bool = False
    vflip: bool = False
    rotate90: bool = False
    scales: tuple[float, ...] = (1.0,)
    interpolation: str = "bilinear"

    def __str__(self) -> str:
        """The passes in words; nothing for a single plain one."""
        flips = {
            "horizontal flip": self.hflip,
            "vertical flip": self.vflip,
            "90-degree rotation": self.rotate90,
        }
        parts = [name for name, taken in flips.items() if taken]
        if tuple(self.scales) != (1.0,):
            parts.append(f"scales {', '.join(f'{scale:g}' for scale in self.scales)}")
        return ", ".join(parts)


PLAIN = Augmentation()
COMMON_AUGMENTATIONS = {"none": PLAIN, "lr": Augmentation(hflip=True, vflip=True)}
TTA_NAMES = (*COMMON_AUGMENTATIONS, "d4")
"""Values of ``-t``; the last one is each dataset's own."""


@dataclass(frozen=True)
class DatasetSpec(Bands):
    """The facts of a dataset that networks, losses, metrics and figures need.

    Those of its bands are keyword arguments, as of ``Bands``.

    Args:
        name: short name, used for folders.
        classes: class names in the order of their indices.
        palette: RGB color of each class.
        ignore_colors: RGB colors in masks that count as no class.
        unscored: classes that do not enter the means over classes (they do enter OA).
        d4: the passes of ``-t d4``.

    Raises:
        ConfigError: two classes of one name, or bands that cannot be (see ``Bands``).
    """

    name: str
    classes: tuple[str, ...]
    palette: tuple[Color, ...]
    ignore_colors: tuple[Color, ...] = ()
    unscored: tuple[str, ...] = ()
    d4: Augmentation = Augmentation(hflip=True, vflip=True, scales=(0.75, 1.0, 1.25, 1.5))

    def __post_init__(self) -> None:
        super().__post_init__()
        twice = {name for name in self.classes if self.classes.count(name) > 1}
        if twice:
            raise ConfigError(
                f"several classes are called {', '.join(map(repr, sorted(twice)))}; scores go by "
                "the names, so they must differ"
            )

    @property
    def num_classes(self) -> int:
        """Number of classes N."""
        return len(self.classes)

    @property
    def ignore_index(self) -> int:
        """Value of a mask pixel that counts as no class: N, the first index that is no class."""
        return len(self.classes)

    @property
    def scored(self) -> tuple[int, ...]:
        """Indices of the classes that enter the means."""
        return tuple(i for i, name in enumerate(self.classes) if name not in self.unscored)

    @property
    def ignore_color(self) -> Color:
        """What ignored pixels are painted in: the first of ``ignore_colors``, or black."""
        return self.ignore_colors[0] if self.ignore_colors else (0, 0, 0)

    def augmentation(self, name: str) -> Augmentation:
        """The passes behind one of ``TTA_NAMES``."""
        return (COMMON_AUGMENTATIONS | {"d4": self.d4})[name]


@dataclass(frozen=True)
class TileTable:
    """The official split of a dataset of large tiles.

    Args:
        train: tiles of the training area.
        val: those of them that are held out for validation here.
        test: tiles of the test area.
        faulty: tiles of the training area whose published labels are wrong; never used.
    """

    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]
    faulty: tuple[str, ...] = ()


_ISPRS_CLASSES = ("ImSurf", "Building", "LowVeg", "Tree", "Car", "Clutter")
_ISPRS_PALETTE = (
    (255, 255, 255),
    (0, 0, 255),
    (0, 255, 255),
    (0, 255, 0),
    (255, 255, 0),
    (255, 0, 0),
)
_ISPRS_BOUNDARY = ((0, 0, 0),)

VAIHINGEN = DatasetSpec(
    name="vaihingen",
    classes=_ISPRS_CLASSES,
    palette=_ISPRS_PALETTE,
    ignore_colors=_ISPRS_BOUNDARY,
    unscored=("Clutter",),
    d4=Augmentation(hflip=True, vflip=True, rotate90=True, scales=(0.5, 0.75, 1.0, 1.25, 1.5)),
)

POTSDAM = DatasetSpec(
    name="potsdam",
    classes=_ISPRS_CLASSES,
    palette=_ISPRS_PALETTE,
    ignore_colors=_ISPRS_BOUNDARY,
    unscored=("Clutter",),
)

LOVEDA = DatasetSpec(
    name="loveda",
    classes=("background", "building", "road", "water", "barren", "forest", "agricultural"),
    palette=(
        (255, 255, 255),
        (255, 0, 0),
        (255, 255, 0),
        (0, 0, 255),
        (159, 129, 183),
        (0, 255, 0),
        (255, 195, 128),
    ),
    ignore_colors=((0, 0, 0),),
    d4=Augmentation(hflip=True, scales=(0.75, 1.0, 1.25, 1.5), interpolation="bicubic"),
)

DUBAI_CLASSES = {
    "Building": (60, 16, 152),
    "Land": (132, 41, 246),
    "Road": (110, 193, 228),
    "Vegetation": (254, 221, 58),
    "Water": (226, 169, 41),
}
DUBAI_UNLABELED = ((155, 155, 155), (0, 0, 0))

VAIHINGEN_TILES = TileTable(
    train=tuple("1 3 5 7 11 13 15 17 21 23 26 28 30 32 34 37".split()),
    val=("30",),
    test=tuple("2 4 6 8 10 12 14 16 20 22 24 27 29 31 33 35 38".split()),
)

POTSDAM_TILES = TileTable(
    train=tuple(
        (
            "2_10 2_11 2_12 3_10 3_11 3_12 4_10 4_11 4_12 5_10 5_11 5_12 6_7 6_8 6_9 6_10 "
            "6_11 6_12 7_7 7_8 7_9 7_11 7_12"
        ).split()
    ),
    val=("2_10",),
    test=tuple("2_13 2_14 3_13 3_14 4_13 4_14 4_15 5_13 5_14 5_15 6_13 6_14 6_15 7_13".split()),
    faulty=("7_10",),
)

LOVEDA_NUMBERS = {"train": range(2522), "val": range(2522, 4191), "test": range(4191, 5987)}
"""File names of the official splits."""
