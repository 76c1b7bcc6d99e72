"""What a network is and what it was trained for: written into its checkpoints, compared later."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import partial
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from network.datasets.catalog import DatasetSpec
from network.errors import CheckpointError
from network.experiment import Experiment
from network.experiment.loading import module_name
from network.experiment.settings import FIRST_WEIGHTS
from network.experiment.values import described, without_addresses

IDENTITY = "identity"
"""Key of the record in a checkpoint."""
_CONFIG = "config"
_OF_MEMORY = ("checkpointing",)
"""Parameters that say what is kept in memory, and change nothing in what comes out."""


@dataclass(frozen=True)
class Identity:
    """A network and the dataset that it is for, as plain values.

    Attributes:
        network: where its class or function is imported from; ``config.NAME`` for one that the
            config file defines.
        settings: the plain values among its parameters, defaults filled in.
        objects: the others, as text.
        first_weights: parameters that say where training starts from; for information.
        dataset: its name.
        classes: names in the order of their indices; ``colors`` theirs (RGB).
        ignore_index: label of pixels that count nowhere.
        unscored: classes that do not enter the means.
        mean, std: normalisation of the bands.
        bands: their number.
        band_numbers: in the files; none for those of a picture.
        scale: values that stand for 0 and 1; none for 8 bits.
        alpha: what an alpha band is.
    """

    network: str
    settings: dict[str, Any]
    objects: dict[str, str]
    first_weights: dict[str, Any]
    dataset: str
    classes: list[str]
    colors: list[list[int]]
    ignore_index: int
    unscored: list[str]
    mean: list[float]
    std: list[float]
    bands: int
    band_numbers: list[int] = field(default_factory=list)
    scale: list[float] = field(default_factory=list)
    alpha: str = ""

    @classmethod
    def of(cls, experiment: Experiment, spec: DatasetSpec) -> Identity:
        """What a config's network for a dataset is.

        Raises:
            ConfigError: it contradicts the dataset.
        """
        net = experiment.complete_net(spec)
        module = getattr(net.func, "__module__", None) or type(net.func).__module__
        if module == module_name(experiment.config_path):
            module = _CONFIG
        given = arguments_of(net)
        left_out = {*FIRST_WEIGHTS, *_OF_MEMORY}
        values = {name: value for name, value in given.items() if name not in left_out}
        settings = {name: plain(value) for name, value in values.items() if _is_plain(value)}
        return cls(
            network=f"{module}.{_name(net.func)}",
            settings=settings,
            objects={name: _text(values[name]) for name in values if name not in settings},
            first_weights={name: _text(given[name]) for name in given if name in FIRST_WEIGHTS},
            dataset=spec.name,
            classes=plain(spec.classes),
            colors=plain(spec.palette),
            ignore_index=spec.ignore_index,
            unscored=plain(spec.unscored),
            mean=plain(spec.mean),
            std=plain(spec.std),
            bands=spec.num_bands,
            band_numbers=plain(spec.bands),
            scale=plain(spec.scale or ()),
            alpha=spec.alpha,
        )

    @property
    def is_pretrained(self) -> bool:
        """Whether training starts from weights of another training."""
        return any(value not in ("False", "None") for value in self.first_weights.values())

    @classmethod
    def stored(cls, checkpoint: Mapping[str, Any], path: str | Path) -> Identity | None:
        """What a checkpoint says; None for one from before checkpoints said it.

        Raises:
            CheckpointError: a damaged record.
        """
        if IDENTITY not in checkpoint:
            return None
        content = checkpoint[IDENTITY]
        kinds = {each.name: each.type.partition("[")[0] for each in fields(cls)}
        if isinstance(content, dict):  # which was written when all images were pictures of 8 bits
            content = {"band_numbers": [], "scale": [], "alpha": ""} | content
        whole = isinstance(content, dict) and all(
            type(content.get(name)).__name__ == kind for name, kind in kinds.items()
        )
        if not whole or len(content["colors"]) != len(content["classes"]):
            raise CheckpointError(
                f"{path}: its record of network and dataset ({IDENTITY!r}) is damaged"
            )
        return cls(**{name: content[name] for name in kinds})

    def described(self) -> str:
        """The network as the call that builds it."""
        given = {name: repr(value) for name, value in self.settings.items()} | self.objects
        arguments = ", ".join(f"{name}={value}" for name, value in given.items())
        return f"{self.network.rpartition('.')[2]}({arguments})"

    def record(self) -> dict[str, Any]:
        """The record for a checkpoint, of plain values."""
        return asdict(self)


def arguments_of(net: partial) -> dict[str, Any]:
    """Every argument that a network is built with, by its parameter's name."""
    signature = inspect.signature(net.func)
    bound = signature.bind_partial(*net.args, **net.keywords)
    bound.apply_defaults()
    given = dict(bound.arguments)
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            given |= given.pop(name)
    return given


def plain(value: Any) -> Any:
    """A plain value as Python's own kinds, which a checkpoint may hold."""
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    for kind, own in ((bool, bool), (Integral, int), (Real, float), (str | Path, str)):
        if isinstance(value, kind):
            return own(value)
    return value


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_plain(item) for item in value)
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    return value is None or isinstance(value, Real | str | Path)


def _text(value: Any) -> str:
    if callable(value) and not isinstance(value, partial):
        return _name(value)
    return without_addresses(described(value))


def _name(function: Callable) -> str:
    return getattr(function, "__qualname__", type(function).__qualname__)
