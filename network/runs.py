"""One training run: data, network, Lightning Trainer, folders."""

from __future__ import annotations

import logging
import sys
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import (
    Callback,
    LearningRateMonitor,
    ModelCheckpoint,
    TQDMProgressBar,
)
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities.exceptions import MisconfigurationException
from torch import nn

from network.checkpoints import (
    BEST,
    LAST,
    find_checkpoint,
    load_checkpoint,
    load_weights,
    run_folder,
)
from network.datasets.catalog import DatasetSpec
from network.datasets.datamodule import SegmentationDataModule
from network.datasets.files import write_json
from network.datasets.segmentation import DatasetLayout, listed
from network.devices import choose_precision, prepare_device
from network.errors import ConfigError, OutputError
from network.experiment import Experiment
from network.loggers import build_loggers
from network.provenance import provenance
from network.samples import SamplePredictions
from network.training import SegmentationModule

RECORD = "run.json"
SAMPLES = "samples"


def train(experiment: Experiment, resume: str | None = None) -> Path:
    """Train what a config describes.

    What can be wrong with config, data, device and checkpoint is found before the first file is
    written. An earlier run of the same name is moved aside, not overwritten.

    Args:
        experiment: the config.
        resume: path of a checkpoint to go on from, or ``auto`` for the run's last one.

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
    experiment.check(layout, data.train.samples + data.val.samples)
    data.check_batches()

    folder = run_folder(spec.name, experiment.name)
    checkpoint = _checkpoint_to_resume(folder, resume)
    protocol = _protocol(layout, data)
    net = experiment.build_net(spec, pretrained=checkpoint is None)
    if checkpoint is not None:
        stored = load_checkpoint(checkpoint, to_resume=True)
        _check_protocol(stored.get("protocol", protocol), protocol, checkpoint)
        load_weights(net, stored, checkpoint)
    net = net.to(memory_format=torch.channels_last)
    loss = experiment.build_loss(spec)
    mode = _monitor_mode(experiment.monitor, spec, _rehearse(net, loss, data))
    if experiment.compile:
        net.compile()

    callbacks = _checkpointing(folder, experiment, mode)
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
    loggers = build_loggers(experiment.logger, f"{spec.name}/{experiment.name}")
    trainer = _build_trainer(experiment, device, precision, loggers, callbacks)
    if trainer.is_global_zero:
        if checkpoint is None or checkpoint.resolve().parent != folder.resolve():
            _move_aside(folder)
        text = experiment.config_path.read_text(encoding="utf-8")
        write_json(folder / RECORD, provenance(experiment, device) | {"config_text": text})
    module = SegmentationModule(net, loss, spec, experiment, protocol)
    trainer.fit(module, data, ckpt_path=checkpoint, weights_only=True)
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
        return find_checkpoint(folder, LAST, "there is no run to resume; train without --resume")
    return None if resume is None else Path(resume)


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
            devices=experiment.devices,
            num_nodes=experiment.num_nodes,
            strategy=experiment.strategy,
            precision=precision,
            accumulate_grad_batches=experiment.accumulate,
            gradient_clip_val=experiment.clip_norm,
            check_val_every_n_epoch=experiment.val_every,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            log_every_n_steps=10,
            enable_model_summary=False,
            logger=loggers,
            callbacks=[
                *callbacks,
                LearningRateMonitor("epoch"),
                TQDMProgressBar(_refresh_rate()),
            ],
        )
    except (ValueError, TypeError, RuntimeError, MisconfigurationException) as error:
        raise ConfigError(
            f"Lightning refuses devices={experiment.devices!r}, strategy={experiment.strategy!r}, "
            f"num_nodes={experiment.num_nodes} here: {str(error).splitlines()[0]}"
        ) from error


def _checkpointing(folder: Path, experiment: Experiment, mode: str) -> list[Callback]:
    shared = {
        "dirpath": folder,
        "save_on_train_epoch_end": True,
        "enable_version_counter": False,
        "auto_insert_metric_name": False,
    }
    best = ModelCheckpoint(
        filename=Path(BEST).stem, monitor=experiment.monitor, mode=mode, **shared
    )
    last = ModelCheckpoint(filename=Path(LAST).stem, **shared)
    return [best, last]


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
    ):
        warnings.filterwarnings("ignore", message)
