"""One run with one seed, in one fold: its settings, and where all that comes of it lies."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from network.errors import ConfigError
from network.experiment import Experiment
from network.inference.checkpoint_files import run_folder
from network.studies.names import folder_name
from network.studies.study import Study


@dataclass(frozen=True)
class Task:
    """One training and its test.

    Attributes:
        study: that it is of.
        name: of the run.
        seed: of the training.
        fold: name of the fold; None in a study that has none.
        output: folder of the study.
        dataset: name of the dataset.
    """

    study: Study
    name: str
    seed: int
    fold: str | None
    output: Path
    dataset: str

    def __str__(self) -> str:
        return f"{self.name}, seed {self.seed}" + (f", {self.fold}" if self.fold else "")

    @property
    def config(self) -> Path:
        """The config file."""
        return self.study.runs[self.name].config

    @property
    def overrides(self) -> tuple[str, ...]:
        """All settings that differ from the config's."""
        named = (f"name={self._run_name}", f"seed={self.seed}")
        of_fold = self.study.folds[self.fold] if self.fold else ()
        return (*self.study.runs[self.name].overrides, *of_fold, *named)

    @property
    def weights(self) -> Path:
        """Folder of the checkpoints."""
        return run_folder(self.dataset, self._run_name)

    @property
    def lock(self) -> Path:
        """File that says who is at work on it."""
        return self.weights.with_name(f"{self._run_name}.lock")

    @property
    def test(self) -> Path:
        """Folder of the test."""
        return self.output / folder_name(self.name) / self._place

    @property
    def log(self) -> Path:
        """What training and test print."""
        return self.test.with_name(f"{self.test.name}.log")

    @property
    def owner(self) -> str:
        """The study file, from the working directory: the same on all machines of a study."""
        return Path(os.path.relpath(self.study.path)).as_posix()

    @property
    def _run_name(self) -> str:
        study = folder_name(self.study.path.stem)
        return f"{study}.{folder_name(self.name)}.{self._place}"

    @property
    def _place(self) -> str:
        return f"seed_{self.seed}" + (f".{folder_name(self.fold)}" if self.fold else "")

    def load(self) -> Experiment:
        """The config with all settings, as the files are now.

        Raises:
            ConfigError: as ``Experiment.load``, with the run's name.
        """
        try:
            return Experiment.load(self.config, self.overrides)
        except ConfigError as error:
            raise ConfigError(f"{self.study.path}, {self.name!r}: {error}") from error


def tasks_of(
    study: Study,
    output: Path,
    names: Collection[str] = (),
    seeds: Collection[int] = (),
    folds: Collection[str] = (),
) -> list[Task]:
    """The tasks of a study: all runs with the first seed and fold, then with the next.

    Args:
        study: the study.
        output: its folder.
        names: of the runs wanted; none for all.
        seeds: wanted; none for all.
        folds: wanted; none for all.

    Raises:
        ConfigError: a name, seed or fold that the study does not have, or a fault in a config.
    """
    for name in names:
        study.check_name(name, "--only")
    for fold in folds:
        study.check_fold(fold)
    if strange := [seed for seed in seeds if seed not in study.seeds]:
        raise ConfigError(
            f"--seed {strange[0]}: {study.path} has the seeds {', '.join(map(str, study.seeds))}"
        )
    datasets = {name: _dataset_of(study, name, output) for name in study.runs}
    return [
        Task(study, name, seed, fold, output, datasets[name])
        for seed in study.seeds
        for fold in study.folds or (None,)
        for name in study.runs
        if (not names or name in names)
        and (not seeds or seed in seeds)
        and (not folds or fold in folds)
    ]


def default_output(study: Study) -> Path:
    """Folder of a study for which none is named: that of its dataset and its own name."""
    dataset = _dataset_of(study, next(iter(study.runs)), Path())
    return Path("fig_results") / dataset / folder_name(study.path.stem)


def _dataset_of(study: Study, name: str, output: Path) -> str:
    fold = next(iter(study.folds), None)
    return Task(study, name, study.seeds[0], fold, output, "").load().build_dataset().spec.name
