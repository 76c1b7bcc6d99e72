"""How many pixels the classes of a dataset have."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from tqdm import tqdm

from network.datasets.layout import DatasetLayout, Sample
from network.datasets.reading import read_target
from network.files.parallel import default_processes


def class_pixels(layout: DatasetLayout, samples: Sequence[Sample]) -> list[int]:
    """Pixels of every class in the masks of samples; ignored ones count nowhere.

    Raises:
        DataError: a mask that cannot be read.
    """
    classes = layout.spec.num_classes

    def count(sample: Sample) -> np.ndarray:
        target = read_target(layout, sample.image, sample.mask)
        return np.bincount(target.ravel(), minlength=classes)[:classes]

    with ThreadPoolExecutor(default_processes()) as pool:
        counts = pool.map(count, samples)
        bar = tqdm(counts, total=len(samples), desc="counting pixels", leave=False, delay=1)
        return sum(bar, np.zeros(classes, np.int64)).tolist()
