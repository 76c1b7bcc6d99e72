"""What a network is and what it was trained for: written into its checkpoints, compared later."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from network.datasets.catalog import Augmentation, DatasetSpec
from network.errors import CheckpointError
from network.experiment import Experiment
from network.experiment.loading import module_name
from network.experiment.values import described, without_addresses
from network.inference.checkpoint_keys import IDENTITY
from network.models.recorded import FIRST_WEIGHTS, OF_CONFIG

_LATER = {"band_numbers": [], "scale": [], "alpha": ""}
_LATER |= {"band_names": [], "display": [], "ignore_colors": [], "d4": {}}
"""What checkpoints did not say from the beginning: all images were pictures of 8 bits then."""
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
        band_names: what the bands are called.
        display: positions of bands that are shown as red, green and blue.
        ignore_colors: RGB colors in masks that count as no class.
        d4: the passes of ``-t d4``; none where a checkpoint does not say them.
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
    band_names: list[str] = field(default_factory=list)
    display: list[int] = field(default_factory=list)
    ignore_colors: list[list[int]] = field(default_factory=list)
    d4: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, experiment: Experiment, spec: DatasetSpec) -> Identity:
        """What a config's network for a dataset is.

        Raises:
            ConfigError: it contradicts the dataset.
        """
        net = experiment.complete_net(spec)
        module = getattr(net.func, "__module__", None) or type(net.func).__module__
        if module == module_name(experiment.config_path):
            module = OF_CONFIG
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
            band_names=plain(spec.band_names),
            display=plain(spec.display),
            ignore_colors=plain(spec.ignore_colors),
            d4=plain(asdict(spec.d4)),
        )

    @property
    def kind(self) -> str:
        """Name of the network's class, which may have moved to another module."""
        return self.network.rpartition(".")[2]

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
        return cls.recorded(checkpoint[IDENTITY], path)

    @classmethod
    def recorded(cls, content: Any, path: str | Path) -> Identity:
        """The identity of a record.

        Args:
            content: as ``record`` gives it.
            path: of the file that it is from.

        Raises:
            CheckpointError: it is damaged.
        """
        kinds = {each.name: each.type.partition("[")[0] for each in fields(cls)}
        if isinstance(content, dict):
            content = _LATER | content
        whole = isinstance(content, dict) and all(
            type(content.get(name)).__name__ == kind for name, kind in kinds.items()
        )
        if whole and len(content["colors"]) == len(content["classes"]):
            found = cls(**{name: content[name] for name in kinds})
            with suppress(TypeError, ValueError):
                found.spec()
                return found
        raise CheckpointError(
            f"{path}: its record of network and dataset ({IDENTITY!r}) is damaged"
        )

    def spec(self) -> DatasetSpec:
        """The dataset; where ``d4`` is not known, with the usual passes.

        Raises:
            TypeError, ValueError: it cannot be.
        """
        texts = (*self.classes, *self.band_names)
        numbers = (*self.band_numbers, *self.display)
        colors = [channel for color in (*self.colors, *self.ignore_colors) for channel in color]
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("names are texts")
        if not all(type(number) is int for number in (*numbers, *colors)):
            raise TypeError("bands and colors are whole numbers")
        if not all(0 <= channel <= 255 for channel in colors):
            raise ValueError("colors have 8 bits")
        if not self.classes or {*map(len, (*self.colors, *self.ignore_colors))} - {3}:
            raise ValueError("each class has a color of three numbers")
        return DatasetSpec(
            name=self.dataset,
            classes=tuple(self.classes),
            palette=tuple(map(tuple, self.colors)),
            ignore_colors=tuple(map(tuple, self.ignore_colors)),
            unscored=tuple(self.unscored),
            bands=tuple(self.band_numbers),
            band_names=tuple(self.band_names),
            display=tuple(self.display),
            scale=_pair(self.scale),
            mean=tuple(map(float, self.mean)),
            std=tuple(map(float, self.std)),
            alpha=self.alpha,
            **({"d4": _passes(self.d4)} if self.d4 else {}),
        )

    def described(self) -> str:
        """The network as the call that builds it."""
        given = {name: repr(value) for name, value in self.settings.items()} | self.objects
        arguments = ", ".join(f"{name}={value}" for name, value in given.items())
        return f"{self.kind}({arguments})"

    def with_network(self, other: Identity) -> Identity:
        """The dataset of this with the network of another."""
        return replace(
            self,
            network=other.network,
            settings=other.settings,
            objects=other.objects,
            first_weights=other.first_weights,
        )

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


def _passes(record: Mapping[str, Any]) -> Augmentation:
    scales = tuple(map(float, record["scales"])) if "scales" in record else (1.0,)
    found = Augmentation(**{**record, "scales": scales})
    flags = found.hflip, found.vflip, found.rotate90
    if not scales or min(scales) <= 0 or any(type(flag) is not bool for flag in flags):
        raise ValueError("no passes of an augmentation")
    if found.interpolation not in ("bilinear", "bicubic"):
        raise ValueError("no interpolation of an augmentation")
    return found


def _pair(scale: list[float]) -> tuple[float, float] | None:
    if len(scale) not in (0, 2):
        raise ValueError("a scale is two numbers")
    return (float(scale[0]), float(scale[1])) if scale else None


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
