"""What a training and a test depend on, and in what two of them differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from network.datasets.layout import DatasetLayout, listed
from network.experiment import Experiment
from network.experiment.idle import IDLE, IDLE_OF_DATASET, without_cache
from network.experiment.values import described, without_addresses
from network.studies.hashes import Hashes
from network.studies.sources import config_code, digest, testing_code, training_code
from network.studies.task import Task

OF_TEST = ("test_window",)


@dataclass(frozen=True)
class Signature:
    """What one stage depends on, as plain values.

    Attributes:
        settings: as text.
        files: short hashes of an image with its masks by split and name, and of weights that the
            config names.
        layout: what the dataset says of its files, as text.
        config: hash of what the config defines itself.
        code: hash of the library's code.
    """

    settings: dict[str, str]
    files: dict[str, dict[str, str]]
    layout: dict[str, str]
    config: str
    code: str

    @classmethod
    def stored(cls, content: Any) -> Signature | None:
        """As it was written; None for anything else."""
        try:
            found = cls(**content)
        except TypeError:
            return None
        texts = isinstance(found.config, str) and isinstance(found.code, str)
        tables = all(isinstance(t, dict) for t in (found.settings, found.files, found.layout))
        return found if texts and tables else None

    def record(self) -> dict[str, Any]:
        """Plain values, to be written."""
        return asdict(self)

    def changes(self, before: Signature, any_code: bool = False) -> list[str]:
        """What is not as it was before, in words.

        Args:
            before: the earlier signature.
            any_code: another version of the library's code is none.
        """
        found = [*_changed(without_cache(before.settings), self.settings)]
        layout = {n: text for n, text in before.layout.items() if n not in IDLE_OF_DATASET}
        found += [f"dataset: {text}" for text in _changed(layout, self.layout)]
        for split in dict.fromkeys([*before.files, *self.files]):
            found += _other_files(split, before.files.get(split, {}), self.files.get(split, {}))
        if before.config != self.config:
            found.append("what the config file defines or imports is another")
        if before.code != self.code and not any_code:
            found.append("the code of network/ is another (--any-code keeps what is there)")
        return found


def signatures(task: Task, hashes: Hashes) -> tuple[Signature, Signature]:
    """Of the training and of the test of a task, as files and code are now.

    Raises:
        UserError: a config or a dataset that cannot be used.
    """
    experiment = task.load()
    layout = experiment.build_dataset()
    about = {
        name: _text(value)
        for name, value in sorted(vars(layout).items())
        if name not in IDLE_OF_DATASET
    }
    settings = experiment.settings()
    config = config_code(task.config, settings)
    files = _files(layout, ("train", "val"), hashes) | _weights(experiment, hashes)
    tested = {name: settings[name] for name in OF_TEST}
    tested |= {"tta": task.study.tta, "split": task.study.split}
    scored = _files(layout, (task.study.split,), hashes)
    return (
        Signature(trained_with(experiment), files, about, config, training_code()),
        Signature(tested, scored, about, "", testing_code()),
    )


def trained_with(experiment: Experiment) -> dict[str, str]:
    """The settings that a training depends on, as text."""
    return {
        name: _text(text)
        for name, text in without_cache(experiment.settings()).items()
        if name not in (*IDLE, *OF_TEST)
    }


def _files(
    layout: DatasetLayout, splits: Iterable[str], hashes: Hashes
) -> dict[str, dict[str, str]]:
    samples = {split: layout.samples(split) for split in splits}
    found = hashes.of(path for each in samples.values() for s in each for path in s.files)
    return {
        split: {
            sample.name: _short(
                f"{kind}:{found[path]}"
                for kind, path in (("image", sample.image), *sample.masks.items())
            )
            for sample in each
        }
        for split, each in samples.items()
    }


def _weights(experiment: Experiment, hashes: Hashes) -> dict[str, dict[str, str]]:
    """Of files that the network's parameters name, as pretrained weights."""
    values = experiment.net.keywords if isinstance(experiment.net, partial) else {}
    paths = [
        Path(value) for value in values.values() if isinstance(value, str | Path) and str(value)
    ]
    found = hashes.of(path for path in paths if path.is_file())
    return {"weights": {str(path): _short([digest]) for path, digest in found.items()}}


def _short(parts: Iterable[str]) -> str:
    return digest(parts)[:16]


def _text(value: Any) -> str:
    """A value as text that is the same in every process."""
    text = value if isinstance(value, str) else described(value)
    return without_addresses(text)


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> Iterable[str]:
    for name in dict.fromkeys([*before, *now]):
        if before.get(name) != now.get(name):
            yield f"{name} was {before.get(name, 'not there')}, is {now.get(name, 'not there')}"


def _other_files(split: str, before: Mapping[str, str], now: Mapping[str, str]) -> Iterable[str]:
    for what, names in (
        ("changed", [n for n in now if n in before and before[n] != now[n]]),
        ("new", [n for n in now if n not in before]),
        ("gone", [n for n in before if n not in now]),
    ):
        if names:
            yield f"{len(names)} of {split} {what}: {listed(names, 3)}"
