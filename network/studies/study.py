"""The schema of a study file: its runs, their seeds, and how they are tested."""

from __future__ import annotations

import typing
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import NamedTuple

from network.datasets.catalog import TTA_NAMES
from network.errors import ConfigError
from network.experiment.loading import override_path, read_config, refuse_unknown
from network.experiment.values import check_value, nearest
from network.studies.names import folder_name

SPLITS = ("test", "val")
_OWN = {"name": "the name", "seed": "the seeds"}
_MAX_SEED = 2**32 - 1


class Run(NamedTuple):
    """A config and the settings by which a run differs from it."""

    config: Path
    overrides: tuple[str, ...]


def run(config: str | Path, *overrides: str) -> Run:
    """A run of a study.

    Args:
        config: path of a config file, from the working directory.
        overrides: settings to change, as ``"max_epoch=1", "net.backbone=resnet18"``.
    """
    return Run(Path(config), overrides)


@dataclass(kw_only=True, eq=False)
class Study:
    """What a study file may say.

    Attributes:
        runs: by the names that they have in tables.
        seeds: each run is trained with each of them.
        reference: name of the run that the others are compared with; None for no comparison.
        folds: settings of every fold by its name, which hold other images out; each run is trained
            with each of them, and its scores are those of all held-out images together.
        tta: test-time augmentation of the tests: ``none``, ``lr`` or ``d4``.
        split: images to test on: ``test`` or ``val``.
        images: names of those in the picture of all methods; none for those in which they differ
            most.
    """

    runs: Mapping[str, Run]
    seeds: Sequence[int] = (0, 1, 2)
    reference: str | None = None
    folds: Mapping[str, Sequence[str]] = field(default_factory=dict)
    tta: str = "none"
    split: str = "test"
    images: Sequence[str] = ()

    path: Path = field(default=Path(), metadata={"setting": False})

    @classmethod
    def load(cls, path: str | Path) -> Study:
        """Read a study file; as a config it is Python, which is executed.

        Raises:
            ConfigError: no such file, a fault in it, an unknown name, a value that cannot be.
        """
        path = Path(path)
        known = {f.name: f for f in fields(cls) if f.metadata.get("setting", True)}
        values = read_config(path, known, "study")
        refuse_unknown(values, known, path)
        if "runs" not in values:
            raise ConfigError(f"{path} does not set 'runs', which has no default")
        study = cls(**values, path=path)
        hints = typing.get_type_hints(cls)
        for name in known:
            check_value(name, getattr(study, name), hints[name], str(path))
        study._check()
        return study

    def _check(self) -> None:
        if not self.runs or not self.seeds:
            raise ConfigError(f"{self.path}: no run, or no seed; give at least one of each")
        self._check_names("run", self.runs)
        self._check_names("fold", self.folds)
        for seed, count in Counter(self.seeds).items():
            if count > 1 or not 0 <= seed <= _MAX_SEED:
                raise ConfigError(
                    f"{self.path}: seeds={list(self.seeds)}: whole numbers from 0 to {_MAX_SEED}, "
                    "each once"
                )
        for name, options in (("tta", TTA_NAMES), ("split", SPLITS)):
            if getattr(self, name) not in options:
                raise ConfigError(
                    f"{self.path}: {name}={getattr(self, name)!r}: one of {', '.join(options)}"
                )
        for name, count in Counter(self.images).items():
            if count > 1:
                raise ConfigError(f"{self.path}: images: {name!r} is named {count} times")
        if self.reference is not None:
            self.check_name(self.reference, f"{self.path}: reference")
        for name, each in self.runs.items():
            self._check_settings(name, each.overrides)
        for name, settings in self.folds.items():
            self._check_settings(name, settings)
        if len(self.folds) == 1:
            raise ConfigError(f"{self.path}: folds={self.folds}: at least two, or none")

    def _check_settings(self, name: str, settings: Sequence[str]) -> None:
        for text in settings:
            if not isinstance(text, str):
                raise ConfigError(
                    f"{self.path}: {name!r}: settings are texts, as 'net.num_hbis=3', each one "
                    f"for itself; got {text!r}"
                )
            setting = override_path(text)[0]
            if setting in _OWN:
                raise ConfigError(
                    f"{self.path}: {name!r} sets {text}, but a study gives {_OWN[setting]} "
                    "itself; leave it out"
                )

    def _check_names(self, kind: str, names: Iterable[str]) -> None:
        folders: dict[str, str] = {}
        for name in names:
            folder = folder_name(name) if isinstance(name, str) else ""
            if not folder:
                raise ConfigError(
                    f"{self.path}: {name!r} cannot name a {kind}; use letters and digits"
                )
            # File systems of some machines tell no capitals apart.
            other = folders.setdefault(folder.casefold(), name)
            if other != name:
                raise ConfigError(
                    f"{self.path}: the {kind}s {other!r} and {name!r} would share the folder "
                    f"{folder}; rename one of them"
                )

    def check_name(self, name: str, where: str) -> None:
        """Refuse a name that no run has.

        Raises:
            ConfigError: naming the nearest that there is.
        """
        if name not in self.runs:
            raise ConfigError(f"{where}: no run {name!r}{nearest(name, self.runs)}")

    def check_fold(self, name: str) -> None:
        """Refuse a name that no fold has.

        Raises:
            ConfigError: naming the nearest that there is.
        """
        if name not in self.folds:
            raise ConfigError(f"--fold: no fold {name!r}{nearest(name, self.folds)}")
