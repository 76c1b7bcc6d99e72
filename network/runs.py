"""One training run: data, network, Lightning Trainer, folders."""

from __future__ import annotations

import logging
import warnings
from datetime import datetime
from pathlib import Path

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import (
    Callback,
    LearningRateMonitor,
    ModelCheckpoint,
    TQDMProgressBar,
)
from pytorch_lightning.loggers import CSVLogger

from network.checkpoints import (
    BEST,
    LAST,
    find_checkpoint,
    load_checkpoint,
    load_weights,
    run_folder,
)
from network.datasets.catalog import DatasetSpec
from network.datasets.checks import check_contents, check_sizes
from network.datasets.datamodule import SegmentationDataModule
from network.datasets.segmentation import DatasetLayout, Sample
from network.devices import choose_device, choose_precision
from network.errors import ConfigError
from network.experiment import Experiment
from network.provenance import provenance, write_json
from network.training import SegmentationModule

LOGS_ROOT = Path("lightning_logs")
RECORD = "run.json"


def train(experiment: Experiment, resume: str | None = None) -> Path:
    """Train what a config describes.

    Everything that can be wrong with config, data, device and checkpoint is found before the first
    file is written. An earlier run of the same name is moved aside, not overwritten.

    Args:
        experiment: the config.
        resume: path of a checkpoint to go on from, or ``auto`` for the run's last one.

    Returns:
        the run's folder of checkpoints.
    """
    _quiet()
    device = choose_device(experiment.accelerator)
    precision = choose_precision(experiment.precision, device)
    pl.seed_everything(experiment.seed, workers=True, verbose=False)

    layout = experiment.build_dataset()
    spec = layout.spec
    data = build_datamodule(experiment, layout)
    data.setup("fit")
    check_samples(experiment, layout, data.train.samples + data.val.samples)

    folder = run_folder(spec.name, experiment.name)
    checkpoint = find_checkpoint(folder, LAST) if resume == "auto" else resume
    net = experiment.build_net(spec, pretrained=checkpoint is None)
    if checkpoint is not None:
        load_weights(net, load_checkpoint(checkpoint), checkpoint)
    if experiment.compile:
        net.compile()
    module = SegmentationModule(net, experiment.build_loss(spec), spec, experiment)
    check_monitor(experiment, spec)

    trainer = pl.Trainer(
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
        logger=CSVLogger(LOGS_ROOT, name=f"{spec.name}/{experiment.name}"),
        callbacks=[
            *_checkpointing(folder, experiment),
            LearningRateMonitor("epoch"),
            TQDMProgressBar(),
        ],
    )
    if trainer.is_global_zero:
        if checkpoint is None:
            _move_aside(folder)
        record = provenance(experiment) | {"config_text": experiment.config_path.read_text()}
        write_json(folder / RECORD, record)
    trainer.fit(module, data, ckpt_path=checkpoint, weights_only=True)
    return folder


def build_datamodule(experiment: Experiment, layout: DatasetLayout) -> SegmentationDataModule:
    """The data loaders of a config."""
    return SegmentationDataModule(
        layout,
        experiment.build_transform(layout.spec),
        experiment.train_batch_size,
        experiment.val_batch_size,
        experiment.repeat,
        experiment.num_workers,
        experiment.seed,
    )


def check_samples(experiment: Experiment, layout: DatasetLayout, samples: list[Sample]) -> None:
    """Look the samples over, thoroughly where the config asks for it."""
    if experiment.check_data:
        check_contents(layout, samples)
    else:
        check_sizes(samples)


def check_monitor(experiment: Experiment, spec: DatasetSpec) -> None:
    """Refuse a ``monitor`` that no validation logs.

    Raises:
        ConfigError: with the names that there are.
    """
    terms = ("main", "heatmap", "fisher", "total", "mIoU", "F1", "OA")
    known = [f"val_{name}" for name in (*terms, *(f"IoU_{name}" for name in spec.classes))]
    if experiment.monitor not in known:
        raise ConfigError(f"monitor={experiment.monitor!r}: one of {', '.join(known)}")


def _checkpointing(folder: Path, experiment: Experiment) -> list[Callback]:
    shared = {
        "dirpath": folder,
        "save_on_train_epoch_end": True,
        "enable_version_counter": False,
        "auto_insert_metric_name": False,
    }
    best = ModelCheckpoint(
        filename=Path(BEST).stem, monitor=experiment.monitor, mode=experiment.monitor_mode, **shared
    )
    last = ModelCheckpoint(filename=Path(LAST).stem, **shared)
    return [best, last]


def _move_aside(folder: Path) -> None:
    """Keep an earlier run of the same name under the time it was last written."""
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    written = max(path.stat().st_mtime for path in folder.iterdir())
    stamp = datetime.fromtimestamp(written).strftime("%Y%m%d-%H%M%S")
    kept = folder.with_name(f"{folder.name}-{stamp}")
    folder.rename(kept)
    print(f"the earlier run in {folder} is kept as {kept}")


def _quiet() -> None:
    """Leave out what Lightning says about itself and what no user can act on."""
    torch.set_float32_matmul_precision("high")
    logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.WARNING)
    for message in (".*does not have many workers.*", ".*exists and is not empty.*"):
        warnings.filterwarnings("ignore", message)
