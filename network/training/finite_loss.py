"""A loss that is not finite ends a training before an optimizer has seen it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class FiniteLoss:
    """Looks at losses without keeping a GPU waiting.

    A value that is read at once makes the host wait for all that it has asked for, and then the GPU
    for the host. So its copy is asked for after the forward pass, and read after the backward pass
    was asked for, with which the GPU is busy meanwhile.
    """

    def __init__(self) -> None:
        self._terms: dict[str, Tensor] = {}
        self._finite = torch.tensor(True)
        self._copied: torch.cuda.Event | None = None

    def watch(self, terms: Mapping[str, Tensor]) -> None:
        """Ask for the copy; ``terms`` with ``total``."""
        self._terms = {name: term.detach() for name, term in terms.items()}
        finite = torch.isfinite(self._terms["total"])
        self._finite = finite.to("cpu", non_blocking=True)
        if finite.is_cuda:
            self._copied = torch.cuda.Event()
            self._copied.record()

    def fault(self) -> str:
        """The terms, as text, if their total is not finite; empty if it is."""
        if self._copied is not None:
            self._copied.synchronize()
        if self._finite:
            return ""
        return ", ".join(f"{name} {term.item():g}" for name, term in self._terms.items())
