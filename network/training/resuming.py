"""Whether and where a run goes on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from network.datasets.datamodule import SegmentationDataModule
from network.datasets.layout import DatasetLayout, listed
from network.errors import ConfigError, OutputError
from network.experiment import Experiment
from network.inference.checkpoint_files import (
    BEST,
    LAST,
)


def protocol_of(layout: DatasetLayout, data: SegmentationDataModule) -> dict[str, Any]:
    """What was trained and validated on, as plain values for the checkpoints."""
    tiles = {
        split: sorted({layout.tile(sample) for sample in dataset.samples})
        for split, dataset in (("train", data.train), ("val", data.val))
    }
    return {"rule": layout.protocol(), **tiles}


def check_protocol(stored: dict[str, Any], protocol: dict[str, Any], checkpoint: Path) -> None:
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


def checkpoint_to_resume(folder: Path, resume: str | None) -> Path | None:
    """What ``--resume`` means: a path, or with ``auto`` the folder's last one, if there is any."""
    if resume == "auto":
        return folder / LAST if (folder / LAST).is_file() else None
    return None if resume is None else Path(resume)


def steps_of(
    experiment: Experiment, data: SegmentationDataModule, processes: int
) -> dict[str, int]:
    """Of what the steps of a run consist; counts of steps in its checkpoints mean these."""
    return {
        "images per step": processes * experiment.train_batch_size,
        "accumulate": experiment.accumulate,
        "images per epoch": len(data.train) * experiment.repeat,
        "Lookahead": int(experiment.lookahead_k > 0),
    }


def check_steps(stored: dict[str, Any], steps: dict[str, int], checkpoint: Path) -> None:
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


def check_groups(
    stored: dict[str, Any], groups: Sequence[dict[str, Any]], checkpoint: Path
) -> None:
    """Refuse to go on with other parameters than the optimizer of a checkpoint knows.

    Raises:
        ConfigError: other parameters are trained, or in other groups.
    """
    (state,) = stored["optimizer_states"]
    before = [
        [state["state"].get(number, {}).get("exp_avg") for number in group["params"]]
        for group in state["param_groups"]
    ]
    same = [len(old) for old in before] == [len(group["params"]) for group in groups] and all(
        moment is None or moment.shape == parameter.shape
        for old, group in zip(before, groups, strict=True)
        for moment, parameter in zip(old, group["params"], strict=True)
    )
    if not same:
        raise ConfigError(
            f"the run of {checkpoint} cannot go on with other groups of parameters: whether "
            "freeze_backbone, backbone_lr, layer_decay and decay_norms_and_biases are set must be "
            "as it was (values of rates may change). run.json beside it says how that was; or "
            "train a new run under another name"
        )


def continues(folder: Path, checkpoint: Path | None, resume: str | None) -> bool:
    """Whether the run in the folder is continued, rather than another one begun there."""
    if checkpoint is not None:
        return checkpoint.resolve().parent == folder.resolve()
    return resume == "auto" and not (folder / BEST).is_file()


def move_aside(folder: Path) -> None:
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
