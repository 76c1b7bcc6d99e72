"""Where a run's checkpoints lie, and loading a network from one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO
from torch import Tensor, nn

from network.datasets.catalog import DatasetSpec
from network.errors import CheckpointError, OutputError, UserError, first_line
from network.experiment import Experiment
from network.files.model_folder import WEIGHTS
from network.files.writing import replacing
from network.inference.agreement import as_trained
from network.inference.checkpoint_keys import (
    EMA_DECAY,
    SAID,
    SCORES,
    SETTINGS,
    averaged_from,
    scores_of,
)
from network.inference.checkpoint_keys import IMAGE_TYPE as IMAGE_TYPE
from network.models.model_folder import read_folder

WEIGHTS_ROOT = Path("model_weights")
BEST = "best.ckpt"
LAST = "last.ckpt"
RESUMABLE = ("epoch", "global_step", "optimizer_states", "lr_schedulers", "loops")
_PREFIX = "net."


class WholeFiles(TorchCheckpointIO):
    """Writes a checkpoint beside the earlier one, to the disk, and then in its place."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        """Write a checkpoint whole or not at all.

        Raises:
            OutputError: it cannot be written; the one that was there is still there.
        """
        path = Path(path)
        try:
            with replacing(path) as temporary, temporary.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
        except (OSError, RuntimeError) as error:  # torch's writer turns the one into the other
            reason = _root(error)
            kept = "; the one before it is kept" if path.is_file() else ""
            raise OutputError(f"cannot write {path}: {reason}{kept}") from error


def remove_unfinished(folder: Path) -> None:
    """Remove what a run that was killed while it wrote a checkpoint has left."""
    for name in (BEST, LAST):
        for path in folder.glob(f".{Path(name).stem}.*{Path(name).suffix}"):
            path.unlink(missing_ok=True)


def _root(error: BaseException) -> str:
    """The system's own words for a failed writing."""
    while not isinstance(error, OSError | UserError) and (error.__context__ or error.__cause__):
        error = error.__context__ or error.__cause__
    return getattr(error, "strerror", None) or str(error).splitlines()[0]


def run_folder(dataset: str, name: str) -> Path:
    """Folder of a run's checkpoints and its record."""
    return WEIGHTS_ROOT / dataset / name


def find_checkpoint(folder: Path, file_name: str, advice: str) -> Path:
    """The checkpoint of that name in a run's folder.

    Raises:
        CheckpointError: there is none.
    """
    path = folder / file_name
    if not path.is_file():
        raise CheckpointError(f"no checkpoint {path}: {advice}")
    return path


def load_checkpoint(path: str | Path, to_resume: bool = False) -> dict:
    """Read a checkpoint; only tensors and plain values are accepted, code in it is never run.

    Args:
        path: of the checkpoint, or of a model folder or its weights.
        to_resume: it must hold the state of a training as well.

    Raises:
        CheckpointError: missing, damaged, or more than tensors and plain values.
    """
    path = weights_file(path)
    checkpoint = _of_folder(path) if path.name == WEIGHTS else read_tensors(path)
    if not isinstance(checkpoint.get("state_dict"), dict):
        raise CheckpointError(f"{path} is not a checkpoint of train.py: it has no 'state_dict'")
    missing = [key for key in RESUMABLE if key not in checkpoint] if to_resume else []
    if missing:
        raise CheckpointError(f"{path} cannot be resumed: it lacks {', '.join(missing)}")
    return checkpoint


def weights_file(path: str | Path) -> Path:
    """The file with the weights of a network: of a model folder, or the checkpoint itself."""
    path = Path(path)
    return path / WEIGHTS if path.is_dir() else path


def _of_folder(path: Path) -> dict[str, Any]:
    """A model folder as the checkpoint that it was made of."""
    facts, weights = read_folder(path.parent)
    facts = {name: value for name, value in facts.items() if name in SAID}
    return facts | {"state_dict": as_stored(weights)}


def read_tensors(path: str | Path) -> dict:
    """Read a file of tensors and plain values; code in it is never run.

    Raises:
        CheckpointError: missing, damaged, or more than tensors and plain values by name.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"no checkpoint {path}")
    try:
        content = _loaded(path)
    except Exception as error:  # torch and pickle raise many kinds for a file that is no checkpoint
        raise CheckpointError(
            f"{path} cannot be read as a checkpoint: damaged, or holding more than tensors and "
            f"plain values ({first_line(error)})"
        ) from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} is not a checkpoint: it holds a {type(content).__name__}")
    return content


def _loaded(path: Path) -> Any:
    """The content; tensors are mapped, so that only those that are used take memory."""
    return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zipfile(path))


def as_stored(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights of a network under the names that they have in a checkpoint."""
    return {_PREFIX + name: value for name, value in weights.items()}


