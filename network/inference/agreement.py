"""Whether a config agrees with what a checkpoint says of itself."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from network.datasets.catalog import DatasetSpec
from network.datasets.layout import listed
from network.errors import CheckpointError
from network.experiment import Experiment
from network.experiment.loading import override_path
from network.experiment.values import takes_any
from network.inference.identity import Identity, arguments_of, plain

_NO_RECORD = (
    "does not say what it was trained with: that the order of classes, mean and std, and settings "
    "that leave no trace in weights (topk_ratio, min_pixels, mix, temperature, input_scale) are "
    "those of the training cannot be checked"
)


def as_trained(
    experiment: Experiment, spec: DatasetSpec, checkpoint: Mapping[str, Any], path: str | Path
) -> tuple[Experiment, list[str]]:
    """A config with the network's settings of a checkpoint, for everything but training.

    Args:
        experiment: the config.
        spec: of its dataset.
        checkpoint: its contents.
        path: of it, for messages.

    Returns:
        the config, and what its user must know: settings that were replaced, what cannot be
        checked.

    Raises:
        CheckpointError: dataset, class of the network or an override of the command line
            contradict the checkpoint.
    """
    now, before = Identity.of(experiment, spec), Identity.stored(checkpoint, path)
    if before is None:
        return experiment, [f"{path} {_NO_RECORD}"]
    _check_network(before, now, path)
    _check_dataset(before, now, path)
    found = _differences(before.settings | before.objects, now.settings | now.objects)
    takes = {*now.settings} | (found.keys() if takes_any(experiment.net) else set())
    taken = {n: values for n, values in found.items() if n in before.settings and n in takes}
    new = _unknown_then(found, before)
    lost = {n: values for n, values in found.items() if n not in taken and n not in new}
    if lost:
        raise CheckpointError(
            f"{path} holds another network than the config builds: {_said(lost)}; these cannot be "
            "taken from the checkpoint: give the config those of the training"
        )
    asked = {override_path(text)[1] for text in experiment.overrides if _of_net(text)}
    refused = {n: values for n, values in taken.items() if n in asked}
    if refused:
        raise CheckpointError(
            f"{path} holds another network than the command line asks for: "
            f"{_said(refused, 'command line')}; leave these overrides out, the network's settings "
            "come from the checkpoint"
        )
    notes = _notes(before, now, path)
    if taken:
        notes.insert(0, f"network settings from the checkpoint: {_said(taken)}")
        experiment = replace(experiment, net=_with(experiment.net, taken))
    unsaid = {n: found[n][1] for n in new if found[n][1] != _default(experiment.net, n)}
    if unsaid:
        values = ", ".join(f"{name}={value!r}" for name, value in unsaid.items())
        notes.append(f"{path} does not say {', '.join(unsaid)}; as the config says: {values}")
    return experiment, notes


def check_resumed(
    experiment: Experiment, spec: DatasetSpec, checkpoint: Mapping[str, Any], path: str | Path
) -> list[str]:
    """Refuse to train another network, or the same one for other labels, from a checkpoint.

    Takes what ``as_trained`` takes.

    Returns:
        what its user must know.

    Raises:
        CheckpointError: naming every difference.
    """
    now, before = Identity.of(experiment, spec), Identity.stored(checkpoint, path)
    if before is None:
        return [f"{path} {_NO_RECORD}"]
    _check_network(before, now, path)
    _check_dataset(before, now, path)
    found = _differences(before.settings | before.objects, now.settings | now.objects)
    for name in _unknown_then(found, before):
        if found[name][1] == _default(experiment.net, name):
            del found[name]
    found |= _differences({"unscored": before.unscored}, {"unscored": now.unscored})
    if found:
        raise CheckpointError(
            f"{path} cannot be resumed with other settings than those it was trained with: "
            f"{_said(found)}"
        )
    return _notes(before, now, path)


def check_other_network(
    experiment: Experiment, spec: DatasetSpec, before: Identity, path: str | Path
) -> list[str]:
    """Refuse a network of another class than the config's, unless it is for the same dataset.

    Args:
        experiment: the config.
        spec: of its dataset.
        before: what the checkpoint says.
        path: of it, for messages.

    Returns:
        what its user must know.

    Raises:
        CheckpointError: the datasets contradict each other.
    """
    now = Identity.of(experiment, spec)
    _check_dataset(before, now, path)
    built = f"{path} holds {before.described()}, built from its own record (config: {now.kind})"
    if asked := [text for text in experiment.overrides if _of_net(text)]:
        built += f", which has nothing to do with {', '.join(asked)}"
    return [built, *_notes(before, now.with_network(before), path)]


def differing(first: Identity, other: Identity, names: Sequence[str]) -> str:
    """What two records say otherwise, in words; nothing where they agree."""
    return "; ".join(
        f"{name}={getattr(first, name)!r} and {getattr(other, name)!r}"
        for name in names
        if getattr(first, name) != getattr(other, name)
    )


def _check_network(before: Identity, now: Identity, path: str | Path) -> None:
    """Refuse another class; one of the same name may have moved to another module."""
    if before.kind != now.kind:
        raise CheckpointError(
            f"{path} holds another network than the config builds: {before.network} "
            f"(config: {now.network})"
        )


def _check_dataset(before: Identity, now: Identity, path: str | Path) -> None:
    """Refuse classes, bands and normalisation that are not those of the training."""
    found = []
    if len(before.classes) != len(now.classes):
        only = listed([name for name in now.classes if name not in before.classes])
        lacking = listed([name for name in before.classes if name not in now.classes])
        found.append(
            f"it was trained with {len(before.classes)} classes, but the config's dataset has "
            f"{len(now.classes)} (only there: {lacking or 'none'}; only here: {only or 'none'})"
        )
    else:
        names = zip(before.classes, now.classes, strict=True)
        changed = {f"class {i}": (a, b) for i, (a, b) in enumerate(names) if a != b}
        swapped = {} if changed else _swapped_colors(before, now)
        found += [_said(changed)] if changed else []
        found += [_said(swapped)] if swapped else []
    for name in ("bands", "band_numbers", "scale", "alpha", "mean", "std"):
        values = {name: getattr(before, name)}, {name: getattr(now, name)}
        found += [_said(difference)] if (difference := _differences(*values)) else []
    if found:
        raise CheckpointError(
            f"{path} was trained for another dataset than the config's: {'; '.join(found)}. Use "
            "the config, and the dataset.yaml, that it was trained with"
        )


def _swapped_colors(before: Identity, now: Identity) -> dict[str, tuple[Any, Any]]:
    """Classes whose colors have changed places, so that masks in colors mean something else."""
    changed = _changed_colors(before, now)
    old, new = zip(*changed.values(), strict=True) if changed else ((), ())
    return changed if sorted(old) == sorted(new) else {}


def _changed_colors(before: Identity, now: Identity) -> dict[str, tuple[Any, Any]]:
    rows = zip(now.classes, before.colors, now.colors, strict=True)
    return {f"color of {name}": (list(a), list(b)) for name, a, b in rows if list(a) != list(b)}


def _notes(before: Identity, now: Identity, path: str | Path) -> list[str]:
    """What has changed and may be right."""
    found = _changed_colors(before, now)
    for name in ("dataset", "unscored", "network"):
        found |= _differences({name: getattr(before, name)}, {name: getattr(now, name)})
    if before.d4:
        found |= _differences({"d4": before.d4}, {"d4": now.d4})
    return [f"not as {path} was trained: {_said(found)}"] if found else []


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    names = dict.fromkeys([*before, *now])
    return {n: (before.get(n), now.get(n)) for n in names if before.get(n) != now.get(n)}


def _unknown_then(found: Mapping[str, Any], before: Identity) -> list[str]:
    """Settings that the network did not have when the checkpoint was written."""
    return [name for name in found if name not in before.settings | before.objects]


def _said(differences: Mapping[str, tuple[Any, Any]], where: str = "config") -> str:
    return ", ".join(
        f"{name}={before!r} ({where}: {now!r})" for name, (before, now) in differences.items()
    )


def _of_net(override: str) -> bool:
    return override_path(override)[0] == "net"


def _with(net: partial, differing: Mapping[str, tuple[Any, Any]]) -> partial:
    """A network's partial with the values of a checkpoint."""
    given = arguments_of(net)
    changed = {
        name: tuple(before) if isinstance(given.get(name), tuple) else before
        for name, (before, _) in differing.items()
    }
    by_place = inspect.signature(net.func).bind_partial(*net.args).arguments
    if by_place.keys().isdisjoint(changed):
        by_place = {}
    arguments = () if by_place else net.args
    return partial(net.func, *arguments, **{**by_place, **net.keywords, **changed})


def _default(net: partial, name: str) -> Any:
    parameter = inspect.signature(net.func).parameters.get(name)
    return None if parameter is None else plain(parameter.default)
