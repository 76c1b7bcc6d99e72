"""Reading a network from a model folder: its weights, and what it is, in two files without code.

``network.export.model_folder`` writes such folders.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from network.errors import CheckpointError, first_line
from network.files.model_folder import CARD, CONFIG, WEIGHTS, read_config
from network.models.recorded import build_recorded

FORMAT = 1
"""Number of the form of ``CONFIG``."""
_HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")


def load(source: str | Path) -> nn.Module:
    """The network of a model folder, in evaluation mode.

    Nothing of the folder is executed: ``config.json`` names a network that is installed here (see
    ``network.models.recorded``), ``model.safetensors`` holds tensors. A local folder is read
    without a network connection.

    Args:
        source: path of the folder, or an id ``OWNER/NAME`` on the Hugging Face hub.

    Returns:
        the network; its attribute ``facts`` is what ``config.json`` holds: ``identity`` (classes,
        mean, std, bands, scale, ...) and what is known of the training.

    Raises:
        CheckpointError: no such folder or id, an unreachable hub, or a folder that does not hold
            what it must.
    """
    folder = local_folder(source)
    facts, weights = read_folder(folder)
    identity = facts["identity"]
    net = build_recorded(identity["network"], identity["settings"], identity["objects"], folder)
    try:
        net.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(
            f"{folder / WEIGHTS} holds another network than {CONFIG} says: "
            f"{' '.join(str(error).split())[:300]}"
        ) from error
    net.facts = facts
    return net.eval()


def local_folder(source: str | Path) -> Path:
    """The folder itself, or where a hub's copy of it was put.

    Raises:
        CheckpointError: no such folder, or a hub that does not give it.
    """
    if Path(source).is_dir():
        return Path(source)
    if not _HUB_ID.fullmatch(str(source)):
        raise CheckpointError(f"no model folder {source} (and no id OWNER/NAME on a hub)")
    try:
        from huggingface_hub import snapshot_download

        return Path(snapshot_download(str(source), allow_patterns=[CONFIG, WEIGHTS, CARD]))
    except Exception as error:  # the hub's client raises whatever it likes
        raise CheckpointError(
            f"no folder {source} here, and the Hugging Face hub does not give it "
            f"({type(error).__name__}: {first_line(error)}): look at the name, or get the folder "
            "in another way and name its path"
        ) from error


def read_folder(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What ``CONFIG`` says, and the weights by their names.

    Raises:
        CheckpointError: files that are missing, damaged, or of a later form.
    """
    facts = read_config(folder)
    identity = facts["identity"]
    kinds = {"network": str, "settings": dict, "objects": dict}
    if not all(isinstance(identity.get(name), kind) for name, kind in kinds.items()):
        raise CheckpointError(f"{folder / CONFIG} does not say what network it is of")
    if facts.get("format") != FORMAT:
        raise CheckpointError(
            f"{folder / CONFIG} has form {facts.get('format')!r}, and this version reads {FORMAT}"
        )
    try:
        from safetensors.torch import load_file

        return facts, load_file(folder / WEIGHTS)
    except Exception as error:  # of a damaged file
        raise CheckpointError(f"{folder / WEIGHTS} is damaged: {first_line(error)}") from error
