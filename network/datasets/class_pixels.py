"""How many pixels the classes of a dataset have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from network.datasets.layout import DatasetLayout, Sample
from network.datasets.reading import read_target
from network.files.parallel import default_processes, in_threads


def class_pixels(layout: DatasetLayout, samples: Sequence[Sample]) -> list[int]:
    """Pixels of every class in the masks of samples; ignored ones count nowhere.

    Raises:
        DataError: a mask that cannot be read.
    """
    classes = layout.spec.num_classes

    def count(sample: Sample) -> np.ndarray:
        target = read_target(layout, sample.image, sample.mask)
        return np.bincount(target.ravel(), minlength=classes)[:classes]

    counts = in_threads(count, samples, "counting pixels", default_processes())
    return sum(counts, np.zeros(classes, np.int64)).tolist()
