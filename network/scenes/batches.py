"""How many windows a network is given at a time."""

from __future__ import annotations

from collections.abc import Callable

from network.scenes.arrays import Array, Device

MOST = 8
"""Windows at a time unless one says more: with so many a card is busy."""

_SHARE = 0.5
"""Of the free memory of a card."""


class Batches:
    """The number of windows at a time.

    On a CPU one, which keeps memory small and is as quick; on a card as many, up to ``MOST``, as
    half its free memory holds, by what the first window took.

    Args:
        batch: how many; without it, as above.
        device: where the network runs.
    """

    def __init__(self, batch: int | None, device: Device) -> None:
        self.device = device
        self.chosen = batch or 1
        self.to_choose = batch is None and str(device).startswith("cuda")

    def size(self) -> int:
        """Windows of the next batch."""
        return self.chosen

    def measured(self, predict: Callable[[Array], Array]) -> Callable[[Array], Array]:
        """A predictor whose first call tells how many windows the device has memory for."""

        def first_measured(images: Array) -> Array:
            if not self.to_choose:
                return predict(images)
            import torch

            self.to_choose = False
            torch.cuda.reset_peak_memory_stats(self.device)
            before = torch.cuda.memory_allocated(self.device)
            found = predict(images)
            taken = torch.cuda.max_memory_allocated(self.device) - before
            reserved = torch.cuda.memory_reserved(self.device)
            free = torch.cuda.mem_get_info(self.device)[0] + reserved - before
            self.chosen = int(min(max(free * _SHARE // max(taken, 1), 1), MOST))
            return found

        return first_measured
