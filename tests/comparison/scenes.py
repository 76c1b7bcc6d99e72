"""Made-up tests of images that lie on disk, with the masks that were predicted."""

import cv2
import numpy as np

from network.datasets.catalog import DatasetSpec
from tests.comparison.folders import write_test

CONFIG = """
from functools import partial
from network.datasets.folder import FolderDataset
from network.models import BiCoR

dataset = partial(
    FolderDataset, root="town", masks="index", classes={classes}, ignore_values={ignored},
    test="*", name="town",
)
net = partial(BiCoR, backbone="test_convnext", embed_dim=32)
"""
COLORS = ((200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0), (0, 200, 200), (200, 0, 200))


def spec_of(classes):
    return DatasetSpec("town", tuple(classes), palette=COLORS[: len(classes)])


def confusion(truth, prediction, classes):
    """Rows truth, columns prediction; labels from ``classes`` on are not counted."""
    valid = truth < classes
    pairs = truth[valid].astype(np.int64) * classes + prediction[valid]
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def write_scenes(root, scenes, classes=("Road", "Roof")):
    """``town`` with its images and masks, and ``town.py``, a config of it.

    ``scenes`` are (name, RGB, labels).
    """
    for folder in ("images", "masks"):
        (root / "town" / folder).mkdir(parents=True)
    for name, image, truth in scenes:
        cv2.imwrite(str(root / f"town/images/{name}.png"), image[..., ::-1])
        cv2.imwrite(str(root / f"town/masks/{name}.png"), truth)
    listed = dict(zip(classes, map(list, COLORS), strict=False))
    (root / "town.py").write_text(CONFIG.format(classes=listed, ignored=len(classes)))


def write_tested(folder, scenes, predictions, classes=("Road", "Roof"), **changes):
    """The folder of a test with these masks, one for each scene; returns it."""
    names = [name for name, _, _ in scenes]
    matrices = [
        confusion(truth, mask, len(classes))
        for (_, _, truth), mask in zip(scenes, predictions, strict=True)
    ]
    write_test(folder, matrices, spec=spec_of(classes), names=names, **changes)
    (folder / "masks").mkdir()
    for name, mask in zip(names, predictions, strict=True):
        cv2.imwrite(str(folder / f"masks/{name}.png"), mask)
    return folder
