"""A config file as a checked ``Experiment``.

A config is plain Python: lower-case names with values, and ``functools.partial`` for what is
built later. It is executed when read (so read only files that you trust); nothing in it should
scan disks or allocate.
"""

from __future__ import annotations

import ast
import difflib
import importlib.util
import inspect
import sys
import types
import typing
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from network.datasets.catalog import DatasetSpec
from network.datasets.checks import check_contents, check_sizes
from network.datasets.datamodule import SegmentationDataModule
from network.datasets.segmentation import DatasetLayout, Sample, Transform
from network.datasets.transforms import TrainTransform
from network.errors import ConfigError
from network.losses import BiCoRLoss

ACCELERATORS = ("auto", "cpu", "gpu", "cuda")
LOGGERS = ("csv", "tensorboard", "wandb")
BUILDERS = {"dataset", "net", "loss", "transform"}


@dataclass(kw_only=True)
class Experiment:
    """Everything a run depends on; the names are those of a config file.

    Attributes:
        dataset: builds the dataset's layout.
        net: builds the network; the number of classes comes from the dataset.
        loss: builds the loss; the ignore index comes from the dataset.
        transform: builds the transform of training samples.
        name: of the run, for output folders; without it, the config file's name.
        seed: of weights, shuffling and transforms.
        max_epoch: epochs to train.
        train_batch_size, val_batch_size: images per process and step.
        repeat: how often each training image is drawn in an epoch.
        num_workers: data loading processes.
        lr: peak learning rate; lr_min: at the end of the cosine.
        warmup_epoch: epochs (or a part of one) in which the rate rises linearly to ``lr``.
        weight_decay: of AdamW.
        lookahead_k, lookahead_alpha: Lookahead's steps and rate; k = 0 leaves it out.
        monitor: logged value by which the best checkpoint is chosen: the highest score, or the
            lowest of a loss term.
        val_every: epochs between validations.
        accumulate: batches per optimizer step.
        clip_norm: largest norm of the gradient; None leaves it as it is.
        accelerator: ``auto``, ``cpu`` or ``gpu``.
        devices, num_nodes, strategy: of the Lightning Trainer; several devices train by ``ddp``.
        sync_batchnorm: let batch norm see the batches of all processes (CUDA only).
        checkpoint_every_minutes: minutes between two checkpoints within an epoch; 0 writes them at
            the end of epochs only.
        precision: ``32-true``, ``bf16-mixed`` or ``16-mixed``; ``auto`` is bf16-mixed on CUDA and
            32-true on a CPU, ``bf16-where-native`` is bf16-mixed on any device that is fast at it.
        compile: run the network through torch.compile.
        logger: ``csv``, or ``tensorboard`` or ``wandb`` beside it.
        sample_every: epochs between pictures of sample predictions; 0 draws none.
        sample_images: validation images on them.
        check_data: decode every image and mask before training or testing; without it only
            names and sizes are checked, and a truncated image may be taken for a gray one.
    """

    dataset: Callable[..., DatasetLayout]
    net: Callable[..., nn.Module]
    loss: Callable[..., nn.Module] = field(default_factory=lambda: partial(BiCoRLoss))
    transform: Callable[..., Transform] = field(default_factory=lambda: partial(TrainTransform))
    name: str = ""
    seed: int = 42
    max_epoch: int = 45
    train_batch_size: int = 4
    val_batch_size: int = 1
    repeat: int = 1
    num_workers: int = 2
    lr: float = 1e-4
    lr_min: float = 1e-6
    warmup_epoch: float = 0.0
    weight_decay: float = 0.01
    lookahead_k: int = 5
    lookahead_alpha: float = 0.5
    monitor: str = "val_mIoU"
    val_every: int = 1
    accumulate: int = 1
    clip_norm: float | None = None
    accelerator: str = "auto"
    devices: int | str | Sequence[int] = 1
    num_nodes: int = 1
    strategy: str = "auto"
    sync_batchnorm: bool = False
    checkpoint_every_minutes: float = 15.0
    precision: str = "auto"
    compile: bool = False
    logger: str = "csv"
    sample_every: int = 5
    sample_images: int = 4
    check_data: bool = True

    config_path: Path = field(default=Path(), metadata={"setting": False})
    overrides: tuple[str, ...] = field(default=(), metadata={"setting": False})

    @classmethod
    def load(cls, path: str | Path, overrides: Sequence[str] = ()) -> Experiment:
        """Read a config file and apply overrides such as ``max_epoch=1 net.backbone=resnet18``.

        Raises:
            ConfigError: no such file, a fault in it, an unknown name, a value of a wrong type.
        """
        path = Path(path)
        known = {f.name: f for f in fields(cls) if f.metadata.get("setting", True)}
        values = _execute(path, known)
        hints = typing.get_type_hints(cls)
        for name in values:
            if name not in known:
                raise ConfigError(f"{path}: unknown setting {name!r}{_nearest(name, known)}")
        for name in ("dataset", "net"):
            if name not in values:
                raise ConfigError(f"{path} does not set {name!r}, which has no default")
        for name in BUILDERS & values.keys():
            values[name] = _as_partial(values[name], f"{path}: {name}")
        experiment = cls(**values, config_path=path, overrides=tuple(overrides))
        for override in overrides:
            experiment._override(override, known)
        for name in known:
            _check_value(name, getattr(experiment, name), hints[name], str(path))
        experiment._check_ranges()
        experiment.name = experiment.name or path.stem
        if Path(experiment.name).name != experiment.name:
            raise ConfigError(f"name={experiment.name!r}: it names a folder, so without slashes")
        return experiment

    def build_dataset(self) -> DatasetLayout:
        """The layout of the dataset; its files are not looked at yet."""
        return _build(self.dataset, "dataset")

    def build_net(self, spec: DatasetSpec, pretrained: bool = True) -> nn.Module:
        """The network for a dataset.

        Args:
            spec: of the dataset.
            pretrained: False leaves pretrained weights out (and downloads nothing), for a network
                that is about to load a checkpoint.
        """
        net = _complete(self.net, "net", num_classes=spec.num_classes, in_chans=len(spec.mean))
        without = {} if pretrained else _accepted(self.net, {"pretrained": False})
        return _build(partial(net, **without), "net")

    def build_loss(self, spec: DatasetSpec) -> nn.Module:
        """The loss for a dataset."""
        return _build(_complete(self.loss, "loss", ignore_index=spec.ignore_index), "loss")

    def build_transform(self, spec: DatasetSpec) -> Transform:
        """The transform of training samples for a dataset."""
        transform = _complete(self.transform, "transform", ignore_index=spec.ignore_index)
        return _build(transform, "transform")

    def build_data(self, layout: DatasetLayout) -> SegmentationDataModule:
        """The data loaders over a layout."""
        return SegmentationDataModule(
            layout,
            self.build_transform(layout.spec),
            self.train_batch_size,
            self.val_batch_size,
            self.repeat,
            self.num_workers,
            self.seed,
        )

    def check(self, layout: DatasetLayout, samples: Sequence[Sample]) -> None:
        """Look samples over before anything is written; ``check_data`` says how thoroughly.

        Raises:
            DataError: naming every faulty file.
        """
        if self.check_data:
            check_contents(layout, samples)
        else:
            check_sizes(samples)

    def settings(self) -> dict[str, str]:
        """All settings as text, as they are after the overrides."""
        return {
            f.name: _described(getattr(self, f.name))
            for f in fields(self)
            if f.metadata.get("setting", True)
        }

    def _override(self, text: str, known: Mapping[str, Any]) -> None:
        path, equals, value = text.partition("=")
        root, *rest = path.strip().split(".")
        if not equals or not root:
            raise ConfigError(f"override {text!r} is not of the form name=value")
        if root not in known:
            raise ConfigError(f"override {text!r}: unknown setting {root!r}{_nearest(root, known)}")
        old = getattr(self, root)
        if not rest and isinstance(old, partial):
            raise ConfigError(
                f"override {text!r}: {root} is built by {old.func.__name__}; "
                f"override its parameters, as {root}.{next(iter(_parameters(old)), 'name')}=..."
            )
        setattr(self, root, _replaced(old, rest, _parse(value), text))

    def _check_ranges(self) -> None:
        at_least = {
            "max_epoch": 1,
            "train_batch_size": 1,
            "val_batch_size": 1,
            "repeat": 1,
            "num_workers": 0,
            "val_every": 1,
            "accumulate": 1,
            "lookahead_k": 0,
            "lr_min": 0,
            "weight_decay": 0,
            "warmup_epoch": 0,
            "num_nodes": 1,
            "sample_every": 0,
            "sample_images": 1,
            "seed": 0,
            "checkpoint_every_minutes": 0,
        }
        for name, least in at_least.items():
            if not getattr(self, name) >= least:
                raise ConfigError(f"{name}={getattr(self, name)}: at least {least}")
        at_most = {"lr": 1000, "clip_norm": 1e9, "lookahead_alpha": 1}
        for name, most in at_most.items():
            value = getattr(self, name)
            if value is not None and not 0 < value <= most:
                raise ConfigError(f"{name}={value}: a number above 0 and at most {most:g}")
        if self.seed >= 2**32:
            raise ConfigError(f"seed={self.seed}: below 2^32")
        if self.val_every > self.max_epoch:
            raise ConfigError(
                f"val_every={self.val_every}, but max_epoch={self.max_epoch}: no checkpoint would "
                "ever be the best"
            )
        for name, known in (("accelerator", ACCELERATORS), ("logger", LOGGERS)):
            if getattr(self, name) not in known:
                raise ConfigError(f"{name}={getattr(self, name)!r}: one of {', '.join(known)}")


