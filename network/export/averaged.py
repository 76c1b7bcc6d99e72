"""One network of the mean weights of several, as those of the last epochs of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from network.errors import CheckpointError, ConfigError, ExportError, OutputError
from network.files.hashing import file_hash
from network.inference.agreement import differing
from network.inference.checkpoint_files import WholeFiles, load_checkpoint, weights_file
from network.inference.checkpoint_keys import (
    AVERAGED,
    EMA_DECAY,
    IDENTITY,
    IMAGE_TYPE,
    PROTOCOL,
    SETTINGS,
    VERSIONS,
)
from network.inference.identity import Identity
from network.inference.protocols import joined_protocol

_NET = "net."
_MUST_AGREE = ("network", "settings", "objects", "classes", "ignore_index", "bands", "band_numbers",
               "scale", "alpha", "mean", "std")  # fmt: skip
_KEPT_WHERE_EQUAL = (SETTINGS, VERSIONS, IMAGE_TYPE, EMA_DECAY)


def average_checkpoints(paths: Sequence[str | Path], target: str | Path) -> list[str]:
    """Write the mean of the weights of several checkpoints as one, without a training's state.

    Floating-point tensors are averaged in double precision, statistics of batch norms among them;
    whole numbers are those of the last one. Scores and epochs are left out, as they are of others;
    images that any of the checkpoints was trained on count as trained on.

    Args:
        paths: of checkpoints of one network for one dataset.
        target: a file that does not exist yet.

    Returns:
        what its user must know.

    Raises:
        ConfigError: fewer than two, or one of them twice.
        CheckpointError: they differ in network, settings, classes, bands or normalisation, each of
            which is named, or do not say.
        ExportError: what was written is not what was meant; it is removed.
        OutputError: the target exists or cannot be written.
    """
    target = Path(target)
    if target.exists():
        raise OutputError(f"{target} exists; give another name, or move it away")
    files = [weights_file(path) for path in paths]
    checkpoints = [load_checkpoint(path) for path in files]
    digests = [file_hash(path) for path in files]
    if len(set(digests)) < max(2, len(files)):
        raise ConfigError(
            f"{', '.join(map(str, paths))}: an average is of at least two different checkpoints"
        )
    identities = [_identity(*each) for each in zip(checkpoints, files, strict=True)]
    for path, identity in zip(files[1:], identities[1:], strict=True):
        _check_agreement(identities[0], identity, files[0], path)
    weights, notes = _mean([_weights(each) for each in checkpoints], files)
    for name in _KEPT_WHERE_EQUAL:
        if differs := _differing(checkpoints, name):
            notes.append(f"{name} is left out: it differs in {files[0]} and {files[differs]}")
    content = {n: checkpoints[0][n] for n in _KEPT_WHERE_EQUAL if n in checkpoints[0]
               and not _differing(checkpoints, n)}  # fmt: skip
    sources = zip(files, digests, checkpoints, strict=True)
    content |= {
        IDENTITY: identities[0].record(),
        PROTOCOL: joined_protocol([each.get(PROTOCOL) for each in checkpoints]),
        AVERAGED: {
            "from": [{"path": str(path), "sha256": digest, "epoch": _epoch(checkpoint)}
                     for path, digest, checkpoint in sources],
            "notes": notes,
        },
        "state_dict": weights,
    }  # fmt: skip
    WholeFiles().save_checkpoint({k: v for k, v in content.items() if v is not None}, target)
    found = load_checkpoint(target)["state_dict"]
    if not all(torch.equal(found[name], value) for name, value in weights.items()):
        target.unlink()
        raise ExportError(f"{target} did not hold what was written; it was removed")
    return notes


def _identity(checkpoint: Mapping[str, Any], path: Path) -> Identity:
    identity = Identity.stored(checkpoint, path)
    if identity is None:
        raise CheckpointError(
            f"{path} does not say what network it holds, as those of earlier versions: it cannot "
            "be averaged with others"
        )
    return identity


def _check_agreement(first: Identity, other: Identity, path: Path, other_path: Path) -> None:
    """Refuse networks that differ, by name.

    Raises:
        CheckpointError: they do.
    """
    if found := differing(first, other, _MUST_AGREE):
        raise CheckpointError(f"{path} and {other_path} are no checkpoints of one network: {found}")


def _weights(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    return {n: v for n, v in checkpoint["state_dict"].items() if n.startswith(_NET)}


def _mean(
    networks: Sequence[Mapping[str, Tensor]], paths: Sequence[Path]
) -> tuple[dict[str, Tensor], list[str]]:
    for path, weights in zip(paths[1:], networks[1:], strict=True):
        shapes = [{n: v.shape for n, v in each.items()} for each in (networks[0], weights)]
        if shapes[0] != shapes[1]:
            odd = {n for n, _ in shapes[0].items() ^ shapes[1].items()}
            raise CheckpointError(
                f"{paths[0]} and {path} hold different tensors: {', '.join(sorted(odd)[:5])}"
            )
    mean = {}
    for name, last in networks[-1].items():
        values = [each[name] for each in networks]
        is_float = last.is_floating_point()
        total = sum(value.double() for value in values) if is_float else None
        mean[name] = (total / len(values)).to(last.dtype) if is_float else last.clone()
        if is_float and not mean[name].isfinite().all():
            raise CheckpointError(f"the mean of {name.removeprefix(_NET)} is not finite")
    norms = sum(name.endswith(".running_var") for name in mean)
    notes = []
    if norms:
        notes.append(
            f"statistics of {norms} batch norms are the mean of the checkpoints' own, not those of "
            "images that the averaged network has seen: compare its scores"
        )
    return mean, notes


def _differing(checkpoints: Sequence[Mapping[str, Any]], name: str) -> int:
    """Index of the first checkpoint that says something else than the first; 0 for none."""
    said = checkpoints[0].get(name)
    return next((i for i, each in enumerate(checkpoints) if each.get(name) != said), 0)


def _epoch(checkpoint: Mapping[str, Any]) -> int | None:
    epoch = checkpoint.get("epoch")
    return epoch + 1 if isinstance(epoch, int) else None
