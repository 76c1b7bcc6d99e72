"""Images of another type than those of a training."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from network.datasets.bands import Bands
from network.files.notes import say_once


def note_other_type(path: Path, dtype: np.dtype, trained: str | None, spec: Bands) -> None:
    """Say that values are of another type than those of the training, once for a folder.

    Without a scale nothing is said: values are then brought to 8 bits.

    Args:
        path: of the image.
        dtype: of its values.
        trained: type of the training's; None where it is not known.
        spec: of the bands that the network takes.
    """
    if spec.scale is not None and trained and trained != str(dtype):
        say_once(
            path.parent,
            "type",
            f"{path} holds {dtype}, and the network was trained on {trained}; its values are "
            f"taken as they are, by scale={list(spec.scale)}",
        )