def load_weights(
    net: nn.Module, checkpoint: dict, path: str | Path, says: str = "the config"
) -> None:
    """Copy the weights of a checkpoint into a network.

    Args:
        net: the network.
        checkpoint: its contents.
        path: of it, for messages.
        says: by what the network was built, for messages.

    Raises:
        CheckpointError: they do not fit; classes first, then what differs.
    """
    weights = {
        name.removeprefix(_PREFIX): value
        for name, value in checkpoint["state_dict"].items()
        if name.startswith(_PREFIX) and isinstance(value, Tensor)
    }
    own = net.state_dict()
    classes = "class_embeddings"
    if classes in weights and classes in own and len(weights[classes]) != len(own[classes]):
        raise CheckpointError(
            f"{path} was trained with {len(weights[classes])} classes, but {says}'s dataset "
            f"has {len(own[classes])}; use the config it was trained with"
        )
    differences = [
        *(f"missing {name}" for name in own if name not in weights),
        *(f"unknown {name}" for name in weights if name not in own),
        *(
            f"{name} is {tuple(weights[name].shape)}, {says}'s network has {tuple(own[name].shape)}"
            for name in own
            if name in weights and weights[name].shape != own[name].shape
        ),
    ]
    if differences:
        more = f"; and {len(differences) - 5} more" if len(differences) > 5 else ""
        raise CheckpointError(
            f"{path} holds another network than {says} builds (its settings and overrides "
            f"must be those of the training): {'; '.join(differences[:5])}{more}"
        )
    net.load_state_dict(weights)


def load_network(
    experiment: Experiment, spec: DatasetSpec, path: str | Path
) -> tuple[nn.Module, dict[str, Any], Experiment]:
    """Build a network as its checkpoint says, without pretrained weights, and fill it.

    Where the checkpoint says something else than the config, or nothing, one line tells.

    Args:
        experiment: the config.
        spec: of its dataset.
        path: of the checkpoint.

    Returns:
        the network in evaluation mode; what the checkpoint says beside its tensors; the config
        with the network's settings of the checkpoint.

    Raises:
        CheckpointError: no such checkpoint, or one that contradicts the config.
    """
    checkpoint = load_checkpoint(path)
    check_settings(checkpoint, path)
    experiment, notes = as_trained(experiment, spec, checkpoint, path)
    stored = said(checkpoint, path, notes)
    net = experiment.build_net(spec, pretrained=False)
    load_weights(net, checkpoint, path)
    return net.eval(), stored, experiment


def said(
    checkpoint: Mapping[str, Any], path: str | Path, notes: Sequence[str] = ()
) -> dict[str, Any]:
    """What a checkpoint says beside its tensors, with ``notes`` for its user, which are printed.

    Args:
        checkpoint: its contents.
        path: of it, for messages.
        notes: what else its user must know.
    """
    notes = list(notes)
    if EMA_DECAY in checkpoint:
        notes.append(
            f"{path} holds weights averaged in training (ema_decay={checkpoint[EMA_DECAY]:g}), "
            "which are used"
        )
    if sources := averaged_from(checkpoint):
        notes.append(f"{path} holds the mean of the weights of {', '.join(sources)}")
    for note in notes:
        print(f"note: {note}")
    scores = {SCORES: found} if (found := scores_of(checkpoint)) else {}
    found = {name: checkpoint[name] for name in SAID if name in checkpoint}
    return found | scores | {"notes": notes}


def check_settings(checkpoint: Mapping[str, Any], path: str | Path) -> None:
    """Look at a checkpoint's record of its training's settings, where it has one.

    Raises:
        CheckpointError: it is damaged.
    """
    if SETTINGS not in checkpoint:
        return
    settings = checkpoint[SETTINGS]
    texts = isinstance(settings, dict) and all(isinstance(text, str) for text in settings.values())
    if not texts or not settings.get("seed", "").isdigit():
        raise CheckpointError(f"{path}: its record of the training's settings is damaged")
