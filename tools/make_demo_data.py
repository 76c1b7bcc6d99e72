"""Paint a synthetic data set as Vaihingen, Potsdam, LoveDA, a plain folder or an orthophoto.

Example:
    python tools/make_demo_data.py --output data/demo --layout vaihingen --seed 0
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import cv2
import numpy as np
import yaml
from rasterio.crs import CRS
from rasterio.errors import CRSError

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from network.cli import ScriptParser, reports_faults
from network.datasets.catalog import (
    LOVEDA,
    LOVEDA_NUMBERS,
    POTSDAM,
    POTSDAM_TILES,
    VAIHINGEN,
    VAIHINGEN_TILES,
    DatasetSpec,
    TileTable,
)
from network.datasets.colors import decode_colors
from network.errors import ConfigError
from network.files.images import write_image
from network.files.staging import staged_outputs
from network.preparation.demo_orthophoto import AREA, IMAGE, LABELS, write_orthophoto
from network.preparation.demo_scenes import (
    BUILDING,
    CAR,
    CLUTTER,
    IM_SURF,
    LOW_VEG,
    TREE,
    draw_scene,
)

MIN_SIDE, MAX_SIDE, MAX_PIXELS = 64, 16384, 2**27
MAX_IMAGES = 999
BORDER_RADIUS = 3
FIELD_DISTANCE = 14
"""LowVeg at least so many pixels away from roads and houses is a field, not a garden."""
WATER_ROUGHNESS = 1.3
"""Clutter whose median slope of gray values, smoothed, stays below is water, not bare ground."""


class DemoWriter:
    """Draws and writes the scenes of one data set and counts files and classes."""

    def __init__(self, spec: DatasetSpec, folder: Path, seed: int, size: tuple[int, int]) -> None:
        """Keep what all scenes share.

        Args:
            spec: the data set's classes.
            folder: to write to.
            seed: of the data set; each scene's own seed follows from it and the scene's name.
            size: height and width.
        """
        self.spec, self.folder, self.seed, self.size = spec, folder, seed, size
        self.files: Counter[str] = Counter()
        self.pixels = np.zeros(spec.num_classes, np.int64)

    def draw(self, name: str, jitter: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Draw the scene called ``name``: RGB uint8 [H, W, 3], demo classes uint8 [H, W].

        With ``jitter``, height and width differ from ``size`` by up to that part, and no side is a
        multiple of 16.
        """
        key = crc32(name.encode())
        height, width = self.size
        if jitter:
            rng = np.random.default_rng([self.seed, key, 1])
            height, width = (_odd_side(side * rng.uniform(1 - jitter, 1 + jitter))
                             for side in self.size)  # fmt: skip
        scene_seed = int(np.random.SeedSequence([self.seed, key]).generate_state(1, np.uint64)[0])
        return draw_scene(height, width, scene_seed)

    def write(self, path: str, image: np.ndarray) -> None:
        """Write ``folder/path`` whole or not at all; uint8 RGB [H, W, 3] or gray [H, W]."""
        write_image(self.folder / path, image)
        self.files[str(Path(path).parent)] += 1

    def count(self, indices: np.ndarray) -> None:
        """Add a mask of class indices [H, W] to the class shares; what is no class is left out."""
        self.pixels += np.bincount(indices.ravel(), minlength=256)[: self.spec.num_classes]

    def summary(self) -> str:
        """Files per folder and share of each class."""
        folders = [f"  {path}: {n} file{'s' * (n > 1)}" for path, n in self.files.items()]
        shares = 100 * self.pixels / max(int(self.pixels.sum()), 1)
        classes = (f"{c} {s:.1f} %" for c, s in zip(self.spec.classes, shares, strict=True))
        return "\n".join([*folders, "  classes: " + ", ".join(classes)])


def write_vaihingen(writer: DemoWriter, train: int, test: int) -> None:
    """Write tiles of varying sizes with colored masks, and the test masks without borders."""
    for split, tiles in _chosen_tiles(VAIHINGEN_TILES, train, test):
        for tile in tiles:
            name = f"top_mosaic_09cm_area{tile}"
            image, mask = writer.draw(name, jitter=0.08)
            _write_tile(writer, split, image, mask, (name, name, f"{name}_noBoundary"))


def write_potsdam(writer: DemoWriter, train: int, test: int) -> None:
    """Write tiles of one size with colored masks, and the test masks without borders."""
    for split, tiles in _chosen_tiles(POTSDAM_TILES, train, test):
        for tile in tiles:
            name = f"top_potsdam_{tile}"
            image, mask = writer.draw(name)
            names = (f"{name}_RGB", f"{name}_label", f"{name}_label_noBoundary")
            _write_tile(writer, split, image, mask, names)


