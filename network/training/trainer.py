"""The Lightning Trainer of a run."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from typing import Any

import pytorch_lightning as pl
import torch
import torch.distributed as dist
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import Logger
from pytorch_lightning.strategies import DDPStrategy
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from network.errors import ConfigError
from network.experiment import Experiment
from network.inference.checkpoint_files import (
    WholeFiles,
)


def build_trainer(
    experiment: Experiment,
    device: torch.device,
    precision: str,
    loggers: list[Logger],
    callbacks: list[Callback],
    all_trained: bool = True,
) -> pl.Trainer:
    """The Trainer that an experiment asks for.

    Args:
        experiment: the config.
        device: where this process runs.
        precision: as Lightning names it.
        loggers, callbacks: of the run.
        all_trained: every parameter gets a gradient; several processes that share a batch have to
            look for those that do not.

    Raises:
        ConfigError: devices, nodes or strategy that Lightning refuses here.
    """
    try:
        return pl.Trainer(
            max_epochs=experiment.max_epoch,
            accelerator="gpu" if device.type == "cuda" else "cpu",
            **_devices(experiment, all_trained),
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


def _devices(experiment: Experiment, all_trained: bool) -> dict[str, Any]:
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
        strategy = DDPStrategy(broadcast_buffers=False, find_unused_parameters=not all_trained)
    elif strategy == "ddp_find_unused_parameters_true":
        strategy = DDPStrategy(broadcast_buffers=False, find_unused_parameters=True)
    return {"devices": devices, "num_nodes": nodes, "strategy": strategy}


def refresh_rate() -> int:
    """Steps between two states of the progress bar: fewer where they end in a log file."""
    return 1 if sys.stdout.isatty() else 50


def quiet() -> None:
    """Leave out what Lightning says about itself and what no user can act on."""
    logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.WARNING)
    for message in (
        ".*does not have many workers.*",
        ".*exists and is not empty.*",
        ".*could not find the monitored key.*",
        ".*LeafSpec.*",
        ".*smaller than the logging interval.*",
        ".*module.s. in eval mode at the start.*",  # what is frozen
        ".*your dataloader is not resumable.*",  # the sampler goes on where the run stopped
        ".*broadcast_buffers. is deprecated.*",  # its successor is not in every torch
        ".*Grad strides do not match.*",  # of 1x1 convolutions, for which both strides are right
        ".*sync_dist=True.*",  # scores are computed from what all processes counted
    ):
        warnings.filterwarnings("ignore", message)
