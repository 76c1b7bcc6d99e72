"""ISPRS Vaihingen and Potsdam: the patches cut from the publisher's tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from network.datasets.bands import band_facts
from network.datasets.catalog import (
    POTSDAM,
    POTSDAM_TILES,
    VAIHINGEN,
    VAIHINGEN_TILES,
    DatasetSpec,
    TileTable,
)
from network.datasets.isprs_masks import find_references
from network.datasets.isprs_tiles import IsprsTiles, TileFiles, merged
from network.datasets.layout import (
    DatasetLayout,
    Item,
    Report,
    Sample,
    check_split,
    listed,
    pair_files,
    refuse,
)
from network.datasets.patch_record import Cut, described, read_record
from network.datasets.tile_items import (
    PATCHES,
    TILES,
    cache_of,
    check_held_out,
    checked_source,
    tile_items,
)
from network.errors import ConfigError, DataError
from network.files.images import list_images

COLORED_SUFFIX = "_rgb"

MASK_SUFFIXES = ("", COLORED_SUFFIX, "_full", "_eroded")


class IsprsDataset(DatasetLayout):
    """Patches named TILE_ROW_COL with masks of class indices.

    ``root/train/images_SIZE`` and ``root/train/masks_SIZE`` hold the training area, of which whole
    tiles are held out for validation; ``root/test/...`` alike the test area. There, ``masks_SIZE``,
    ``masks_SIZE_rgb`` (colors), ``masks_SIZE_full`` and ``masks_SIZE_eroded`` count; the splitter's
    record or, without one, what lies in the masks tells whether they are full or eroded.

    Args:
        root: folder of the dataset; without it, ``data/NAME``.
        patch_size: SIZE in the names of the folders.
        val_tiles: tiles held out for validation; without it, the dataset's own choice.
        validate_on_test: choose checkpoints on the test tiles, as some published numbers do, and
            train on all tiles of the training area.
        name: of the dataset, for output folders.
        mean, std: normalisation of the bands of images scaled to 0..1.
        bands, band_names, display: of patches that have other bands than three, as ``Bands``.
        cache: keep decoded images in memory (of every loading process), or ``disk`` for copies of
            which only the window is read; without it, that for ``tiles`` and neither for patches.
        source: ``patches``, or ``tiles`` for the publisher's own (``root/train_images``,
            ``root/train_masks``, ``root/test_images``, ...), which need no patches: training draws
            windows anywhere in them, as many an epoch as there would be patches; validation sees
            the held-out tiles in windows of ``patch_size`` that do not overlap; tests see whole
            tiles.

    Raises:
        ConfigError: validation tiles that are not in the training area, bands that cannot be.
    """

    SPEC: ClassVar[DatasetSpec]
    TILES: ClassVar[TileTable]
    FILES: ClassVar[TileFiles]
    STRIDE: ClassVar[float] = 1.0
    """Of training patches, as the commands in the README cut them, in sides of a patch."""

    def __init__(
        self,
        root: str | Path | None = None,
        patch_size: int = 1024,
        val_tiles: Sequence[str] | None = None,
        validate_on_test: bool = False,
        name: str | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        bands: Sequence[int] | None = None,
        band_names: Sequence[str] | None = None,
        display: Sequence[int] | None = None,
        cache: bool | str | None = None,
        source: str = PATCHES,
    ) -> None:
        self.ignore_values = (self.SPEC.ignore_index,)
        given = {"mean": mean, "std": std, "bands": bands, "band_names": band_names}
        facts = band_facts(given | {"display": display})
        self.spec = replace(self.SPEC, name=name or self.SPEC.name, **facts)
        self.root = Path("data") / self.SPEC.name if root is None else Path(root)
        self.patch_size = patch_size
        self.source = checked_source(source)
        self.masks = "color" if source == TILES else "index"
        self.cache = cache_of(source, cache)
        self.validate_on_test = validate_on_test
        if validate_on_test and val_tiles:
            raise ConfigError("validate_on_test and val_tiles exclude each other; leave one out")
        held_out = self.TILES.val if val_tiles is None else val_tiles
        self.val_tiles = () if validate_on_test else tuple(held_out)
        check_held_out(self.val_tiles, self.TILES)
        self._references: dict[str, list[Path]] | None = None

    def samples(self, split: str, report: Report = refuse) -> list[Sample]:
        """The samples of a split (see ``DatasetLayout.samples``)."""
        check_split(split)
        if split == "test":
            return self._test_samples(report)
        if split == "val" and self.validate_on_test:
            tests = self._test_samples(report)
            return [
                sample._replace(mask=sample.mask or sample.eroded, eroded=None) for sample in tests
            ]
        area = self.root / ("train_images" if self.source == TILES else "train")
        if self.source == TILES:
            pairs = self._whole_tiles().found("train", report)
        else:
            images = self._images(area, self.TILES.train, report)
            masks = list_images(area / f"masks_{self.patch_size}")
            pairs = pair_files(images, masks, report=report)
        chosen = [p for p in pairs if (self.tile(p) in self.val_tiles) == (split == "val")]
        if not chosen:
            raise DataError(
                f"{area}: no {'tile' if self.source == TILES else 'patch'} is left for {split!r} "
                f"with the tiles {', '.join(self.val_tiles) or '(none)'} held out for validation"
            )
        return chosen

    def items(self, split: str, samples: Sequence[Sample]) -> list[Item]:
        """Of tiles: one for every patch that training would have; windows of those held out."""
        if self.source != TILES:
            return super().items(split, samples)
        stride = max(1, round(self.patch_size * self.STRIDE))
        return tile_items(split, samples, self.patch_size, stride)

    def tile(self, sample: Sample) -> str:
        """Id of the tile that a patch was cut from, or of a tile."""
        if self.source == TILES:
            return sample.name.removeprefix(self.FILES.prefix)
        return self.FILES.tile(sample.name)

    def missing(self, split: str, samples: Sequence[Sample]) -> list[str]:
        """Official tiles of the split without a patch."""
        found = {self.tile(sample) for sample in samples}
        return [tile for tile in self._tiles(split) if tile not in found]

    def patches(self, split: str) -> list[dict[str, Any]]:
        """Sizes, strides and scales that the splitter noted."""
        return described(cut for found in self._cuts(split).values() for cut in found)

    def counts_once(self, split: str, samples: Sequence[Sample]) -> bool:
        """Whether the splitter noted for every tile that its patches do not overlap."""
        if self.source == TILES:
            return True
        cuts = self._cuts(split)
        tiles = {self.tile(sample) for sample in samples}
        noted = [cut for found in cuts.values() for cut in found]
        return tiles <= cuts.keys() and not any(c.overlaps or c.scale != 1 for c in noted)

    def raw(self) -> DatasetLayout | None:
        """The publisher's tiles, where they lie beside the patches."""
        tiles = self._whole_tiles()
        if self.source == TILES:
            return None
        return tiles if any(tiles.folders(split) for split in ("train", "test")) else None

    def scenes(self) -> list[Sample]:
        """The publisher's test tiles, where they lie beside the patches.

        Raises:
            DataError: two kinds of images, of which only one can be what the patches were cut from.
        """
        tiles = self._whole_tiles()
        if self.source == TILES or not tiles.folders("test"):
            return []
        tiles.check_kinds("test")
        return tiles.samples("test")

    def protocol(self) -> dict[str, Any]:
        """The tiles of the validation, and whether whole tiles were read."""
        source = {"source": TILES} if self.source == TILES else {}
        return source | {
            "validation": "test tiles" if self.validate_on_test else "tiles of the training area",
            "val_tiles": list(self._tiles("val")),
            "validate_on_test": self.validate_on_test,
        }

    def is_colored(self, path: Path) -> bool:
        """Masks of indices, but for whole tiles and folders whose name ends in ``_rgb``."""
        return self.source == TILES or path.parent.name.endswith(COLORED_SUFFIX)

    def _whole_tiles(self) -> IsprsTiles:
        return IsprsTiles(self.spec, self.root, self.FILES, self.TILES)

    def _tiles(self, split: str) -> tuple[str, ...]:
        """Official tiles of a split."""
        return {
            "train": tuple(tile for tile in self.TILES.train if tile not in self.val_tiles),
            "val": self.TILES.test if self.validate_on_test else self.val_tiles,
            "test": self.TILES.test,
        }[split]

    def _images(self, area: Path, tiles: Sequence[str], report: Report) -> list[Path]:
        """The patches of an area.

        Raises:
            DataError: some are of tiles that do not belong there, unless ``report`` takes it.
        """
        paths = list_images(area / f"images_{self.patch_size}")
        found = {self.FILES.tile(path.stem) for path in paths}
        other = sorted(found & ({*self.TILES.train, *self.TILES.test} - {*tiles}))
        unknown = sorted(found - {*self.TILES.train, *self.TILES.test, *self.TILES.faulty})
        if other:
            kind = "test" if area.name == "train" else "training"
            report(
                DataError(
                    f"{paths[0].parent} has patches of the {kind} tiles {listed(other)}: a tile "
                    "must not be in two splits. Take them out"
                )
            )
        if unknown:
            report(
                DataError(
                    f"{paths[0].parent} has patches of unknown tiles: {listed(unknown)}. Patches "
                    f"of {self.SPEC.name} are named {self.FILES.prefix}ID_ROW_COL"
                )
            )
        faulty = {*self.TILES.faulty}
        return [path for path in paths if self.FILES.tile(path.stem) not in faulty]

    def _test_samples(self, report: Report) -> list[Sample]:
        if self.source == TILES:
            return self._whole_tiles().found("test", report)
        area = self.root / "test"
        images = self._images(area, self.TILES.test, report)
        overlapping = sorted(
            tile for tile, cuts in self._cuts("test").items() if any(c.overlaps for c in cuts)
        )
        if overlapping:
            report(
                DataError(
                    f"{area}: the patches of the tiles {listed(overlapping)} overlap, so pixels "
                    "would count several times; split them with --mode val"
                )
            )
        if self._references is None:
            folders = self._mask_folders(area)
            self._references = find_references(folders, self, self.FILES)
        return merged(
            {
                kind: pair_files(images, masks, report=report)
                for kind, masks in self._references.items()
            }
        )

    def _mask_folders(self, area: Path) -> list[Path]:
        suffixes = MASK_SUFFIXES if area.name == "test" else MASK_SUFFIXES[:1]
        return [area / f"masks_{self.patch_size}{suffix}" for suffix in suffixes]

    def _cuts(self, split: str) -> dict[str, list[Cut]]:
        """How the tiles of a split were cut, once for each mask folder, as far as it is noted."""
        at_test = split == "test" or (split == "val" and self.validate_on_test)
        tiles = self._tiles(split)
        cuts: dict[str, list[Cut]] = {}
        if self.source == TILES:
            return cuts
        for folder in self._mask_folders(self.root / ("test" if at_test else "train")):
            for name, cut in read_record(folder).items():
                tile = name.removeprefix(self.FILES.prefix)
                if tile in tiles:
                    cuts.setdefault(tile, []).append(cut)
        return cuts


class VaihingenDataset(IsprsDataset):
    """ISPRS Vaihingen, false-color (near infrared, red, green) at 9 cm; see ``IsprsDataset``."""

    SPEC = VAIHINGEN
    TILES = VAIHINGEN_TILES
    FILES = TileFiles("top_mosaic_09cm_area")
    STRIDE = 0.5


class PotsdamDataset(IsprsDataset):
    """ISPRS Potsdam, RGB, IRRG or RGBIR at 5 cm; see ``IsprsDataset``."""

    SPEC = POTSDAM
    TILES = POTSDAM_TILES
    FILES = TileFiles("top_potsdam_", ("_RGB", "_IRRG", "_RGBIR"), "_label", "_label_noBoundary")
