"""Weights of the classes in a loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from network.datasets.catalog import DatasetSpec
from network.errors import ConfigError, DataError
from network.experiment.values import described, parameters

AUTO = "auto"


def weights_of(
    setting: str | Sequence[float], loss: Callable, spec: DatasetSpec, pixels: Sequence[int]
) -> list[float]:
    """What ``class_weights`` says for a dataset.

    Args:
        setting: ``auto`` or one number for each class.
        loss: that takes them.
        spec: of the dataset.
        pixels: of each class in the training masks; used by ``auto``.

    Raises:
        ConfigError: the loss takes none, or has some of its own; not one for each class.
        DataError: ``auto``, and no class has pixels.
    """
    if "class_weights" not in parameters(loss):
        raise ConfigError(
            f"class_weights={setting!r}: the loss takes no class_weights ({described(loss)})"
        )
    if "class_weights" in getattr(loss, "keywords", {}):
        raise ConfigError(
            "class_weights and loss.class_weights are both set: leave one of them out"
        )
    if setting == AUTO:
        return balanced(pixels)
    if len(setting) != spec.num_classes:
        raise ConfigError(
            f"class_weights lists {len(setting)} weights, but the dataset has {spec.num_classes} "
            f"classes: {', '.join(spec.classes)}"
        )
    return [float(weight) for weight in setting]


def balanced(pixels: Sequence[int]) -> list[float]:
    """One over the square root of the pixels of every class, divided by the mean of these.

    A class without pixels has the weight 1.

    Raises:
        DataError: no class has any.
    """
    roots = [count**-0.5 if count else None for count in pixels]
    there = [root for root in roots if root is not None]
    if not there:
        raise DataError("class_weights=auto: the training masks have no pixel of any class")
    mean = sum(there) / len(there)
    return [1.0 if root is None else root / mean for root in roots]
