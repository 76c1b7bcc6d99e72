"""What networks were trained and validated on, of several together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def joined_protocol(protocols: Sequence[Any]) -> dict[str, Any] | None:
    """What any of several networks was trained and validated on; None where one does not say.

    Args:
        protocols: of their checkpoints. A rule that differs is None.
    """
    if not all(isinstance(each, Mapping) for each in protocols):
        return None
    union = {
        kind: sorted({name for each in protocols for name in each.get(kind) or ()})
        for kind in ("train", "val")
    }
    rules = [each.get("rule") for each in protocols]
    return {"rule": rules[0] if all(rule == rules[0] for rule in rules) else None} | union
