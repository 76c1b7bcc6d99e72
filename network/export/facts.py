"""What goes with the weights of a network: all that its checkpoint says of it."""

from __future__ import annotations

from typing import Any

from network.inference.checkpoint_keys import IDENTITY, SAID
from network.inference.segmenter import Segmenter


def facts_of(segmenter: Segmenter) -> dict[str, Any]:
    """The facts of a network as plain values, by the keys of checkpoints."""
    facts = {name: segmenter.stored[name] for name in SAID if name in segmenter.stored}
    return facts | {IDENTITY: segmenter.identity.record()}
