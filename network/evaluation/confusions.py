"""The confusion matrix of every image of a test: ``confusions.npz``."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from network.errors import DataError, MissingDataError
from network.evaluation.image_scores import Counts, Variant
from network.files.writing import replacing

CONFUSIONS = "confusions.npz"


class Confusions(NamedTuple):
    """What was counted in every image, in the order of ``names``.

    Attributes:
        names: of the images.
        tiles: that they were cut from, or their own names.
        matrices: int64 [images, N, N], rows truth, columns prediction.
    """

    names: list[str]
    tiles: list[str]
    matrices: np.ndarray


def write_confusions(
    path: Path, counts: Mapping[Variant, Counts], tiles: Mapping[str, str]
) -> None:
    """Write the matrices of all images and variants.

    Args:
        path: of the file.
        counts: by variant.
        tiles: by the names of the images that were cut from some.

    Raises:
        OutputError: it cannot be written.
    """
    arrays: dict[str, np.ndarray] = {}
    for variant, (names, matrices) in counts.items():
        arrays[_key(variant)] = matrices.numpy()
        arrays[f"names.{variant.unit}"] = np.array(names)
        arrays[f"tiles.{variant.unit}"] = np.array([tiles.get(name, name) for name in names])
    with replacing(path) as temporary:
        np.savez_compressed(temporary, **arrays)


def read_confusions(path: Path, variant: Variant) -> Confusions:
    """The matrices of one variant.

    Raises:
        DataError: missing, or not such a file.
    """
    if not path.is_file():
        raise MissingDataError(
            f"no file {path}, as tests of earlier versions wrote none: test again"
        )
    try:
        with np.load(path, allow_pickle=False) as arrays:
            names, tiles = (arrays[f"{of}.{variant.unit}"] for of in ("names", "tiles"))
            matrices = arrays[_key(variant)]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise _strange(path, error) from error
    square = matrices.ndim == 3 and matrices.shape[1] == matrices.shape[2]
    if not square or not len(matrices) == names.size == tiles.size or matrices.min(initial=0) < 0:
        raise _strange(path, f"it holds {matrices.shape} counts of {names.size} images")
    return Confusions(names.tolist(), tiles.tolist(), matrices)


def _key(variant: Variant) -> str:
    return ".".join(variant)


def _strange(path: Path, why: object) -> DataError:
    return DataError(f"{path} is not the {CONFUSIONS} of a test ({why}): test again")
