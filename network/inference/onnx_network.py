"""A network in an ONNX file of ``tools/export.py``, run by onnxruntime, without torch."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from network.datasets.catalog import Augmentation, DatasetSpec
from network.datasets.spec_record import spec_of
from network.errors import CheckpointError, ConfigError, DataError, first_line
from network.files.hashing import file_hash
from network.inference.image_type import note_other_type

METADATA = "bicor_seg"
"""Key of the metadata that say what the network is, as JSON."""
FORMAT = 1
IMAGE, PROBABILITIES = "image", "probabilities"


@dataclass
class OnnxNetwork:
    """What a scene is predicted by, as ``network.inference.segmenter.Segmenter`` is with torch.

    Attributes:
        path: of the file.
        session: of onnxruntime.
        spec: of the dataset that the network is for.
        stored: all that the file says of it.
        device: None, for arrays of NumPy.
    """

    path: Path
    session: Any
    spec: DatasetSpec
    stored: dict[str, Any]
    device: None = None

    def __post_init__(self) -> None:
        self.spec.check_normalised()
        low, high = self.spec.value_range
        mean, std = (np.array(side, np.float32) for side in (self.spec.mean, self.spec.std))
        scale = np.float32(high - low)
        self._mean = (mean * scale + np.float32(low))[:, None, None]
        self._std = (std * scale)[:, None, None]

    @classmethod
    def open(cls, path: str | Path) -> OnnxNetwork:
        """Load a network.

        Raises:
            CheckpointError: no such file, or none of ``tools/export.py``.
            ConfigError: onnxruntime is not installed.
        """
        path = Path(path)
        if not path.is_file():
            raise CheckpointError(f"no file {path}")
        try:
            import onnxruntime
        except ModuleNotFoundError as error:
            raise ConfigError(
                "--model needs onnxruntime: pip install -r requirements-onnx.txt"
            ) from error
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if threads := os.environ.get("OMP_NUM_THREADS", ""):
            options.intra_op_num_threads = int(threads) if threads.isdigit() else 0
        try:
            session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
            metadata = session.get_modelmeta().custom_metadata_map
        except Exception as error:  # of onnxruntime, which has many
            raise CheckpointError(
                f"{path} cannot be read as an ONNX file: {first_line(error)}"
            ) from error
        stored, spec = _understood(metadata, path)
        return cls(path, session, spec, stored)

    @property
    def stride(self) -> int:
        """Pixels of the coarsest features; windows of a scene start at its multiples."""
        return self.stored["stride"]

    def check_window(self, window: int) -> None:
        """Refuse windows that are larger than the only size that a file takes.

        Raises:
            ConfigError: saying which to take.
        """
        size = self.stored["size"]
        if size is not None and window > size:
            raise ConfigError(
                f"{self.path} takes images of {size}x{size} pixels only: add --window {size}"
            )

    def normalise(self, values: np.ndarray) -> np.ndarray:
        """Stored values [B, bands, H, W] as the file takes them."""
        if self.stored["raw"]:
            return values.astype(self.stored["input_type"])
        normalised = (values.astype(np.float32) - self._mean) / self._std
        return normalised.astype(self.stored["input_type"], copy=False)

    def run(self, image: np.ndarray) -> np.ndarray:
        """Probabilities [B, N, H, W] of an image that the file takes."""
        return self.session.run([PROBABILITIES], {IMAGE: np.ascontiguousarray(image)})[0]

    def predictor(self, tta: str) -> Callable[[np.ndarray], np.ndarray]:
        """The network with an augmentation: ``none`` or ``lr``.

        Raises:
            ConfigError: ``d4``, whose passes have several scales.
        """
        if tta == "d4":
            raise ConfigError(
                "-t d4: its passes resize images, which is done with torch only: take -t lr, or "
                "predict by --ckpt"
            )
        return OnnxPredictor(self, self.spec.augmentation(tta))

    def note_type(self, path: Path, dtype: np.dtype) -> None:
        """As of a ``Segmenter``.

        Raises:
            DataError: values that the file cannot take as they are.
        """
        takes = self.stored["input_type"]
        if self.stored["raw"] and self.spec.scale is not None and not np.can_cast(dtype, takes):
            raise DataError(
                f"{path} holds {dtype}, and {self.path} takes {takes} as they are stored; export "
                "the network without --raw"
            )
        note_other_type(path, dtype, self.stored["image_type"], self.spec)

    def record(self) -> dict[str, Any]:
        """All that predictions depend on beside the image and how it is predicted."""
        return {
            "model": file_hash(self.path),
            "checkpoint": self.stored["checkpoint"],
            "net": self.stored["net"],
            "runtime": "onnxruntime",
        }


class OnnxPredictor:
    """Probabilities averaged over the passes of an augmentation without scales.

    Args:
        network: of a file.
        augmentation: flips.
    """

    def __init__(self, network: OnnxNetwork, augmentation: Augmentation) -> None:
        self.network = network
        flips = [(False, augmentation.hflip), (False, augmentation.vflip)]
        across, down = (sorted({never, taken}) for never, taken in flips)
        self.passes = [
            [axis for axis, taken in ((3, one), (2, other)) if taken]
            for one in across
            for other in down
        ]

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Predict; images too small for the network are padded with their border.

        Shapes: [B, bands, H, W] -> float32 probabilities [B, N, H, W].
        """
        height, width = image.shape[-2:]
        image = self._fitted(image)
        total = 0
        for axes in self.passes:
            total = total + np.flip(self._probabilities(np.flip(image, axes)), axes)
        return total[..., :height, :width] / np.float32(len(self.passes))

    def _probabilities(self, image: np.ndarray) -> np.ndarray:
        return self.network.run(image).astype(np.float32, copy=False)

    def _fitted(self, image: np.ndarray) -> np.ndarray:
        height, width = image.shape[-2:]
        size, least = self.network.stored["size"], self.network.stored["min_size"]
        self.network.check_window(max(height, width))
        below, beside = (max(0, (size or least) - side) for side in (height, width))
        return np.pad(image, ((0, 0), (0, 0), (0, below), (0, beside)), mode="edge")


def _understood(metadata: Mapping[str, str], path: Path) -> tuple[dict[str, Any], DatasetSpec]:
    if METADATA not in metadata:
        raise CheckpointError(
            f"{path} does not say what it was trained for; --model takes files of tools/export.py"
        )
    try:
        stored = json.loads(metadata[METADATA])
        if stored["format"] != FORMAT:
            raise ValueError(f"format {stored['format']}")
        numbers = [stored[name] for name in ("stride", "min_size", "size") if stored[name]]
        if not all(isinstance(n, int) and 0 < n < math.inf for n in numbers) or len(numbers) < 2:
            raise ValueError("sizes")
        np.dtype(stored["input_type"])
        for name in ("raw", "image_type", "checkpoint", "net"):
            stored[name]
        return stored, spec_of(stored["dataset"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path}: what it says of its network is damaged or of a later version "
            f"({first_line(error)})"
        ) from error
