"""One training run: data, network, Lightning Trainer, folders."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from pytorch_lightning.callbacks import Callback, TQDMProgressBar
from pytorch_lightning.loggers import Logger
from pytorch_lightning.strategies import DDPStrategy
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from timm.layers import convert_sync_batchnorm
from torch import nn

from network.checkpointing import Checkpoints
from network.checkpoints import (
    BEST,
    LAST,
    WholeFiles,
    load_checkpoint,
    load_weights,
    remove_unfinished,
    run_folder,
)
from network.datasets.catalog import DatasetSpec
from network.datasets.datamodule import SegmentationDataModule
from network.datasets.segmentation import DatasetLayout, listed
from network.devices import choose_precision, prepare_device
from network.errors import ConfigError, OutputError
from network.experiment import Experiment
from network.loggers import EpochLog, build_loggers
from network.processes import starts_alone
from network.provenance import provenance
from network.run_record import RunRecord
from network.samples import SamplePredictions
from network.training import SegmentationModule

SAMPLES = "samples"


def train(experiment: Experiment, resume: str | None = None) -> Path:
    """Train what a config describes.

    What can be wrong with config, data, device and checkpoint is found before the first file is
    written. An earlier run of the same name is moved aside, not overwritten.

    Args:
        experiment: the config.
        resume: path of a checkpoint to go on from, or ``auto`` for the run's last one, where there
            is one.

    Returns:
        the run's folder of checkpoints.
    """
    _quiet()
    device = prepare_device(experiment.accelerator)
    precision = choose_precision(experiment.precision, device)
    pl.seed_everything(experiment.seed, workers=True, verbose=False)

    layout = experiment.build_dataset()
    spec = layout.spec
    data = experiment.build_data(layout)
    data.setup("fit")
    if starts_alone():
        experiment.check(layout, data.train.samples + data.val.samples)

    folder = run_folder(spec.name, experiment.name)
    checkpoint = _checkpoint_to_resume(folder, resume)
    protocol = _protocol(layout, data)
    net = experiment.build_net(spec, pretrained=checkpoint is None)
    stored = {}
    if checkpoint is not None:
        stored = load_checkpoint(checkpoint, to_resume=True)
        _check_protocol(stored.get("protocol", protocol), protocol, checkpoint)
        load_weights(net, stored, checkpoint)
    step = stored.get("global_step", 0)
    loss = experiment.build_loss(spec)
    mode = _monitor_mode(experiment.monitor, spec, _rehearse(net, loss, data))
    if experiment.sync_batchnorm:
        net = _synchronised(net, device)
    net = net.to(memory_format=torch.channels_last)
    if experiment.compile:
        net.compile()

    goes_on = _goes_on(folder, checkpoint, resume)
    record = RunRecord.begin(folder, f"{spec.name}/{experiment.name}", goes_on)
    log = EpochLog(record.log_folder)
    callbacks = [
        Checkpoints(folder, experiment.monitor, mode, experiment.checkpoint_every_minutes, log),
        TQDMProgressBar(_refresh_rate()),
    ]
    if experiment.sample_every:
        callbacks.append(
            SamplePredictions(
                folder / SAMPLES,
                spec,
                precision,
                experiment.sample_every,
                experiment.sample_images,
            )
        )
    loggers = build_loggers(experiment.logger, record.run, log, record.started, step)
    trainer = _build_trainer(experiment, device, precision, loggers, callbacks)
    data.check_batches(trainer.world_size)
    steps = _steps(experiment, data, trainer.world_size)
    if stored:
        _check_steps(stored, steps, checkpoint)
    del stored
    if trainer.is_global_zero:
        if goes_on:
            remove_unfinished(folder)
        else:
            _move_aside(folder)
        record.write(provenance(experiment, device), experiment, checkpoint, step)
        if checkpoint is not None:
            print(f"going on from step {step} of {checkpoint}")
        elif resume == "auto":
            print(f"no checkpoint in {folder} yet: training from the beginning")
    module = SegmentationModule(net, loss, spec, experiment, protocol, steps)
    try:
        trainer.fit(module, data, ckpt_path=checkpoint, weights_only=True)
    except BaseException:
        if trainer.is_global_zero and (folder / LAST).is_file():
            print(
                f"\nwhat was trained is kept in {folder / LAST}; go on from there by the same "
                "command with --resume auto",
                file=sys.stderr,
            )
        raise
    if trainer.is_global_zero:
        print(f"best checkpoint: {folder / BEST}")
    return folder


def _protocol(layout: DatasetLayout, data: SegmentationDataModule) -> dict[str, Any]:
    """What was trained and validated on, as plain values for the checkpoints."""
    tiles = {
        split: sorted({layout.tile(sample) for sample in dataset.samples})
        for split, dataset in (("train", data.train), ("val", data.val))
    }
    return {"rule": layout.protocol(), **tiles}


def _check_protocol(stored: dict[str, Any], protocol: dict[str, Any], checkpoint: Path) -> None:
    """Refuse to go on with other images, of which no later result would tell.

    Raises:
        ConfigError: what is trained or validated on is not what it was.
    """
    if stored == protocol:
        return
    differences = [
        f"{split}: {listed(sorted(set(before) ^ set(now)))}"
        for split, before, now in (
            (split, stored.get(split, []), protocol[split]) for split in ("train", "val")
        )
        if set(before) != set(now)
    ]
    raise ConfigError(
        f"{checkpoint} was trained with other splits ({stored.get('rule')}, now "
        f"{protocol['rule']}); in one of the two only are {'; '.join(differences) or 'none'}. "
        "Resume with the settings and data of the run, or train a new one under another name"
    )


def _checkpoint_to_resume(folder: Path, resume: str | None) -> Path | None:
    if resume == "auto":
        return folder / LAST if (folder / LAST).is_file() else None
    return None if resume is None else Path(resume)


def _steps(experiment: Experiment, data: SegmentationDataModule, processes: int) -> dict[str, int]:
    """Of what the steps of a run consist; counts of steps in its checkpoints mean these."""
    return {
        "images per step": processes * experiment.train_batch_size,
        "accumulate": experiment.accumulate,
        "images per epoch": len(data.train) * experiment.repeat,
        "Lookahead": int(experiment.lookahead_k > 0),
    }


def _check_steps(stored: dict[str, Any], steps: dict[str, int], checkpoint: Path) -> None:
    """Refuse to go on with other steps, at which schedule and place in the epoch would be wrong.

    Raises:
        ConfigError: the steps are not what they were.
    """
    before = stored.get("progress", {}).get("steps", steps)
    different = [
        f"{name} {before.get(name)}, now {now}"
        for name, now in steps.items()
        if before.get(name) != now
    ]
    if different:
        raise ConfigError(
            f"the run of {checkpoint} cannot go on with other steps ({'; '.join(different)}). "
            "Images per step are devices x num_nodes x train_batch_size: on other devices choose "
            "them so that the product stays the same, or train a new run under another name"
        )


def _goes_on(folder: Path, checkpoint: Path | None, resume: str | None) -> bool:
    """Whether the run in the folder is continued, rather than another one begun there."""
    if checkpoint is not None:
        return checkpoint.resolve().parent == folder.resolve()
    return resume == "auto" and not (folder / BEST).is_file()


def _synchronised(net: nn.Module, device: torch.device) -> nn.Module:
    """Batch norm over all processes; by timm, which keeps the activations inside its norms.

    Raises:
        ConfigError: on a CPU, where torch has none.
    """
    if device.type != "cuda":
        raise ConfigError("sync_batchnorm=True: torch synchronises batch norm on CUDA only")
    return convert_sync_batchnorm(net)


@torch.no_grad()
def _rehearse(net: nn.Module, loss: nn.Module, data: SegmentationDataModule) -> list[str]:
    """Take one training sample through network and loss, for faults that only show there.

    Returns:
        names of the loss's terms.
    """
    image, mask = (data.train[(0, 0)][key][None] for key in ("image", "mask"))
    batch = data.on_after_batch_transfer({"image": image, "mask": mask})
    terms = loss(net.eval()(batch["image"]), batch["mask"])
    net.train()
    return list(terms)


def _monitor_mode(monitor: str, spec: DatasetSpec, terms: list[str]) -> str:
    """``max`` for a score, ``min`` for a term of the loss.

    Raises:
        ConfigError: no validation logs it.
    """
    scores = [f"val_{name}" for name in ("mIoU", "F1", "OA")]
    scores += [f"val_IoU_{name}" for name in spec.classes]
    losses = [f"val_{name}" for name in terms]
    if monitor not in scores + losses:
        raise ConfigError(f"monitor={monitor!r}: one of {', '.join(scores + losses)}")
    return "max" if monitor in scores else "min"


def _build_trainer(
    experiment: Experiment,
    device: torch.device,
    precision: str,
    loggers: list[Logger],
    callbacks: list[Callback],
) -> pl.Trainer:
    try:
        return pl.Trainer(
            max_epochs=experiment.max_epoch,
            accelerator="gpu" if device.type == "cuda" else "cpu",
            **_devices(experiment),
            precision=precision,
            accumulate_grad_batches=experiment.accumulate,
            gradient_clip_val=experiment.clip_norm,
            check_val_every_n_epoch=experiment.val_every,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            log_every_n_steps=10,
            enable_model_summary=False,
            logger=loggers,
            callbacks=callbacks,
            plugins=[WholeFiles()],
        )
    except (ValueError, TypeError, RuntimeError, MisconfigurationException) as error:
        raise ConfigError(
            f"Lightning refuses devices={experiment.devices!r}, strategy={experiment.strategy!r}, "
            f"num_nodes={experiment.num_nodes} here: {str(error).splitlines()[0]}"
        ) from error


def _devices(experiment: Experiment) -> dict[str, Any]:
    """Devices, nodes and strategy for the Trainer; torchrun says the first two itself.

    DDP does not copy buffers from process to process at every step: in validation, where processes
    may have different numbers of images, they would wait for each other for ever.
    """
    devices, nodes, strategy = experiment.devices, experiment.num_nodes, experiment.strategy
    started = int(os.environ.get("LOCAL_WORLD_SIZE", 1)) if dist.is_torchelastic_launched() else 0
    if started:
        all_nodes = int(os.environ["WORLD_SIZE"]) // started
        if (devices, nodes) == (1, 1):
            devices, nodes = started, all_nodes
        if (devices, nodes) != (started, all_nodes):
            raise ConfigError(
                f"devices={devices} num_nodes={nodes}, but torchrun started {started} processes on "
                f"each of {all_nodes} nodes; leave both settings out"
            )
    several = started or nodes > 1 or devices not in (1, "1")
    if strategy == "ddp" or (strategy == "auto" and several):
        strategy = DDPStrategy(broadcast_buffers=False)
    elif strategy == "ddp_find_unused_parameters_true":
        strategy = DDPStrategy(broadcast_buffers=False, find_unused_parameters=True)
    return {"devices": devices, "num_nodes": nodes, "strategy": strategy}


def _move_aside(folder: Path) -> None:
    """Keep an earlier run of the same name under the time it was last written.

    Raises:
        OutputError: it cannot be moved.
    """
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    written = max(path.stat().st_mtime for path in folder.iterdir())
    stamp = datetime.fromtimestamp(written).strftime("%Y%m%d-%H%M%S")
    names = (f"{folder.name}-{stamp}" + (f"-{n}" if n else "") for n in range(1000))
    kept = next(path for name in names if not (path := folder.with_name(name)).exists())
    try:
        folder.rename(kept)
    except OSError as error:
        raise OutputError(
            f"cannot move the earlier run {folder} aside: {error.strerror}"
        ) from error
    print(f"the earlier run in {folder} is kept as {kept}")


def _refresh_rate() -> int:
    """Steps between two states of the progress bar: fewer where they end in a log file."""
    return 1 if sys.stdout.isatty() else 50


def _quiet() -> None:
    """Leave out what Lightning says about itself and what no user can act on."""
    torch.set_float32_matmul_precision("high")
    logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.WARNING)
    for message in (
        ".*does not have many workers.*",
        ".*exists and is not empty.*",
        ".*could not find the monitored key.*",
        ".*LeafSpec.*",
        ".*smaller than the logging interval.*",
        ".*your dataloader is not resumable.*",  # the sampler goes on where the run stopped
        ".*broadcast_buffers. is deprecated.*",  # its successor is not in every torch
        ".*Grad strides do not match.*",  # of 1x1 convolutions, for which both strides are right
        ".*sync_dist=True.*",  # scores are computed from what all processes counted
    ):
        warnings.filterwarnings("ignore", message)
