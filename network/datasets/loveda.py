"""LoveDA: rural and urban images with masks that ``tools/loveda_mask_convert.py`` prepared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from network.datasets.bands import IMAGENET_MEAN, IMAGENET_STD
from network.datasets.catalog import LOVEDA, LOVEDA_NUMBERS
from network.datasets.layout import (
    DatasetLayout,
    Report,
    Sample,
    check_split,
    checked_cache,
    listed,
    pair_files,
    refuse,
)
from network.errors import DataError, MissingDataError
from network.files.images import list_images

DOMAINS = ("Rural", "Urban")
FOLDERS = {"train": "Train", "val": "Val", "test": "Test"}
NO_DATA = 0
"""Raw label of pixels without a class; the classes follow from 1."""


class LoveDADataset(DatasetLayout):
    """``root/{Train,Val}/{Rural,Urban}/{images_png,masks_png_convert}``, ``root/Test/...``.

    The test images have no published labels. Samples are named DOMAIN/NUMBER.

    Args:
        root: folder of the dataset.
        train_on_val: train on Train and Val, for a submission to the online test; scores on Val
            say nothing then.
        name: of the dataset, for output folders.
        mean, std: normalisation of the bands of images scaled to 0..1.
        cache: keep decoded images in memory (of every loading process), or ``disk`` for copies of
            which only the window is read.

    Raises:
        ConfigError: a normalisation that is none, or such a cache.
    """

    mask_folder = "masks_png_convert"
    ignore_values = (LOVEDA.ignore_index,)

    def __init__(
        self,
        root: str | Path = "data/LoveDA",
        train_on_val: bool = False,
        name: str = LOVEDA.name,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        cache: bool | str = False,
    ) -> None:
        self.spec = replace(LOVEDA, name=name, mean=tuple(mean), std=tuple(std))
        self.root = Path(root)
        self.cache = checked_cache(cache)
        self.train_on_val = train_on_val

    def samples(self, split: str, report: Report = refuse) -> list[Sample]:
        """The samples of a split (see ``DatasetLayout.samples``)."""
        check_split(split)
        own = self._listed(split, report)
        if split == "train":
            self._check_overlap(own, report)
            if self.train_on_val:
                own += self._listed("val", report)
        return sorted(own)

    def missing(self, split: str, samples: Sequence[Sample]) -> list[str]:
        """Official numbers of the split without an image."""
        splits = ("train", "val") if split == "train" and self.train_on_val else (split,)
        found = {Path(sample.name).name for sample in samples}
        numbers = (str(number) for part in splits for number in LOVEDA_NUMBERS[part])
        return [number for number in numbers if number not in found]

    def raw(self) -> DatasetLayout | None:
        """The publisher's masks, where they lie beside the converted ones."""
        raw = LoveDARaw(self.root)
        return raw if any(raw.has_masks(split) for split in ("train", "val")) else None

    def protocol(self) -> dict[str, Any]:
        """Whether Val was trained on."""
        return {"validation": "Val", "train_on_val": self.train_on_val}

    def has_masks(self, split: str) -> bool:
        """Whether every domain of a split has its folder of masks."""
        folder = self.root / FOLDERS[split]
        return all((folder / domain / self.mask_folder).is_dir() for domain in DOMAINS)

    def _listed(self, split: str, report: Report) -> list[Sample]:
        samples = []
        for domain in DOMAINS:
            folder = self.root / FOLDERS[split] / domain
            images = list_images(folder / "images_png")
            if split == "test":
                pairs = [Sample(path.stem, path, None) for path in images]
            else:
                pairs = pair_files(images, self._masks(folder), report=report)
            samples += [pair._replace(name=f"{domain}/{pair.name}") for pair in pairs]
        return samples

    def _masks(self, folder: Path) -> list[Path]:
        masks = folder / self.mask_folder
        if not masks.is_dir() and (folder / "masks_png").is_dir():
            raise MissingDataError(
                f"no folder {masks}; make it: python tools/loveda_mask_convert.py "
                f"--mask-dir {folder / 'masks_png'} --output-mask-dir {masks}"
            )
        return list_images(masks)

    def _check_overlap(self, train: list[Sample], report: Report) -> None:
        """Refuse images of Train that are in Val or Test too.

        Raises:
            DataError: naming them, unless ``report`` takes it.
        """
        names = {Path(sample.name).name for sample in train}
        for split in ("val", "test"):
            folder = self.root / FOLDERS[split]
            other = {path.stem for path in folder.glob("*/images_png/*.png")}
            other |= {str(number) for number in LOVEDA_NUMBERS[split]}
            if names & other:
                report(
                    DataError(
                        f"images of {FOLDERS[split]} in {self.root / 'Train'}: "
                        f"{listed(sorted(names & other))}. Take them out"
                        + ("; to train on Val too, say so by dataset.train_on_val=True"
                           if split == "val" else "")
                    )
                )  # fmt: skip


class LoveDARaw(LoveDADataset):
    """LoveDA with the masks as they are published: 0 is no data, 1..7 are the classes."""

    mask_folder = "masks_png"
    first_label = 1
    ignore_values = (NO_DATA,)
