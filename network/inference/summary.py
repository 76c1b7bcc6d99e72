"""What a checkpoint is, without its config, its tensors, the network or any code in it.

Imports nothing that takes time, so that the answer comes at once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from network.errors import CheckpointError
from network.files.model_folder import WEIGHTS, outline_of_weights, read_config
from network.files.tensor_archive import TensorOutline, outline
from network.inference.checkpoint_keys import (
    CONVERTED,
    EMA_DECAY,
    IDENTITY,
    IMAGE_TYPE,
    PROTOCOL,
    SAID,
    SETTINGS,
    VERSIONS,
    averaged_from,
    scores_of,
)

TRAINED = "a checkpoint of train.py"
FROM_PUBLISHED = "a converted checkpoint of the published BiCoR-Seg code"
PUBLISHED = "a checkpoint of the published BiCoR-Seg code"
EARLIER = "a checkpoint of an earlier version of train.py"
UNKNOWN = "weights of an unknown network"
FOLDER = "a model folder"
_NET = "net."
_FOLDER = "of a folder"
_PUBLISHED_CLASSES = "decoder.class_dict.class_embed.weight"
_PUBLISHED_LAYER = re.compile(r"decoder\.bicor_stack\.layers\.(\d+)\.")
_OF_EARLIER = ("progress", PROTOCOL)
_LIGHTNING = "pytorch-lightning_version"
_READ = (*SAID, "global_step", "callbacks", _LIGHTNING)
_KINDS = {
    "network": str, "settings": dict, "objects": dict, "first_weights": dict, "dataset": str,
    "classes": list, "colors": list, "ignore_index": int, "unscored": list, "mean": list,
    "std": list, "bands": int, "band_numbers": list, "scale": list, "alpha": str,
    "band_names": list, "d4": dict,
}  # fmt: skip
_LATER = {"band_numbers": [], "scale": [], "alpha": "", "band_names": [], "d4": {}}
"""What checkpoints did not say from the beginning."""
_MOST, _DEEPEST = 1_000_000, 12


def summarise(path: str | Path) -> dict[str, Any]:
    """The facts of a checkpoint, as plain values; None stands for what it does not say.

    Args:
        path: of the checkpoint, or of a model folder.

    Returns:
        ``kind``; ``network`` (name, settings, ...), ``dataset`` (classes, bands, ...), ``training``
        (protocol, epoch, scores, versions, ...), ``converted``, ``published`` (what shows in the
        names of a published one) and ``size``.

    Raises:
        CheckpointError: missing, damaged, of another kind, or holding code, which is not executed.
    """
    path = Path(path)
    content = _of_folder(path) if path.is_dir() else outline(path)
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path} is no checkpoint: it holds a {type(content).__name__}")
    tensors = content.get("state_dict", content)
    tensors = tensors if isinstance(tensors, Mapping) else {}
    tensors = {str(name): value for name, value in tensors.items()}
    weights = {n: value for n, value in tensors.items() if isinstance(value, TensorOutline)}
    if not weights:
        raise CheckpointError(f"{path} is no checkpoint: it holds no weights ('state_dict')")
    said = _plain({key: content[key] for key in _READ if key in content})
    identity = _identity(said, path)
    published = _published(weights)
    own = {name: value for name, value in weights.items() if name.startswith(_NET)}
    return {
        "file": str(path),
        "kind": _kind(content, identity, published),
        "network": identity and _network(identity),
        "dataset": identity and _dataset(identity, said),
        "published": published,
        "training": _training(said) | {"resumable": "optimizer_states" in content},
        "converted": said.get(CONVERTED),
        "ema_decay": said.get(EMA_DECAY),
        "averaged_from": averaged_from(said) or None,
        "size": {
            "file_bytes": _size(path),
            "weights_bytes": _bytes(own or weights),
            "parameters": sum(
                _count(value) for value in (own or weights).values() if "float" in value.dtype
            ),
        },
    }


def _of_folder(folder: Path) -> dict[str, Any]:
    """A model folder as the checkpoint that it was made of."""
    weights = outline_of_weights(folder / WEIGHTS) if (folder / WEIGHTS).is_file() else {}
    named = {_NET + name: value for name, value in weights.items()}
    return read_config(folder) | {"state_dict": named, _FOLDER: True}


def _size(path: Path) -> int:
    """Bytes of a file, or of those of a folder."""
    files = path.iterdir() if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _kind(content: Mapping[str, Any], identity: Mapping | None, published: Mapping | None) -> str:
    if published:
        return PUBLISHED
    if identity is None:
        return EARLIER if any(key in content for key in _OF_EARLIER) else UNKNOWN
    if content.get(CONVERTED):
        return FROM_PUBLISHED
    return FOLDER if _FOLDER in content else TRAINED


def _identity(content: Mapping[str, Any], path: str | Path) -> dict[str, Any] | None:
    """The record of network and dataset, as far as a summary needs it.

    Raises:
        CheckpointError: it is damaged.
    """
    if IDENTITY not in content:
        return None
    record = content[IDENTITY]
    if isinstance(record, dict) and _is_whole(_LATER | record):
        return _LATER | record
    raise CheckpointError(f"{path}: its record of network and dataset ({IDENTITY!r}) is damaged")


def _is_whole(record: Mapping[str, Any]) -> bool:
    return (
        all(isinstance(record.get(name), kind) for name, kind in _KINDS.items())
        and len(record["classes"]) == len(record["colors"])
        and all(_are_numbers(color) and len(color) == 3 for color in record["colors"])
        and all(_are_numbers(record[name]) for name in ("mean", "std", "scale"))
        and len(record["scale"]) in (0, 2)
        and _are_numbers(record["d4"].get("scales", []))
    )


def _are_numbers(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, int | float) for value in values)


def _network(identity: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": identity["network"],
        "settings": identity["settings"],
        "objects": identity.get("objects"),
        "first_weights": identity.get("first_weights"),
    }


def _dataset(identity: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    names = ("unscored", "ignore_index", "bands", "band_numbers", "band_names", "scale", "mean",
             "std", "alpha", "d4")  # fmt: skip
    return {
        "name": identity.get("dataset"),
        "classes": dict(zip(map(str, identity["classes"]), identity["colors"], strict=True)),
        **{name: identity.get(name) for name in names},
        "image_type": content.get(IMAGE_TYPE),
    }


def _training(content: Mapping[str, Any]) -> dict[str, Any]:
    epoch, step = content.get("epoch"), content.get("global_step")
    versions, protocol = content.get(VERSIONS), content.get(PROTOCOL)
    if not isinstance(versions, dict):
        known = content.get(_LIGHTNING)
        versions = None if known is None else {"pytorch-lightning": known}
    return {
        "epoch": epoch + 1 if isinstance(epoch, int) else None,
        "step": step,
        "scores": scores_of(content) or None,
        "protocol": protocol if isinstance(protocol, dict) else None,
        "versions": versions,
        "settings": content.get(SETTINGS),
    }


def _published(weights: Mapping[str, TensorOutline]) -> dict[str, int] | None:
    """What shows in the names and shapes of the published code; None for any other."""
    bare = {name.removeprefix(_NET): value for name, value in weights.items()}
    classes = bare.get(_PUBLISHED_CLASSES)
    if classes is None or len(classes.shape) != 2:
        return None
    layers = {found[1] for name in bare if (found := _PUBLISHED_LAYER.match(name))}
    return {
        "num_classes": classes.shape[0],
        "embed_dim": classes.shape[1],
        "num_hbis": len(layers),
    }


def _bytes(weights: Mapping[str, TensorOutline]) -> int:
    """Of all tensors, those that share their values once."""
    places: dict[str, int] = {}
    for value in weights.values():
        places[value.place] = max(places.get(value.place, 0), value.bytes)
    return sum(places.values())


def _count(value: TensorOutline) -> int:
    return value.bytes // value.item_bytes


def _plain(value: Any) -> Any:
    """Plain values of a foreign file: texts as keys, no NaN, not without end; None for others."""
    left = _MOST

    def found(value: Any, depth: int) -> Any:
        nonlocal left
        left -= 1
        if value is None or isinstance(value, bool | int | str):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else None
        if isinstance(value, TensorOutline) or depth > _DEEPEST or left < 0:
            return None
        if isinstance(value, Mapping):
            return {str(key): found(inner, depth + 1) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [found(inner, depth + 1) for inner in value]
        return None

    return found(value, 0)