def write_loveda(writer: DemoWriter, images: int) -> None:
    """Write that many images for each split and domain; every third has a no-data corner."""
    for split, numbers in LOVEDA_NUMBERS.items():
        folder = split.capitalize()
        number = numbers.start
        for domain in ("Rural", "Urban"):
            for _ in range(images):
                image, mask = writer.draw(f"loveda_{number}")
                labels = loveda_labels(image, mask)
                if number % 3 == 0:
                    _cut_corner(image, labels)
                writer.write(f"{folder}/{domain}/images_png/{number}.png", image)
                if split != "test":
                    writer.write(f"{folder}/{domain}/masks_png/{number}.png", labels)
                    writer.count(labels - 1)
                number += 1


def write_folder(writer: DemoWriter, images: int) -> None:
    """Write JPEG images, colored PNG masks and dataset.yaml; every fourth image is held out."""
    for index in range(images):
        name = f"scene_{index:03d}" + ("_val" if index % 4 == 1 else "")
        image, mask = writer.draw(name)
        writer.write(f"images/{name}.jpg", image)
        writer.write(f"masks/{name}.png", decode_colors(mask, writer.spec))
        writer.count(mask)
    spec = writer.spec
    settings = {
        "classes": {name: list(c) for name, c in zip(spec.classes, spec.palette, strict=True)},
        "ignore_colors": [list(color) for color in spec.ignore_colors],
        "val": "*_val*",
    }
    text = yaml.safe_dump(settings, sort_keys=False, default_flow_style=None)
    (writer.folder / "dataset.yaml").write_text(text, encoding="utf-8")
    writer.files["dataset.yaml"] = 1


def write_single(writer: DemoWriter, labels_crs: str, bands: int, bits: int) -> None:
    """Write one orthophoto with polygons of its classes, and an area to validate on."""
    image, mask = writer.draw("orthophoto")
    try:
        crs = CRS.from_user_input(labels_crs)
    except CRSError as error:
        raise ConfigError(f"--labels-crs {labels_crs}: no CRS, such as EPSG:4326") from error
    writer.count(write_orthophoto(writer.folder, image, mask, crs, bands, bits, writer.seed))
    for name in (IMAGE, LABELS, AREA):
        writer.files[name] = 1


TILED = {
    "vaihingen": (VAIHINGEN, write_vaihingen, VAIHINGEN_TILES),
    "potsdam": (POTSDAM, write_potsdam, POTSDAM_TILES),
}
UNTILED = {"loveda": (LOVEDA, write_loveda), "folder": (VAIHINGEN, write_folder)}


def without_borders(mask: np.ndarray, ignore_index: int, radius: int = BORDER_RADIUS) -> np.ndarray:
    """Ignore pixels with another class within ``radius``; uint8 [H, W] -> uint8 [H, W]."""
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disc = (x**2 + y**2 <= radius**2).astype(np.uint8)
    uniform = cv2.erode(mask, disc) == cv2.dilate(mask, disc)
    return np.where(uniform, mask, np.uint8(ignore_index))


