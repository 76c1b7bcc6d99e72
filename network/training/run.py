"""One training run: data, network, Lightning Trainer, folders."""

from __future__ import annotations

import sys
from pathlib import Path

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import TQDMProgressBar
from timm.layers import convert_sync_batchnorm
from torch import nn

from network.datasets.catalog import DatasetSpec
from network.datasets.checks import check_labeled
from network.datasets.class_pixels import class_pixels
from network.datasets.layout import listed
from network.devices import choose_precision, prepare_device
from network.errors import ConfigError
from network.experiment import Experiment
from network.experiment.class_weights import AUTO, weights_of
from network.experiment.provenance import provenance, versions
from network.experiment.values import without_addresses
from network.files.band_images import check_image
from network.files.notes import starts_alone
from network.inference.agreement import check_resumed
from network.inference.checkpoint_files import (
    LAST,
    load_checkpoint,
    load_weights,
    remove_unfinished,
    run_folder,
)
from network.inference.checkpoint_keys import IDENTITY, IMAGE_TYPE, PROTOCOL, SETTINGS, VERSIONS
from network.inference.identity import Identity
from network.models.backbone_parts import normalisation_of
from network.processes import leave_group
from network.training.checkpoint_callback import Checkpoints
from network.training.freezing import freeze
from network.training.loggers import EpochLog, build_loggers
from network.training.module import SegmentationModule
from network.training.optimizer import parameter_groups
from network.training.rehearsal import rehearse, shows_heatmaps
from network.training.resuming import (
    check_groups,
    check_protocol,
    check_steps,
    checkpoint_to_resume,
    continues,
    move_aside,
    protocol_of,
    steps_of,
)
from network.training.run_record import RunRecord
from network.training.sample_pictures import SamplePredictions
from network.training.trainer import build_trainer, quiet, refresh_rate

SAMPLES = "samples"
CLASS_PIXELS = "class_pixels"
"""Key of a checkpoint for the pixels of the training masks, where they were counted."""


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
    quiet()
    device = prepare_device(experiment.accelerator, experiment.devices)
    precision = choose_precision(experiment.precision, device)
    pl.seed_everything(experiment.seed, workers=True, verbose=False)

    layout = experiment.build_dataset()
    spec = layout.spec
    data = experiment.build_data(layout)
    data.setup("fit")
    if starts_alone():
        experiment.check(layout, data.train.samples + data.val.samples)
        check_labeled(layout, data.train.samples, "train on")
        check_labeled(layout, data.val.samples, "validate on")
        data.check_transform()

    folder = run_folder(spec.name, experiment.name)
    checkpoint = checkpoint_to_resume(folder, resume)
    protocol = protocol_of(layout, data)
    identity = Identity.of(experiment, spec)
    stored, notes = {}, []
    if checkpoint is not None:
        stored = load_checkpoint(checkpoint, to_resume=True)
        check_protocol(stored.get("protocol", protocol), protocol, checkpoint)
        notes = check_resumed(experiment, spec, stored, checkpoint)
    net = experiment.build_net(spec, pretrained=checkpoint is None)
    if checkpoint is not None:
        load_weights(net, stored, checkpoint)
    elif identity.is_pretrained:
        notes += _other_normalisation(net, spec)
    experiment = experiment.with_loss(lambda: shows_heatmaps(net, data))
    freeze(net, experiment.freeze_backbone)
    groups = parameter_groups(net, experiment)
    step = stored.get("global_step", 0)
    pixels = stored.get(CLASS_PIXELS, [])
    if experiment.class_weights == AUTO and not pixels:
        pixels = class_pixels(layout, data.train.samples)
    loss = experiment.build_loss(spec, pixels)
    data.check_batches()
    rehearsal = rehearse(net, loss, data, device, precision, experiment.sync_batchnorm)
    mode = _monitor_mode(experiment.monitor, spec, rehearsal.terms)
    if rehearsal.without_gradient:
        names = listed(rehearsal.without_gradient)
        notes.append(f"parameters that the loss does not depend on stay as they are: {names}")
    if experiment.sync_batchnorm:
        net = _synchronised(net, device)
    net = net.to(memory_format=torch.channels_last)

    goes_on = continues(folder, checkpoint, resume)
    record = RunRecord.begin(folder, f"{spec.name}/{experiment.name}", goes_on)
    log = EpochLog(record.log_folder)
    minutes = experiment.checkpoint_every_minutes
    checkpoints = Checkpoints(folder, experiment.monitor, mode, minutes, log)
    callbacks = [checkpoints, TQDMProgressBar(refresh_rate())]
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
    trainer = build_trainer(
        *(experiment, device, precision, loggers, callbacks),
        all_trained=not rehearsal.without_gradient,
    )
    data.check_batches(trainer.world_size)
    steps = steps_of(experiment, data, trainer.world_size)
    if stored:
        check_steps(stored, steps, checkpoint)
        check_groups(stored, groups, checkpoint)
    del stored
    if trainer.is_global_zero:
        if goes_on:
            remove_unfinished(folder)
        else:
            move_aside(folder)
        start = provenance(experiment, device) | {"precision": precision}
        if experiment.class_weights is not None:
            values = weights_of(experiment.class_weights, experiment.loss, spec, pixels)
            weights = dict(zip(spec.classes, values, strict=True))
            print("class weights:", ", ".join(f"{n} {w:.3g}" for n, w in weights.items()))
            start["class_weights"] = weights
        record.write(start, experiment, checkpoint, step)
        for note in notes:
            print(f"note: {note}")
        if checkpoint is not None:
            print(f"going on from step {step} of {checkpoint}")
        elif resume == "auto":
            print(f"no checkpoint in {folder} yet: training from the beginning")
    facts = {IDENTITY: identity.record(), PROTOCOL: protocol, VERSIONS: versions()}
    facts[SETTINGS] = {n: without_addresses(text) for n, text in experiment.settings().items()}
    facts |= {CLASS_PIXELS: pixels} if pixels else {}
    facts[IMAGE_TYPE] = str(check_image(data.train.samples[0].image, spec.selection).dtype)
    module = SegmentationModule(net, loss, spec, experiment, facts, steps)
    if experiment.compile:
        for each in {module.net, module.evaluated_net}:
            each.compile()
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
    finally:
        leave_group()
    if trainer.is_global_zero:
        print(checkpoints.outcome())
    return folder


def _synchronised(net: nn.Module, device: torch.device) -> nn.Module:
    """Batch norm over all processes; by timm, which keeps the activations inside its norms.

    Raises:
        ConfigError: on a CPU, where torch has none.
    """
    if device.type != "cuda":
        raise ConfigError("sync_batchnorm=True: torch synchronises batch norm on CUDA only")
    return convert_sync_batchnorm(net)


def _other_normalisation(net: nn.Module, spec: DatasetSpec) -> list[str]:
    """What to know where pretrained weights expect images of another mean and deviation."""
    expected = normalisation_of(net)
    if expected is None or expected == (spec.mean, spec.std) or len(expected[0]) != spec.num_bands:
        return []
    mean, std = expected
    return [
        f"timm's weights of this backbone are for images normalised by mean={mean}, std={std}; the "
        f"dataset has mean={spec.mean}, std={spec.std}. If the weights are those, set "
        f"dataset.mean='{mean}' dataset.std='{std}'"
    ]


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
