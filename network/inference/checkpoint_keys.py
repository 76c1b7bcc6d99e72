"""Keys of what a checkpoint says beside its tensors, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

IDENTITY = "identity"
"""For what the network is and what it was trained for (``network.inference.identity``)."""
EMA_DECAY = "ema_decay"
"""Of a checkpoint whose network is the average of the trained weights."""
SETTINGS = "settings"
"""For all settings of its training, as text."""
IMAGE_TYPE = "image_type"
"""For the type of the values that it was trained on."""
PROTOCOL = "protocol"
"""For what was trained and validated on."""
CONVERTED = "converted"
"""For the file of the published code that it was made from."""
VERSIONS = "versions"
"""For the versions of the packages that its training used."""
SCORES = "scores"
"""For the scores of the validation, in a checkpoint without the state of a training."""
AVERAGED = "averaged"
"""For the checkpoints whose weights' mean it holds."""
SAID = (
    *("epoch", PROTOCOL, CONVERTED, AVERAGED, EMA_DECAY, IDENTITY, SETTINGS, IMAGE_TYPE, VERSIONS),
    SCORES,
)
"""What a checkpoint says beside its tensors, as plain values."""
_MEANS = ("val_mIoU", "val_F1", "val_OA")


def scores_of(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """The validation scores that a checkpoint holds.

    Returns:
        ``monitor``: the value that chose the best epoch; ``best``: of it so far; ``epoch`` (from
        1) and the scores of the latest validation, from 0 to 1. Nothing where nothing is recorded.
    """
    if isinstance(stored := checkpoint.get(SCORES), Mapping):
        return dict(stored)
    callbacks = checkpoint.get("callbacks")
    state = callbacks.get("Checkpoints") if isinstance(callbacks, Mapping) else None
    if not isinstance(state, Mapping):
        return {}
    found = {name: state[name] for name in ("monitor", "best") if name in state}
    rows = state.get("log")
    rows = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    validated = [row for row in rows if any(name in row for name in _MEANS)]
    if validated:
        latest = validated[-1]
        names = dict.fromkeys([*_MEANS, found.get("monitor")])
        if isinstance(latest.get("epoch"), int):
            found["epoch"] = latest["epoch"] + 1
        found |= {name: latest[name] for name in names if name in latest}
    return found


def averaged_from(facts: Mapping[str, Any]) -> list[str]:
    """Paths of the checkpoints whose weights' mean a checkpoint holds; none where it holds none."""
    averaged = facts.get(AVERAGED)
    sources = averaged.get("from") if isinstance(averaged, Mapping) else None
    sources = sources if isinstance(sources, list) else []
    return [str(each.get("path")) for each in sources if isinstance(each, Mapping)]
