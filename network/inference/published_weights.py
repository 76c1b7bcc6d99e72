"""Checkpoints of the published BiCoR-Seg code, under the names of our network."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from network.errors import CheckpointError, ConfigError, OutputError
from network.experiment import Experiment
from network.files.hashing import file_hash
from network.inference.checkpoint_files import WholeFiles, as_stored, read_tensors
from network.inference.checkpoint_keys import CONVERTED, IDENTITY
from network.inference.identity import Identity

Shape = Callable[[Tensor], Tensor]


def _as_it_is(value: Tensor) -> Tensor:
    return value


def _vector(value: Tensor) -> Tensor:
    return value.flatten()


def _matrix(value: Tensor) -> Tensor:
    """A 1x1 convolution as the matrix that it is."""
    return value.flatten(1) if value.shape[2:] == (1, 1) else value


def _convolution(value: Tensor) -> Tensor:
    """A matrix as the 1x1 convolution that it is; a vector, as a bias, as it is."""
    return value[:, :, None, None] if value.ndim == 2 else value


_BACKBONE = "encoder.backbone.net."
_BLOCK = {"block.0": "conv_dw", "block.2": "norm", "block.3": "mlp.fc1", "block.5": "mlp.fc2"}
_LAYER: dict[str, tuple[str, Shape]] = {
    "dict_to_feat": ("heatmap.query", _matrix),
    "feat_to_dict": ("f2ce.value", _matrix),
    "gate_mlp.0": ("f2ce.gate.0", _as_it_is),
    "gate_mlp.2": ("f2ce.gate.2", _as_it_is),
    "cand_mlp.0": ("f2ce.candidate.0", _as_it_is),
    "cand_mlp.2": ("f2ce.candidate.2", _as_it_is),
    "gamma_proj": ("ce2f.gamma", _as_it_is),
    "beta_proj": ("ce2f.beta", _as_it_is),
    "feat_ln": ("feature_norm", _as_it_is),
    "dict_ln": ("embedding_norm", _as_it_is),
}
_OTHERS = {
    "feature_aggregator.weight": "encoder.fusion.mix.weight",
    "decoder.class_dict.class_embed.weight": "class_embeddings",
    "decoder.upsampler.1.weight": "head.norm.weight",
    "decoder.upsampler.1.bias": "head.norm.bias",
    "decoder.classifier_proj.weight": "class_weights.weight",
    "decoder.static_classifier.weight": "aux_class_weights.weight",
}


def convert(source: str | Path, target: str | Path, experiment: Experiment) -> None:
    """Write a checkpoint of the published code as one that the test scripts take.

    Args:
        source: Lightning checkpoint (names beginning with ``net.``) or bare state dict.
        target: a file that does not exist yet.
        experiment: the config whose network it is; settings that leave no trace in the weights,
            as ``topk_ratio``, are the config's.

    Raises:
        CheckpointError: not readable, or not a checkpoint of that network.
        ConfigError: the config builds another network.
        OutputError: the target exists or cannot be written.
    """
    target = Path(target)
    if target.exists():
        raise OutputError(f"{target} exists; give another name, or move it away")
    content = read_tensors(source)
    weights = _published_weights(content, source)
    spec = experiment.build_dataset().spec
    net = experiment.build_net(spec, pretrained=False)
    own = net.state_dict()
    _check_settings(weights, net, source)
    converted = _renamed(weights, own, source)
    stored: dict[str, Any] = {
        "state_dict": as_stored(converted),
        CONVERTED: {"from": str(source), "sha256": file_hash(source)},
        IDENTITY: Identity.of(experiment, spec).record(),
    }
    if isinstance(content.get("epoch"), int):
        stored["epoch"] = content["epoch"]
    WholeFiles().save_checkpoint(stored, target)


def _published_weights(content: Mapping[str, Any], source: str | Path) -> dict[str, Tensor]:
    """The tensors of the network, without the prefix of the LightningModule."""
    found = content.get("state_dict", content)
    if not isinstance(found, Mapping) or not found:
        raise CheckpointError(f"{source} holds no weights: no 'state_dict', and it is none itself")
    weights = {str(name).removeprefix("net."): value for name, value in found.items()}
    if not all(isinstance(value, Tensor) for value in weights.values()):
        strange = [name for name, value in weights.items() if not isinstance(value, Tensor)]
        raise CheckpointError(f"{source} is not a state dict: {_some(strange)} are no tensors")
    return weights


def _check_settings(weights: Mapping[str, Tensor], net: nn.Module, source: str | Path) -> None:
    """Compare what shows in the names and shapes of the file with the config's network.

    Raises:
        CheckpointError: the file is of another kind of network.
        ConfigError: the config must be changed, and how.
    """
    embeddings = weights.get("decoder.class_dict.class_embed.weight")
    if embeddings is None or embeddings.ndim != 2:
        raise CheckpointError(
            f"{source} is not a checkpoint of the published BiCoR-Seg code: it lacks "
            "decoder.class_dict.class_embed.weight [classes, channels]"
        )
    own = net.state_dict()
    if "class_embeddings" not in own or f"{_BACKBONE}stages_0.blocks.0.gamma" not in own:
        raise ConfigError(
            "the config's network is not a BiCoR on a ConvNeXt of timm, as the published one is: "
            "set net.backbone=convnext_base (or another size of it)"
        )
    layers = {
        int(found[1])
        for name in weights
        if (found := re.match(r"decoder\.bicor_stack\.layers\.(\d+)\.", name))
    }
    classes, channels = embeddings.shape
    own_classes, own_channels = own["class_embeddings"].shape
    if classes != own_classes:
        raise ConfigError(
            f"{source} has {classes} classes, but the config's dataset {own_classes}; take the "
            "config of the dataset that it was trained on"
        )
    for name, found, configured in (
        ("num_hbis", len(layers), len(net.hbis)),
        ("embed_dim", channels, own_channels),
    ):
        if found != configured:
            raise ConfigError(
                f"{source} has {name} {found}, the config's network {configured}: add "
                f"net.{name}={found}"
            )


def _renamed(
    weights: Mapping[str, Tensor], own: Mapping[str, Tensor], source: str | Path
) -> dict[str, Tensor]:
    """The weights under our names.

    Raises:
        CheckpointError: names that are unknown or missing, or tensors of another shape.
    """
    levels = {
        own[name].shape[1]: name.rpartition(".")[0]
        for name in own
        if re.fullmatch(r"encoder\.fusion\.projections\.\d+\.weight", name)
    }
    converted, faults = {}, []
    for name, value in weights.items():
        place = _place(name, weights, levels)
        if place is None or place[0] not in own:
            faults.append(f"unknown {name}")
            continue
        new, shape = place
        value = shape(value)
        if value.shape != own[new].shape:
            faults.append(f"{name} is {_size(value)}, not {_size(own[new])}")
        elif new in converted:
            faults.append(f"{name} is there twice")
        converted[new] = value.to(own[new].dtype)
    faults += [f"missing: what is {name} here" for name in own if name not in converted]
    if faults:
        raise CheckpointError(
            f"{source} does not fit the published network of this config: {_some(faults)}"
        )
    return converted


def _place(
    name: str, weights: Mapping[str, Tensor], levels: Mapping[int, str]
) -> tuple[str, Shape] | None:
    """Our name of a published tensor, and how its shape is changed; None if it is not known."""
    if name in _OTHERS:
        return _OTHERS[name], _as_it_is
    module, _, kind = name.rpartition(".")
    if found := re.fullmatch(r"decoder\.bicor_stack\.layers\.(\d+)\.(.+)", module):
        new, shape = _LAYER.get(found[2], (None, _as_it_is))
        return None if new is None else (f"hbis.{found[1]}.{new}.{kind}", shape)
    if re.fullmatch(r"proj_layers\.\d+\.proj", module):
        weight = weights.get(f"{module}.weight")
        level = levels.get(weight.shape[1]) if weight is not None and weight.ndim == 2 else None
        return None if level is None else (f"{level}.{kind}", _convolution)
    if found := re.fullmatch(r"encoder\.0\.0\.([01])", module):
        return f"{_BACKBONE}stem_{found[1]}.{kind}", _as_it_is
    if found := re.fullmatch(r"encoder\.0\.(\d+)\.(\d+)(?:\.(.+))?", module):
        index, part, inner = int(found[1]), found[2], found[3]
        stage = f"{_BACKBONE}stages_{index // 2 if index % 2 == 0 else (index - 1) // 2}"
        if index % 2 == 0 and inner is None:
            return f"{stage}.downsample.{part}.{kind}", _as_it_is
        if index % 2 and inner is None and kind == "layer_scale":
            return f"{stage}.blocks.{part}.gamma", _vector
        if index % 2 and inner in _BLOCK:
            return f"{stage}.blocks.{part}.{_BLOCK[inner]}.{kind}", _as_it_is
    return None


def _size(value: Tensor) -> str:
    return "x".join(map(str, value.shape)) or "a single number"


def _some(texts: list[str]) -> str:
    more = f"; and {len(texts) - 5} more" if len(texts) > 5 else ""
    return "; ".join(texts[:5]) + more
