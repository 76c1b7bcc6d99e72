"""The images of a comparison, each with the masks that every method predicted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from network.comparison.comparison import Comparison
from network.comparison.tested import Tested
from network.datasets.catalog import DatasetSpec
from network.datasets.display import displayed
from network.datasets.layout import DatasetLayout, Sample, listed, size_fault
from network.datasets.reading import read_filled, without_data
from network.errors import ConfigError, DataError
from network.evaluation.output_folder import SCENES
from network.evaluation.test import MASK_KINDS
from network.experiment import Experiment
from network.files.images import read_indices


class Picture(NamedTuple):
    """One image.

    Attributes:
        name: of it.
        image: as it is shown, RGB uint8 [H, W, 3].
        truth: class indices uint8 [H, W], of the masks that the scores are of.
        predictions: class indices uint8 [H, W], by the method, each of its first seed.
    """

    name: str
    image: np.ndarray
    truth: np.ndarray
    predictions: dict[str, np.ndarray]


class Pictures:
    """Reads the images that were tested.

    Args:
        found: the comparison.
        config: of one of its tests, which is executed.

    Attributes:
        spec: of the dataset.

    Raises:
        ConfigError: it is a config of another dataset, or lacks images of the tests.
        DataError: a dataset that cannot be read.
    """

    def __init__(self, found: Comparison, config: str | Path) -> None:
        first = found.first
        self._tests = {method.name: method.tests[0] for method in found.methods}
        self._sources: dict[str, tuple[DatasetLayout, Sample]] = {}
        for part in first.folds or (first,):
            layout = Experiment.load(config, part.of_dataset).build_dataset()
            self.spec: DatasetSpec = layout.spec
            if (self.spec.name, self.spec.classes) != (first.protocol["dataset"], first.classes):
                raise ConfigError(
                    f"{config} is of {self.spec.name} with {', '.join(self.spec.classes)}, and the "
                    f"tests are of {first.protocol['dataset']} with {', '.join(first.classes)}"
                )
            self._sources |= _sources(layout, part)
        lacking = [name for name in first.counted.names if name not in self._sources]
        if lacking:
            raise ConfigError(
                f"{config} has no image {listed(lacking)} in the {first.protocol['split']} split; "
                "it is not the config of these tests, or files are gone"
            )
        kinds = {kind: key for key, kind in MASK_KINDS.items()}
        self._truth = kinds[first.variant.masks]

    def read(self, names: Sequence[str]) -> Iterator[Picture]:
        """Read images one after another.

        Raises:
            ConfigError: no masks of these scores were saved.
            DataError: a file that cannot be read, or that is not what was tested.
        """
        for name in names:
            layout, sample = self._sources[name]
            path = getattr(sample, self._truth)
            if path is None:
                raise DataError(f"{sample.image} has no {self._truth} any more: test again")
            stored, mask = read_filled(sample.image, layout.spec), layout.read_mask(path)
            if stored.values.shape[:2] != mask.shape:
                raise size_fault(sample.image, path, stored.values.shape[:2], mask.shape)
            truth = without_data(layout, mask, stored.valid, sample.image, path)
            predictions = {
                method: self._prediction(test, name, truth) for method, test in self._tests.items()
            }
            image = displayed(stored.values, layout.spec, stored.valid)
            yield Picture(name, image, truth, predictions)

    def _prediction(self, test: Tested, name: str, truth: np.ndarray) -> np.ndarray:
        """A saved mask, if the confusion matrix of the test is its."""
        path = test.mask_path(name)
        mask = read_indices(path)
        if mask.shape != truth.shape:
            raise size_fault(Path(name), path, truth.shape, mask.shape)
        classes = len(test.classes)
        valid = truth != self.spec.ignore_index
        pairs = truth[valid].astype(np.int64) * classes + mask[valid]
        wanted = test.counted.matrices[test.counted.names.index(name)]
        counts = np.bincount(pairs, minlength=classes**2)
        if not np.array_equal(counts, wanted.ravel()):
            raise DataError(
                f"{path} against the mask of {name} gives other scores than those of the test: "
                "one of them was changed since; test again"
            )
        return mask


def _sources(layout: DatasetLayout, test: Tested) -> dict[str, tuple[DatasetLayout, Sample]]:
    """The images of a test by their names, each with what reads its masks."""
    if test.variant.unit == SCENES:
        return {sample.name: (layout.raw() or layout, sample) for sample in layout.scenes()}
    samples = layout.samples(str(test.protocol["split"]))
    return {sample.name: (layout, sample) for sample in samples}
