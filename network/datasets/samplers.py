"""In which order samples come, and which process takes them."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.utils.data import Sampler

from network.processes import rank_and_processes


class EpochSampler(Sampler):
    """Shuffled (index, seed) keys, different in every epoch, the same for the same run seed.

    Every sample comes ``repeat`` times an epoch, each time with another seed. With several
    processes each takes its share; what would not fill one share each is left out of the epoch. At
    every step the processes together have the keys that one process with their common batch has.
    """

    def __init__(self, count: int, repeat: int, seed: int) -> None:
        self.count = count
        self.repeat = repeat
        self.seed = seed
        self.epoch = 0
        self.seen = {}

    def go_on(self, epoch: int, samples: int) -> None:
        """Begin in an epoch, and leave out its first samples, which this process has seen."""
        self.epoch = epoch
        self.seen = {epoch: samples}

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before every epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count * self.repeat // rank_and_processes()[1]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        rounds = [torch.randperm(self.count, generator=generator) for _ in range(self.repeat)]
        order = torch.cat(rounds).tolist()
        seeds = torch.randint(2**31, (len(order),), generator=generator).tolist()
        rank, processes = rank_and_processes()
        keys = list(zip(order, seeds, strict=True))[: len(self) * processes]
        return iter(keys[rank::processes][self.seen.get(self.epoch, 0) :])


class ShareSampler(Sampler):
    """In order; with several processes each takes every n-th sample, none twice."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        rank, processes = rank_and_processes()
        return len(range(rank, self.count, processes))

    def __iter__(self) -> Iterator[int]:
        rank, processes = rank_and_processes()
        return iter(range(rank, self.count, processes))
