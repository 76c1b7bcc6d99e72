"""The publisher's whole tiles of ISPRS Vaihingen and Potsdam."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from network.datasets.catalog import DatasetSpec, TileTable
from network.datasets.layout import (
    DatasetLayout,
    Report,
    Sample,
    check_split,
    listed,
    pair_files,
    refuse,
)
from network.errors import DataError, MissingDataError
from network.files.images import list_images


@dataclass(frozen=True)
class TileFiles:
    """How the publisher names the files of a tile: prefix, id, suffix."""

    prefix: str
    image_suffixes: tuple[str, ...] = ("",)
    mask_suffix: str = ""
    eroded_suffix: str = "_noBoundary"

    def tile(self, patch: str) -> str:
        """Id of the tile that the patch PREFIX_ID_ROW_COL was cut from."""
        tile = patch.rsplit("_", 2)[0].removeprefix(self.prefix)
        for suffix in self.image_suffixes:
            tile = tile.removesuffix(suffix)
        return tile


class IsprsTiles(DatasetLayout):
    """The publisher's whole tiles with masks in colors, as ``tools/*_patch_split.py`` read them.

    ``root/{train,test}_images``, ``root/{train,test}_masks`` and ``root/test_masks_eroded``.

    Args:
        spec: of the dataset.
        root: its folder.
        files: how the publisher names them.
        tiles: the official split.
    """

    masks = "color"

    def __init__(self, spec: DatasetSpec, root: Path, files: TileFiles, tiles: TileTable) -> None:
        self.spec = spec
        self.root = root
        self.files = files
        self.tiles = tiles

    def folders(self, split: str) -> list[Path]:
        """The image folder and the mask folders of a split, or nothing where some are missing."""
        images, masks = (self.root / f"{split}_{kind}" for kind in ("images", "masks"))
        found = [path for path in (masks, self.root / f"{split}_masks_eroded") if path.is_dir()]
        return [images, *found] if images.is_dir() and found else []

    def samples(self, split: str, report: Report = refuse) -> list[Sample]:
        """The tiles of a split; of two kinds of images the first counts."""
        check_split(split)
        folders = self.folders(split)
        if not folders:
            return []
        images, *mask_folders = folders
        names = {path.stem for path in list_images(images)}
        suffix = next(
            (s for s in self.files.image_suffixes if any(name.endswith(s) for name in names)), ""
        )
        pairs: dict[str, list[Sample]] = {}
        for folder in mask_folders:
            eroded = folder.name.endswith("_eroded")
            found = pair_tiles(self.files, images, folder, suffix, eroded, report)
            kind = "eroded" if eroded else "mask"
            pairs[kind] = [pair for pair in found if self.tile(pair) not in self.tiles.faulty]
        samples = merged(pairs)
        allowed = self.tiles.test if split == "test" else self.tiles.train
        strange = sorted({self.tile(s) for s in samples} - {*allowed})
        if strange:
            report(DataError(f"{images}: {listed(strange)} are no {split} tiles; take them out"))
        return samples

    def found(self, split: str, report: Report = refuse) -> list[Sample]:
        """The tiles of a split to train or test on themselves.

        Raises:
            MissingDataError: they are not there.
            DataError: images of several kinds, of which nothing tells which is meant.
        """
        if not self.folders(split) or (split == "train" and not self.folders(split)[1].is_dir()):
            raise MissingDataError(
                f"no folders {self.root / f'{split}_images'} and {self.root / f'{split}_masks'} "
                "with the publisher's tiles, which dataset.source='tiles' reads"
            )
        self.check_kinds(*(each for each in ("train", "test") if self.folders(each)))
        return self.samples(split, report)

    def check_kinds(self, *splits: str) -> None:
        """Refuse splits with several kinds of images, as RGB and IRRG.

        Raises:
            DataError: naming the folders.
        """
        folders = [self.folders(split)[0] for split in splits]
        stems = [path.stem for folder in folders for path in list_images(folder)]
        suffixes = [s for s in self.files.image_suffixes if s and any(x.endswith(s) for x in stems)]
        if len(suffixes) > 1:
            raise DataError(
                f"{' and '.join(map(str, folders))}: there are "
                f"{' and '.join(f'*{suffix}' for suffix in suffixes)} images, and nothing tells "
                "which are meant (of patches: which they were cut from); leave one kind there"
            )

    def missing(self, split: str, samples: Sequence[Sample]) -> list[str]:
        """Official tiles of the split that are not there."""
        official = {"train": self.tiles.train, "test": self.tiles.test}
        found = {self.tile(sample) for sample in samples}
        return [tile for tile in official.get(split, ()) if tile not in found]

    def tile(self, sample: Sample) -> str:
        """Id of a tile."""
        return sample.name.removeprefix(self.files.prefix)


def merged(pairs: Mapping[str, Sequence[Sample]]) -> list[Sample]:
    """Pairs of an image with one kind of mask each, as samples with both kinds."""
    samples: dict[str, Sample] = {}
    for kind, found in pairs.items():
        for pair in found:
            sample = samples.get(pair.name, Sample(pair.name, pair.image, None))
            samples[pair.name] = sample._replace(**{kind: pair.mask})
    return [samples[name] for name in sorted(samples)]


def pair_tiles(
    files: TileFiles,
    image_folder: Path,
    mask_folder: Path,
    image_suffix: str = "",
    eroded: bool = False,
    report: Report = refuse,
) -> list[Sample]:
    """The publisher's tiles with their masks.

    Args:
        files: how they are named.
        image_folder, mask_folder: where they lie.
        image_suffix: which of several images of a tile, as ``_RGB``.
        eroded: take the ``*_noBoundary`` masks; else the others.
        report: takes faults; without it they are raised.

    Raises:
        MissingDataError: a folder that is not there.
        DataError: no file of the kind asked for, a tile without a mask or a mask without a tile
            (names listed).
    """
    images = [
        path
        for path in list_images(image_folder)
        if not any(path.stem.endswith(s) for s in files.image_suffixes if s != image_suffix and s)
    ]
    mask_suffix = files.eroded_suffix if eroded else files.mask_suffix
    masks = [
        path
        for path in list_images(mask_folder)
        if path.stem.endswith(files.eroded_suffix) == eroded
    ]
    if not images:
        raise DataError(f"no image *{image_suffix} in {image_folder}, but others: "
                               "is --rgb-image (or --bands 4) left out or too much?")  # fmt: skip
    if not masks:
        raise DataError(
            f"no mask *{mask_suffix} in {mask_folder}, but "
            + (
                "others: are they full masks? Then leave out --eroded"
                if eroded
                else "*_noBoundary ones: are they eroded masks? Then add --eroded"
            )
        )
    return pair_files(images, masks, image_suffix, mask_suffix, report)