def _execute(path: Path, known: Container[str]) -> dict[str, Any]:
    """Run a config file; what it imports or defines for itself is no setting."""
    if not path.is_file():
        raise ConfigError(f"no config file {path}")
    # Config files of different datasets share their name, so each gets a module name of its own.
    module_name = "config_" + "_".join(path.resolve().with_suffix("").parts[-3:])
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None:
        raise ConfigError(f"{path} is not a Python file (.py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise ConfigError(f"{path}, line {error.lineno}: {error.msg}") from error
    except (Exception, SystemExit) as error:  # a config may hold any Python
        raise ConfigError(f"{path}{_line_in(path, error)}: {error!r}") from error
    return {
        name: value
        for name, value in vars(module).items()
        if name in known or (name[0].islower() and not isinstance(value, _HELPERS))
    }


_HELPERS = (
    types.ModuleType,
    type,
    types.FunctionType,
    types.BuiltinFunctionType,
    type(annotations),
)


def _as_partial(value: Any, where: str) -> partial:
    if isinstance(value, partial):
        return value
    if not callable(value) or isinstance(value, nn.Module):
        raise ConfigError(
            f"{where} must say how to build it, as partial(BiCoR, backbone='resnet18'); "
            f"got {type(value).__name__}"
        )
    return partial(value)


def _build(call: partial, setting: str) -> Any:
    _parameters(call)
    try:
        inspect.signature(call.func).bind(*call.args, **call.keywords)
    except TypeError as error:
        raise ConfigError(f"{setting}: {call.func.__name__}: {error}") from error
    return call()


def _line_in(path: Path, error: BaseException) -> str:
    line, trace = None, error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f", line {line}" if line else ""


def _parse(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return {"true": True, "false": False, "none": None}.get(text.lower(), text)


def _replaced(old: Any, path: Sequence[str], value: Any, text: str) -> Any:
    if not path:
        return value
    if not isinstance(old, partial):
        raise ConfigError(f"override {text!r}: {'.'.join(path)} does not lie in a partial")
    name, *rest = path
    _check_name(name, old, f"override {text!r}")
    inner = _replaced(old.keywords.get(name), rest, value, text)
    return partial(old.func, *old.args, **{**old.keywords, name: inner})


def _check_name(name: str, call: partial, where: str) -> None:
    known = _parameters(call)
    if name not in known and not _takes_any(known):
        raise ConfigError(
            f"{where}: {call.func.__name__} has no parameter {name!r}{_nearest(name, known)}"
        )


def _parameters(call: Callable) -> dict[str, inspect.Parameter]:
    function = call.func if isinstance(call, partial) else call
    try:
        return dict(inspect.signature(function).parameters)
    except ValueError as error:  # of built-in types
        raise ConfigError(
            f"{function.__name__} cannot build a dataset, net, loss or transform: {error}"
        ) from error


def _takes_any(parameters: Mapping[str, inspect.Parameter]) -> bool:
    return any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def _accepted(call: Callable, arguments: Mapping[str, Any]) -> dict[str, Any]:
    known = _parameters(call)
    return {name: value for name, value in arguments.items() if name in known}


def _complete(call: Callable, setting: str, **facts: Any) -> partial:
    """Add what the dataset knows, unless the config says something else, which is a fault."""
    given = call.keywords if isinstance(call, partial) else {}
    facts = _accepted(call, facts)
    for name, value in facts.items():
        if given.get(name, value) != value:
            raise ConfigError(
                f"{setting}.{name}={given[name]}, but the dataset has {name}={value}; leave it out"
            )
    return partial(call, **facts)


def _check_value(name: str, value: Any, hint: Any, where: str) -> None:
    if not _fits(value, hint):
        raise ConfigError(f"{where}: {name}={value!r} is not of type {_type_name(hint)}")
    if not isinstance(value, partial):
        return
    function = value.func.__init__ if isinstance(value.func, type) else value.func
    hints = typing.get_type_hints(function)
    for key, inner in value.keywords.items():
        _check_name(key, value, f"{where}: {name}")
        if key in hints:
            _check_value(f"{name}.{key}", inner, hints[key], where)


def _fits(value: Any, hint: Any) -> bool:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any or isinstance(hint, typing.TypeVar):
        return True
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, argument) for argument in arguments)
    if hint is None or hint is type(None):
        return value is None
    if origin in (Sequence, list, tuple):
        items = arguments[:1] if origin is not tuple or arguments[-1:] == (...,) else ()
        return isinstance(value, list | tuple) and all(_fits(v, h) for v in value for h in items)
    if origin is Mapping:
        return isinstance(value, Mapping) and all(_fits(v, arguments[1]) for v in value.values())
    if origin is Callable or origin is typing.get_origin(Callable[..., Any]):
        return callable(value)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, origin or hint)


def _type_name(hint: Any) -> str:
    name = hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else str(hint)
    return name.replace("collections.abc.", "").replace("typing.", "")


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"


def _described(value: Any) -> str:
    if isinstance(value, partial):
        arguments = [f"{key}={_described(inner)}" for key, inner in value.keywords.items()]
        return f"{value.func.__name__}({', '.join(arguments)})"
    return repr(value)