def loveda_labels(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Turn demo classes into raw LoveDA labels (1 background ... 7 agricultural).

    Cars count as road, gardens as background; clutter is water where it looks smooth, else barren.

    Shapes: RGB uint8 [H, W, 3], uint8 [H, W] -> uint8 [H, W].
    """
    raw = {name: label for label, name in enumerate(LOVEDA.classes, start=1)}
    table = np.zeros(256, np.uint8)
    table[[IM_SURF, BUILDING, LOW_VEG]] = raw["road"], raw["building"], raw["background"]
    table[[TREE, CAR, CLUTTER]] = raw["forest"], raw["road"], raw["barren"]
    labels = table[mask]
    open_ground = np.isin(mask, (LOW_VEG, TREE)).astype(np.uint8)
    distance = cv2.distanceTransform(open_ground, cv2.DIST_L2, 5)
    labels[(mask == LOW_VEG) & (distance >= FIELD_DISTANCE)] = raw["agricultural"]
    gray = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 2)
    slope = np.hypot(*np.gradient(gray))
    count, patches = cv2.connectedComponents((mask == CLUTTER).astype(np.uint8))
    for patch in range(1, count):
        inside = patches == patch
        if np.median(slope[inside]) < WATER_ROUGHNESS:
            labels[inside] = raw["water"]
    return labels


@reports_faults
def main(argv: list[str] | None = None) -> None:
    """Parse the command line, write the data set and say what was written."""
    args = _parse(argv)
    if args.seed < 0:
        raise ConfigError(f"--seed {args.seed}: it must not be negative")
    height, width = args.size
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in args.size):
        raise ConfigError(f"--size {height} {width}: both must be from {MIN_SIDE} to {MAX_SIDE}")
    if height * width > MAX_PIXELS:
        raise ConfigError(
            f"--size {height} {width}: {height * width / 1e6:.0f} megapixels, and a scene is drawn "
            f"in memory; at most {MAX_PIXELS / 1e6:.0f}"
        )
    if args.layout in TILED:
        spec, write, table = TILED[args.layout]
        if args.images is not None:
            raise ConfigError(f"--images is not for {args.layout}: use --train-tiles, --test-tiles")
        numbers = (
            _number("--train-tiles", args.train_tiles, 6, (2, len(table.train))),
            _number("--test-tiles", args.test_tiles, 3, (1, len(table.test))),
        )
    elif args.layout == "orthophoto":
        spec, write = VAIHINGEN, write_single
        if args.images is not None or args.train_tiles is not None or args.test_tiles is not None:
            raise ConfigError("orthophoto is a single image: leave --images and --...-tiles out")
        numbers = (args.labels_crs, args.bands, args.bits)
    else:
        spec, write = UNTILED[args.layout]
        if args.train_tiles is not None or args.test_tiles is not None:
            raise ConfigError(f"{args.layout} has no tiles: use --images")
        numbers = (_number("--images", args.images, 8, (2, MAX_IMAGES)),)
    with staged_outputs(args.output) as aside:
        writer = DemoWriter(spec, aside, args.seed, tuple(args.size))
        write(writer, *numbers)
    print(f"{args.output}:\n{writer.summary()}")


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = ScriptParser(__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    parser.add_argument("--layout", choices=[*TILED, *UNTILED, "orthophoto"], default="vaihingen")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--size", type=int, nargs=2, default=(512, 640), metavar=("HEIGHT", "WIDTH"),
        help="of an image; Vaihingen tiles vary around it (default: 512 640)",
    )  # fmt: skip
    parser.add_argument(
        "--train-tiles", type=int, help="vaihingen, potsdam: training tiles, validation tile "
        "included (default: 6)"
    )  # fmt: skip
    parser.add_argument("--test-tiles", type=int, help="vaihingen, potsdam (default: 3)")
    parser.add_argument(
        "--images", type=int, help="loveda: images for each split and domain; folder: images in "
        "all (default: 8)"
    )  # fmt: skip
    only = {"needs": "--layout orthophoto"}
    parser.add_argument(
        "--bands", type=int, choices=(3, 4), default=4, help="orthophoto: the fourth is near "
        "infrared (default: 4)", **only
    )  # fmt: skip
    parser.add_argument(
        "--bits", type=int, choices=(8, 16), default=16, help="orthophoto (default: 16)", **only
    )
    parser.add_argument(
        "--labels-crs", default="EPSG:4326", help="orthophoto: CRS of the polygons (default: "
        "EPSG:4326; the image is in EPSG:32632)", **only
    )  # fmt: skip
    return parser.parse_args(argv)


def _number(option: str, given: int | None, default: int, limits: tuple[int, int]) -> int:
    number = default if given is None else given
    if not limits[0] <= number <= limits[1]:
        raise ConfigError(f"{option} {number}: it must be from {limits[0]} to {limits[1]}")
    return number


def _chosen_tiles(table: TileTable, train: int, test: int) -> Iterator[tuple[str, list[str]]]:
    """Tiles of ``train``, those of the validation first, and of ``test``."""
    training = [*table.val, *(tile for tile in table.train if tile not in table.val)]
    yield "train", training[:train]
    yield "test", list(table.test[:test])


def _odd_side(side: float) -> int:
    """A whole number near ``side``, not below the least side, that no patch size divides."""
    side = max(round(side), MIN_SIDE)
    return side + 5 if side % 16 == 0 else side


def _write_tile(
    writer: DemoWriter, split: str, image: np.ndarray, mask: np.ndarray, names: tuple[str, ...]
) -> None:
    image_name, mask_name, eroded_name = names
    writer.write(f"{split}_images/{image_name}.tif", image)
    writer.write(f"{split}_masks/{mask_name}.tif", decode_colors(mask, writer.spec))
    if split == "test":
        eroded = decode_colors(without_borders(mask, writer.spec.ignore_index), writer.spec)
        writer.write(f"{split}_masks_eroded/{eroded_name}.tif", eroded)
    writer.count(mask)


def _cut_corner(image: np.ndarray, labels: np.ndarray) -> None:
    """Make the upper left corner no-data: black, label 0."""
    height, width = labels.shape
    corner = np.add.outer(np.arange(height) / height, np.arange(width) / width) < 0.25
    image[corner] = 0
    labels[corner] = 0


if __name__ == "__main__":
    main()
