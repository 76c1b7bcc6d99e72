"""A checkpoint of weights and what they mean, without the state of a training."""

from __future__ import annotations

import copy
from pathlib import Path

from torch import nn

from network.errors import CheckpointError, OutputError
from network.export.checking import check_same
from network.export.facts import facts_of
from network.inference.checkpoint_files import (
    WholeFiles,
    as_stored,
    load_checkpoint,
    load_weights,
)
from network.inference.segmenter import Segmenter
from network.models.recorded import build_recorded


def write_stripped(segmenter: Segmenter, target: str | Path) -> float:
    """Write a network as a checkpoint that all scripts take, but no training goes on from.

    It is read again at once and compared with the network on test images.

    Args:
        segmenter: the network.
        target: a file that does not exist yet.

    Returns:
        the largest difference of a probability.

    Raises:
        ExportError: what was written predicts something else; it is removed.
        OutputError: the target exists or cannot be written.
    """
    target = Path(target)
    if target.exists():
        raise OutputError(f"{target} exists; give another name, or move it away")
    weights = {name: v.detach().cpu().clone() for name, v in segmenter.net.state_dict().items()}
    content = facts_of(segmenter) | {"state_dict": as_stored(weights)}
    WholeFiles().save_checkpoint(content, target)
    try:
        return check_same(segmenter, _read(segmenter, target))
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _read(segmenter: Segmenter, path: Path) -> nn.Module:
    """The network of a file: built from its record where that suffices, else of the same make."""
    identity = segmenter.identity
    try:
        net = build_recorded(identity.network, identity.settings, identity.objects, path)
    except CheckpointError:
        net = copy.deepcopy(segmenter.net)
        for parameter in net.parameters():
            parameter.detach().zero_()
    load_weights(net, load_checkpoint(path), path, "its own record")
    return net
