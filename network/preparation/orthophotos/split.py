"""From orthophotos and labels to a folder that ``FolderDataset`` reads."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from network.datasets.bands import MAX_BANDS
from network.datasets.folder_settings import SETTINGS_FILE
from network.datasets.patch_record import write_record
from network.datasets.windows import Window
from network.errors import ConfigError, DataError
from network.files.parallel import in_processes
from network.files.staging import staged
from network.models.geometry import MIN_SIZE
from network.preparation.orthophotos import polygon_labels, raster_labels
from network.preparation.orthophotos.blocks import hold_out
from network.preparation.orthophotos.class_values import ClassTable, class_table
from network.preparation.orthophotos.cutting import Cutter, Row
from network.preparation.orthophotos.dataset_files import cut_records, settings_text
from network.preparation.orthophotos.held_out import Plan, plan_by_area, plan_by_blocks
from network.preparation.orthophotos.images import Orthophoto, open_images
from network.preparation.orthophotos.label_map import Burner, Counted, LabelMap, Labels
from network.preparation.orthophotos.summary import Outcome
from network.preparation.orthophotos.vectors import PolygonLayer, is_vector


@dataclass(frozen=True)
class OrthophotoSplit:
    """What is cut, and how.

    Args:
        images: files of the orthophotos.
        labels: file of polygons, or a raster.
        output: folder of the dataset.
        layer, class_field: of the polygons.
        classes, ignore_values, background: see ``class_table``.
        size, stride: of the windows in pixels; held-out windows do not overlap.
        val_area: file of polygons on what is held out; without it, blocks of windows.
        val_share: of the labels, where there is no ``val_area``.
        keep_empty: share of the windows without a label that is written all the same.
        all_touched: polygons label every pixel that they touch.
    """

    images: Sequence[Path]
    labels: Path
    output: Path
    layer: str | None = None
    class_field: str | None = None
    classes: Sequence[str] | None = None
    ignore_values: Sequence[str] = ()
    background: str | None = None
    size: int = 1024
    stride: int = 1024
    val_area: Path | None = None
    val_share: float = 0.2
    keep_empty: float = 0.0
    all_touched: bool = False


def split_orthophotos(how: OrthophotoSplit, processes: int) -> Outcome:
    """Cut orthophotos and their labels into patches, whole or not at all.

    Earlier patches in the folder are replaced, whatever their number.

    Raises:
        ConfigError: sizes or shares that cannot be.
        DataError: images or labels that do not hold together.
        OutputError: folders that cannot be written, or files in them that no run wrote.
    """
    _check(how)
    images = open_images(how.images)
    inputs = [*how.images, how.labels, *filter(None, [how.val_area])]
    sources = {path.resolve().parent for path in inputs} - {how.output.resolve()}
    folders = [how.output / "images", how.output / "masks", how.output]
    patches = folders[:2]
    with (
        staged(folders, lambda path: path.parent in patches, sorted(sources)) as aside,
        tempfile.TemporaryDirectory(dir=aside[2]) as work,
    ):
        labels, table, notes = _labels(how, images, Path(work))
        if len(images[0].bands) > MAX_BANDS:
            notes.append(
                f"the images have {len(images[0].bands)} bands; name up to {MAX_BANDS} of them by "
                f"bands in {how.output / SETTINGS_FILE}"
            )
        maps = [LabelMap(Path(work) / f"{n}.labels", image) for n, image in enumerate(images)]
        burner = Burner(labels, table.background, how.size, len(table.names))
        counts, contested = _burned(burner, maps, processes)
        _check_labeled(how, images, counts)
        plans = _planned(how, images, counts)
        cutter = Cutter(aside[0], aside[1], len(table.names), how.keep_empty)
        rows = [
            row for plan, labels in zip(plans, maps, strict=True) for row in _rows(plan, labels)
        ]
        cuts = [*in_processes(cutter.cut, rows, processes, "cutting", "row")]
        total = np.sum([cells.sum(axis=(0, 1)) for cells in counts], axis=0)
        outcome = Outcome(table, tuple(notes), total, contested, plans, cuts)
        _check_both(how, outcome)
        write_record(aside[1], cut_records(plans, how.size, how.stride))
        text = settings_text(table, images[0])
        (aside[2] / SETTINGS_FILE).write_text(text, encoding="utf-8")
    return outcome


def _check(how: OrthophotoSplit) -> None:
    if how.size < MIN_SIZE or not 1 <= how.stride <= how.size:
        raise ConfigError(
            f"--split-size {how.size} --stride {how.stride}: the size must be at least {MIN_SIZE}, "
            "the stride from 1 to the size"
        )
    if not 0 < how.val_share < 1:
        raise ConfigError(f"--val-share {how.val_share:g}: between 0 and 1, as 0.2 for a fifth")
    if not 0 <= how.keep_empty <= 1:
        raise ConfigError(f"--keep-empty {how.keep_empty:g}: from 0 to 1")


def _labels(
    how: OrthophotoSplit, images: list[Orthophoto], work: Path
) -> tuple[Labels, ClassTable, list[str]]:
    """Labels to be read on the grid of any of the images, their classes, and notes on them."""
    chosen = (how.classes, how.ignore_values, how.background)
    if is_vector(how.labels):
        for image in images:
            image.check_placed()
        layer = PolygonLayer.open(how.labels, how.layer, "--layer")
        field = layer.check_field(how.class_field)
        found = polygon_labels.values_of(layer, field)
        table = class_table(found, f"the field {field!r} of {how.labels}", *chosen)
        labels, notes = polygon_labels.index_polygons(
            *(layer, field, table, images, work / "labels.gpkg", how.all_touched)
        )
        return labels, table, [*table.notes, *notes]
    for option, given in (
        ("--class-field", how.class_field),
        ("--layer", how.layer),
        ("--all-touched", how.all_touched),
    ):
        if given:
            raise ConfigError(f"{option} is for polygons, but {how.labels} is none; leave it out")
    if len(images) > 1 or how.val_area:
        for image in images:
            image.check_placed()
    grid, notes = raster_labels.open_raster(how.labels, images)
    values = raster_labels.values_of(how.labels)
    table = class_table(raster_labels.texts_of(values), str(how.labels), *chosen)
    return raster_labels.RasterLabels.of(grid, values, table), table, [*table.notes, *notes]


def _burned(
    burner: Burner, maps: Sequence[LabelMap], processes: int
) -> tuple[list[np.ndarray], int]:
    """Fill the maps; pixels of the classes in the cells of each, and those that are contested."""
    rows = []
    for target in maps:
        target.create()
        rows += [(target, top) for top in range(0, target.image.height, burner.size)]
    found: list[Counted] = [*in_processes(burner.burn, rows, processes, "labels", "row")]
    counts = [
        np.array([each.pixels for each, (of, _) in zip(found, rows, strict=True) if of is target])
        for target in maps
    ]
    return counts, sum(each.contested for each in found)


def _planned(
    how: OrthophotoSplit, images: list[Orthophoto], counts: list[np.ndarray]
) -> list[Plan]:
    if how.val_area is not None:
        layer = PolygonLayer.open(how.val_area)
        return plan_by_area(images, layer, how.size, how.stride)
    return plan_by_blocks(images, hold_out(counts, how.val_share), how.size, how.stride)


def _rows(plan: Plan, labels: LabelMap) -> list[Row]:
    found = []
    for split, chosen, area in (("train", plan.train, None), ("val", plan.val, plan.area)):
        by_top: dict[int, list[Window]] = {}
        for window in chosen:
            by_top.setdefault(window.top, []).append(window)
        for top, row in by_top.items():
            above = [w for w in chosen if w.top < top < w.top + w.size]
            found.append(Row(labels, split, row, above, area))
    return found


def _check_labeled(
    how: OrthophotoSplit, images: list[Orthophoto], counts: list[np.ndarray]
) -> None:
    if any(cells.any() for cells in counts):
        return
    raise DataError(
        f"no label of {how.labels} lies on {' or '.join(str(image.path) for image in images)}: are "
        "they of the same place, and is each in the CRS that it says?"
    )


def _check_both(how: OrthophotoSplit, outcome: Outcome) -> None:
    """Refuse a split in which nothing is labeled on one side.

    Raises:
        DataError: saying which.
    """
    chosen = f"--val-area {how.val_area}" if how.val_area else f"--val-share {how.val_share:g}"
    for split, what in (("val", "no label"), ("train", "all labels")):
        if not outcome.pixels(split).any():
            advice = (
                "draw it where some of the labels are"
                if how.val_area
                else f"smaller windows than --split-size {how.size} may do, or a --val-area"
            )
            raise DataError(
                f"{chosen} holds {what}, so that there is nothing to "
                f"{'validate' if split == 'val' else 'train'} on; {advice}"
            )
