"""Looking a dataset over: every file, every split, and what the classes are like."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from network.datasets.checks import check_size, check_types, unlabeled
from network.datasets.colors import UNKNOWN
from network.datasets.labels import MAX_UNKNOWN_SHARE, Held, ignore_unknown
from network.datasets.layout import SPLITS, DatasetLayout, Sample, listed
from network.datasets.reading import read_filled, without_data
from network.datasets.survey_table import Column, table
from network.errors import DataError, MissingDataError
from network.files.parallel import default_processes, in_threads

KIND_TITLES = {"mask": "", "eroded": " eroded"}


@dataclass
class Survey:
    """What was found.

    Attributes:
        faults: what keeps from training or makes scores wrong.
        notes: what is worth knowing.
        tables: one text for each stage of the dataset (as published, prepared).
    """

    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)


@dataclass
class _Found:
    """Of one sample: faults and notes, size, type, digest of its pixels, what its masks hold."""

    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    size: tuple[int, int] | None = None
    dtype: np.dtype | None = None
    digest: bytes | None = None
    counts: dict[str, np.ndarray] = field(default_factory=dict)
    held: list[Held] = field(default_factory=list)


def survey(layout: DatasetLayout) -> Survey:
    """Look over a dataset as published, where these files are there, and as it is trained on.

    Faults are collected, not raised.
    """
    found = Survey()
    raw = layout.raw()
    published = {} if raw is None else _survey_stage(raw, "as published", False, found)
    prepared = _survey_stage(layout, "for training", True, found)
    for split in prepared.keys() & published.keys():
        _compare(split, published[split], prepared[split], layout, found)
    return found


def _survey_stage(
    layout: DatasetLayout, title: str, needed: bool, found: Survey
) -> dict[str, dict[tuple[str, str], np.ndarray]]:
    """Add the table, faults and notes of one stage.

    Args:
        layout: of the stage.
        title: of the stage.
        needed: train and val must be there.
        found: takes what is found.

    Returns:
        by split: pixels of each class by tile and kind of mask; without the splits in which pixels
        may be in several samples.
    """
    counts: dict[str, dict[tuple[str, str], np.ndarray]] = {}
    columns: list[Column] = []
    samples_of: dict[str, list[Sample]] = {}
    seen: dict[bytes, list[tuple[str, str]]] = defaultdict(list)
    held: list[Held] = []
    types: list[tuple[Sample, np.dtype]] = []
    for split in SPLITS:
        try:
            samples = layout.samples(split, lambda fault: found.faults.append(str(fault)))
        except MissingDataError as error:
            wanted = needed and split != "test"
            (found.faults if wanted else found.notes).append(f"{title}, {split}: {error}")
            continue
        except DataError as error:
            found.faults.append(f"{title}, {split}: {error}")
            continue
        if not samples:
            continue
        samples_of[split] = samples
        results = _look_at_all(layout, samples, f"{title}, {split}")
        for sample, result in zip(samples, results, strict=True):
            found.faults += result.faults
            found.notes += result.notes
            if result.digest is not None:
                seen[result.digest].append((split, sample.name))
        if layout.counts_once(split, samples):
            counts[split] = _tile_counts(layout, samples, results)
        tiles = len({layout.tile(sample) for sample in samples})
        columns += _columns(layout, split, tiles, results)
        found.faults += _unlabeled(layout, samples, results, f"{title}, {split}")
        held += [each for result in results for each in result.held]
        pairs = zip(samples, results, strict=True)
        types += [(s, result.dtype) for s, result in pairs if result.dtype is not None]
    try:
        check_types([sample for sample, _ in types], [dtype for _, dtype in types])
    except DataError as error:
        found.faults.append(str(error))
    doubts = layout.doubts(Held.together(held))
    if doubts is not None:
        found.faults.append(str(doubts))
    _check_splits(layout, title, samples_of, seen, found)
    if columns:
        found.tables.append(table(layout, title, columns))
    return counts


def _tile_counts(
    layout: DatasetLayout, samples: Sequence[Sample], results: Sequence[_Found]
) -> dict[tuple[str, str], np.ndarray]:
    counts: dict[tuple[str, str], np.ndarray] = {}
    for sample, result in zip(samples, results, strict=True):
        for kind, pixels in result.counts.items():
            key = (layout.tile(sample), kind)
            counts[key] = counts.get(key, 0) + pixels[: layout.spec.num_classes]
    return counts


def _compare(
    split: str,
    published: dict[tuple[str, str], np.ndarray],
    prepared: dict[tuple[str, str], np.ndarray],
    layout: DatasetLayout,
    found: Survey,
) -> None:
    """Report tiles whose prepared masks do not have the class pixels of the published ones."""
    for (tile, kind), pixels in sorted(prepared.items()):
        source = published.get((tile, kind))
        if source is not None and (source != pixels).any():
            differing = np.flatnonzero(source != pixels)
            found.faults.append(
                f"{split}, {tile}{KIND_TITLES[kind]}: the mask for training is not that of the "
                f"published one: {int(pixels[differing[0]])} pixels of "
                f"{layout.spec.classes[differing[0]]} instead of {int(source[differing[0]])}; "
                "prepare it again"
            )


def _look_at_all(
    layout: DatasetLayout, samples: Sequence[Sample], description: str
) -> list[_Found]:
    return [*in_threads(partial(_look_at, layout), samples, description, default_processes())]


def _look_at(layout: DatasetLayout, sample: Sample) -> _Found:
    found = _Found()
    try:
        found.dtype = check_size(layout.spec, sample)
        image, valid = read_filled(sample.image, layout.spec)
    except DataError as error:
        found.faults.append(str(error))
        return found
    found.size = image.shape[:2]
    if image.min() < image.max():
        found.digest = hashlib.blake2b(np.ascontiguousarray(image), digest_size=16).digest()
    masks = {}
    for kind in sample.masks:
        try:
            masks[kind] = _look_at_mask(layout, sample, kind, valid, found)
        except DataError as error:
            found.faults.append(str(error))
    if len(masks) == 2:
        mask, eroded = masks["mask"], masks["eroded"]
        share = float(((eroded != mask) & (eroded != layout.spec.ignore_index)).mean())
        if share:
            (found.faults if share > MAX_UNKNOWN_SHARE else found.notes).append(
                f"{sample.eroded} and {sample.mask} name different classes in {share:.2%} of the "
                "pixels"
            )
    return found


def _look_at_mask(
    layout: DatasetLayout, sample: Sample, kind: str, valid: np.ndarray | None, found: _Found
) -> np.ndarray:
    path = sample.masks[kind]
    mask, raw = layout.decode_mask(path)
    counted = without_data(layout, mask, valid, sample.image, path)
    counts = np.bincount(counted.ravel(), minlength=UNKNOWN + 1)
    unlisted = raw[mask == UNKNOWN]
    share = ignore_unknown(path, mask, raw, layout.spec.ignore_index)
    found.counts[kind] = counts
    found.held.append(Held.by(mask, unlisted, layout.spec.num_classes))
    if share:
        found.notes.append(f"{path}: {share:.3%} of its pixels are in no listed value, ignored")
    if kind == "eroded" and not counts[layout.spec.ignore_index] and layout.is_colored(path):
        raise DataError(f"{path} is no eroded mask: none of its pixels is a boundary")
    return mask


def _unlabeled(
    layout: DatasetLayout, samples: Sequence[Sample], results: Sequence[_Found], where: str
) -> list[str]:
    """The fault of each kind of masks of a split in which no pixel is labeled."""
    faults = []
    for kind in KIND_TITLES:
        masks = {
            s.masks[kind]: r.counts[kind]
            for s, r in zip(samples, results, strict=True)
            if kind in r.counts
        }
        if masks and not sum(c[: layout.spec.num_classes].sum() for c in masks.values()):
            faults.append(f"{where}: {unlabeled([*masks], 'learn or score')}")
    return faults


def _columns(
    layout: DatasetLayout, split: str, tiles: int, results: Sequence[_Found]
) -> list[Column]:
    kinds = [kind for kind in KIND_TITLES if any(kind in r.counts for r in results)] or ["mask"]
    columns = []
    for kind in kinds:
        classes = layout.spec.num_classes + 1
        column = Column(split + KIND_TITLES[kind], np.zeros(classes, np.int64), tiles)
        for result in results:
            if result.size is not None:
                column.images += 1
                column.sizes.append(result.size)
            if kind in result.counts:
                column.pixels += result.counts[kind][:classes]
                column.unlisted += int(result.counts[kind][UNKNOWN])
        columns.append(column)
    return columns


def _check_splits(
    layout: DatasetLayout,
    title: str,
    samples_of: dict[str, list[Sample]],
    seen: dict[bytes, list[tuple[str, str]]],
    found: Survey,
) -> None:
    tiles = {split: {layout.tile(s) for s in samples} for split, samples in samples_of.items()}
    for first, second in (("train", "val"), ("train", "test"), ("val", "test")):
        both = sorted(tiles.get(first, set()) & tiles.get(second, set()))
        if both:
            found.notes.append(
                f"{title}: in {first} and in {second}, as the config says: {listed(both)}"
            )
    for places in seen.values():
        if len({name for _, name in places}) > 1:
            text = ", ".join(f"{name} ({split})" for split, name in places)
            crosses = len({split for split, _ in places}) > 1
            (found.faults if crosses else found.notes).append(
                f"{title}: the same image under several names: {text}"
            )
    for split, samples in samples_of.items():
        missing = layout.missing(split, samples)
        if missing:
            found.notes.append(f"of the official {split} split are missing: {listed(missing)}")
