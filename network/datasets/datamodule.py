"""Batches for training, validation and testing, the same for every dataset."""

from __future__ import annotations

import pickle

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler, default_collate

from network.datasets.dataset import SegmentationDataset, Transform
from network.datasets.layout import DatasetLayout
from network.datasets.normalisation import Normalisation
from network.datasets.samplers import EpochSampler, ShareSampler
from network.errors import ConfigError, DataError
from network.files.parallel import forks, leave_cores


class SegmentationDataModule(pl.LightningDataModule):
    """Data loaders over a layout, and what happens to a batch on the device.

    Images travel in the type in which they are stored and are normalised where the network runs.

    Args:
        layout: the dataset.
        train_transform: random transform of training samples.
        train_batch_size, val_batch_size: samples per process; images of different sizes need a
            val_batch_size of 1.
        repeat: how often a training sample comes in an epoch.
        num_workers: loading processes.
        seed: of shuffling and transforms.
        pin_memory: batches go on to a GPU.

    Raises:
        ConfigError: a dataset whose mean and deviation are not known.
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
        pin_memory: bool = False,
    ) -> None:
        super().__init__()
        self.layout = layout
        self.train_transform = train_transform
        self.train_batch_size = train_batch_size
        self.val_batch_size = val_batch_size
        self.repeat = repeat
        self.num_workers = num_workers
        self.seed = seed
        self.pin_memory = pin_memory
        self.normalise = Normalisation(layout.spec)

    def setup(self, stage: str) -> None:
        """List the samples of the splits that training needs (stage ``fit`` or ``validate``)."""
        if stage == "fit":
            self.train = SegmentationDataset(self.layout, "train", self.train_transform, True)
        self.val = SegmentationDataset(self.layout, "val", training=True)

    def batches_per_epoch(self, processes: int) -> int:
        """Training batches that each process takes in an epoch."""
        return len(self.train) * self.repeat // processes // self.train_batch_size

    def check_batches(self, processes: int = 1) -> None:
        """Refuse batches that cannot be put together.

        Raises:
            ConfigError: fewer images than a batch or than processes, images of different sizes
                in one validation batch, or what cannot be sent to loading processes.
        """
        self._check_sendable(self.train)
        if not self.batches_per_epoch(processes):
            raise ConfigError(
                f"train_batch_size={self.train_batch_size}, but an epoch has only "
                f"{len(self.train) * self.repeat // processes} training images (per process); "
                "choose a smaller batch or a larger repeat"
            )
        if len(self.val) < processes:
            raise ConfigError(
                f"{processes} processes, but only {len(self.val)} validation images: one each is "
                "needed; use fewer devices"
            )
        if self.val_batch_size > 1 and len(self.val.sizes) > 1:
            raise ConfigError(
                f"val_batch_size={self.val_batch_size}, but the validation images differ in size; "
                "set val_batch_size=1"
            )

    def check_transform(self) -> None:
        """Let the transform look at a training image, where it can tell what it cannot do.

        Raises:
            ConfigError: it cannot do images like that one.
        """
        check = getattr(self.train_transform, "check", None)
        if check is not None:
            check(self.train.read(0).image, self.layout.spec.value_range)

    def first_batch(self, split: str, images: int, device: torch.device | str = "cpu") -> dict:
        """The first images of a split as a step gets them, over again where there are too few.

        Args:
            split: ``train`` or ``val``.
            images: their number.
            device: where to.
        """
        dataset = {"train": self.train, "val": self.val}[split]
        items = [dataset[index % len(dataset), index] for index in range(images)]
        batch = _collate(items)
        moved = {k: v.to(device) for k, v in batch.items() if isinstance(v, Tensor)}
        return self.on_after_batch_transfer(batch | moved)

    def train_dataloader(self) -> DataLoader:
        """Shuffled, without the last incomplete batch.

        Where a resumed run stands in the middle of an epoch, that epoch goes on from there.
        """
        sampler = EpochSampler(len(self.train), self.repeat, self.seed)
        loader = self._loader(self.train, sampler, self.train_batch_size, True, drop_last=True)
        if self.trainer is not None:
            loop = self.trainer.fit_loop
            done = loop.epoch_loop.batch_progress.current.ready % len(loader)
            sampler.go_on(loop.epoch_progress.current.processed, done * self.train_batch_size)
        return loader

    def val_dataloader(self) -> DataLoader:
        """Every validation sample once."""
        return self._in_order(self.val, again=True)

    def whole_images(self, dataset: SegmentationDataset) -> DataLoader:
        """Every sample of a dataset once, in order; its processes end with the last one."""
        return self._in_order(dataset, again=False)

    def on_after_batch_transfer(self, batch: dict, dataloader_idx: int = 0) -> dict:
        """Normalise images and widen masks, on the device.

        Shapes: image [B, bands, H, W] -> float32, masks uint8 [B, H, W] -> int64.
        """
        masks = {key: batch[key].long() for key in ("mask", "eroded") if key in batch}
        return batch | masks | {"image": self.normalise(batch["image"])}

    def _check_sendable(self, dataset: SegmentationDataset) -> None:
        """Refuse what only processes that are forked could use.

        Raises:
            ConfigError: a transform or layout that cannot be pickled.
        """
        if not self.num_workers or forks():
            return
        try:
            pickle.dumps(dataset)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise ConfigError(
                f"num_workers={self.num_workers}: dataset or transform of the config cannot be "
                f"sent to loading processes ({error}); where it holds a lambda or a function "
                "inside a function, name it at the top of the file, or set num_workers=0"
            ) from error

    def _in_order(self, dataset: SegmentationDataset, again: bool) -> DataLoader:
        self._check_sendable(dataset)
        return self._loader(dataset, ShareSampler(len(dataset)), self.val_batch_size, again)

    def _loader(
        self,
        dataset: SegmentationDataset,
        sampler: Sampler,
        batch_size: int,
        again: bool,
        **options,
    ) -> DataLoader:
        """A loader; its processes stay for the next epoch where it is gone through ``again``."""
        return DataLoader(
            dataset,
            batch_size=batch_size,
            sampler=sampler,
            num_workers=self.num_workers,
            persistent_workers=again and self.num_workers > 0,
            pin_memory=self.pin_memory,
            collate_fn=_collate,
            worker_init_fn=leave_cores,
            # Of its own, so that starting workers draws nothing from the network's random numbers.
            generator=torch.Generator().manual_seed(self.seed),
            **options,
        )


def _collate(items: list[dict]) -> dict:
    sizes = {tuple(item["image"].shape) for item in items}
    if len(sizes) > 1:
        raise DataError(
            f"images of different sizes in one batch ({', '.join(i['name'] for i in items)}): "
            "validate with val_batch_size=1, and let training augmentations keep the size"
        )
    valid = [item.pop("valid", None) for item in items]
    batch = default_collate(items)
    if any(each is not None for each in valid):
        everywhere = torch.ones(batch["image"].shape[-2:], dtype=torch.bool)
        batch["valid"] = torch.stack([everywhere if each is None else each for each in valid])
    return batch
