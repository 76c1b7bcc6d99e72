"""Batches for training, validation and testing, the same for every dataset."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import pytorch_lightning as pl
import torch
import torch.distributed as dist
from torch import Tensor
from torch.utils.data import DataLoader, Sampler, default_collate

from network.datasets.files import image_size
from network.datasets.segmentation import DatasetLayout, SegmentationDataset, Transform
from network.errors import ConfigError, DataError


class EpochSampler(Sampler):
    """Shuffled (index, seed) keys, different in every epoch, the same for the same run seed.

    Every sample comes ``repeat`` times an epoch, each time with another seed. With several
    processes each takes its share; what would not fill one share each is left out of the epoch.
    """

    def __init__(self, count: int, repeat: int, seed: int) -> None:
        self.count = count
        self.repeat = repeat
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before every epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count * self.repeat // _world()[1]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        rounds = [torch.randperm(self.count, generator=generator) for _ in range(self.repeat)]
        order = torch.cat(rounds).tolist()
        seeds = torch.randint(2**31, (len(order),), generator=generator).tolist()
        rank, processes = _world()
        keys = list(zip(order, seeds, strict=True))[: len(self) * processes]
        return iter(keys[rank::processes])


class ShareSampler(Sampler):
    """In order; with several processes each takes every n-th sample, none twice."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        rank, processes = _world()
        return len(range(rank, self.count, processes))

    def __iter__(self) -> Iterator[int]:
        rank, processes = _world()
        return iter(range(rank, self.count, processes))


class SegmentationDataModule(pl.LightningDataModule):
    """Data loaders over a layout, and what happens to a batch on the device.

    Images travel as uint8 and are normalised where the network runs.

    Args:
        layout: the dataset.
        train_transform: random transform of training samples.
        train_batch_size, val_batch_size: samples per process; images of different sizes need a
            val_batch_size of 1.
        repeat: how often a training sample comes in an epoch.
        num_workers: loading processes.
        seed: of shuffling and transforms.
    """

    def __init__(
        self,
        layout: DatasetLayout,
        train_transform: Transform | None = None,
        train_batch_size: int = 4,
        val_batch_size: int = 1,
        repeat: int = 1,
        num_workers: int = 2,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.layout = layout
        self.train_transform = train_transform
        self.train_batch_size = train_batch_size
        self.val_batch_size = val_batch_size
        self.repeat = repeat
        self.num_workers = num_workers
        self.seed = seed
        self.mean = torch.tensor(layout.spec.mean).view(-1, 1, 1) * 255
        self.std = torch.tensor(layout.spec.std).view(-1, 1, 1) * 255

    def setup(self, stage: str) -> None:
        """List the samples of the splits that training needs (stage ``fit`` or ``validate``)."""
        if stage == "fit":
            self.train = SegmentationDataset(self.layout, "train", self.train_transform)
        self.val = SegmentationDataset(self.layout, "val")

    def check_batches(self) -> None:
        """Refuse batches that cannot be put together.

        Raises:
            ConfigError: fewer images than a batch or than processes, or images of different sizes
                in one validation batch.
        """
        self.train_dataloader()
        if self.val_batch_size > 1 and len({image_size(s.image) for s in self.val.samples}) > 1:
            raise ConfigError(
                f"val_batch_size={self.val_batch_size}, but the validation images differ in size; "
                "set val_batch_size=1"
            )

    def train_dataloader(self) -> DataLoader:
        """Shuffled, without the last incomplete batch."""
        sampler = EpochSampler(len(self.train), self.repeat, self.seed)
        if len(sampler) < self.train_batch_size:
            raise ConfigError(
                f"train_batch_size={self.train_batch_size}, but an epoch has only {len(sampler)} "
                "training images (per process); choose a smaller batch or a larger repeat"
            )
        return self._loader(self.train, sampler, self.train_batch_size, drop_last=True)

    def val_dataloader(self) -> DataLoader:
        """Every validation sample once."""
        return self.whole_images(self.val)

    def whole_images(self, dataset: SegmentationDataset) -> DataLoader:
        """Every sample of a dataset once, in order."""
        return self._loader(dataset, ShareSampler(len(dataset)), self.val_batch_size)

    def on_after_batch_transfer(self, batch: dict, dataloader_idx: int = 0) -> dict:
        """Normalise images and widen masks, on the device.

        Shapes: image uint8 [B, 3, H, W] -> float32, masks uint8 [B, H, W] -> int64.
        """
        masks = {key: batch[key].long() for key in ("mask", "eroded") if key in batch}
        return batch | masks | {"image": self.normalise(batch["image"])}

    def normalise(self, image: Tensor) -> Tensor:
        """uint8 [B, 3, H, W] -> float32 with the dataset's mean 0 and deviation 1."""
        mean, std = self.mean.to(image.device), self.std.to(image.device)
        image = (image.float() - mean) / std
        return image.contiguous(memory_format=torch.channels_last)

    def _loader(
        self, dataset: SegmentationDataset, sampler: Sampler, batch_size: int, **options
    ) -> DataLoader:
        return DataLoader(
            dataset,
            batch_size=batch_size,
            sampler=sampler,
            num_workers=self.num_workers,
            persistent_workers=self.num_workers > 0,
            pin_memory=torch.cuda.is_available(),
            collate_fn=_collate,
            worker_init_fn=_start_worker,
            **options,
        )


def _collate(items: list[dict]) -> dict:
    sizes = {tuple(item["image"].shape) for item in items}
    if len(sizes) > 1:
        raise DataError(
            f"images of different sizes in one batch ({', '.join(i['name'] for i in items)}): "
            "validate with val_batch_size=1, and let training augmentations keep the size"
        )
    return default_collate(items)


def _start_worker(_: int) -> None:
    cv2.setNumThreads(0)


def _world() -> tuple[int, int]:
    """Rank of this process and number of processes."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1
