"""A summary of a checkpoint as text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from network.inference.summary import PUBLISHED, UNKNOWN

NOT_RECORDED = "not recorded"
_COLUMN = 15
_LISTED = 6


def summary_text(summary: Mapping[str, Any]) -> str:
    """The lines of ``network.inference.summary.summarise``'s facts."""
    lines = [f"{summary['file']}: {summary['kind']}"]
    lines += [f"{name:<{_COLUMN}} {text}".rstrip() for name, text in _rows(summary)]
    return "\n".join(lines)


def _rows(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    network, published = summary["network"], summary["published"]
    if network:
        yield from _network_rows(network)
        yield from _dataset_rows(summary["dataset"])
    elif published:
        yield "network", _settings(published)
        yield "", "convert it: python tools/convert_checkpoint.py SOURCE DEST -c CONFIG"
    else:
        yield "network", f"{NOT_RECORDED}: name its config by -c CONFIG where it is used"
    if converted := summary["converted"]:
        source = converted if isinstance(converted, Mapping) else {}
        yield "converted from", str(source.get("from", NOT_RECORDED))
    if summary["kind"] not in (PUBLISHED, UNKNOWN):
        yield from _training_rows(summary["training"])
    if summary["ema_decay"] is not None:
        yield "weights", f"averaged in training, ema_decay={summary['ema_decay']}"
    if summary["averaged_from"]:
        yield "mean of", ", ".join(summary["averaged_from"])
    size = summary["size"]
    yield (
        "size",
        f"{_megabytes(size['file_bytes'])}, the weights alone "
        f"{_megabytes(size['weights_bytes'])}; {size['parameters']:,} numbers in them",
    )


def _network_rows(network: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    name, settings = network["name"], dict(network["settings"])
    yield "network", f"{name.rpartition('.')[2]} ({name})"
    if "backbone" in settings:
        yield "backbone", str(settings.pop("backbone"))
    yield "settings", _settings(settings | dict(network["objects"] or {}))
    if first := network["first_weights"]:
        yield "began with", _settings(first)


def _dataset_rows(dataset: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    unscored = dataset["unscored"] or []
    yield "dataset", str(dataset["name"])
    yield "classes", str(len(dataset["classes"]))
    for index, (name, color) in enumerate(dataset["classes"].items()):
        code = "#" + "".join(f"{int(c):02X}" for c in color)
        yield f"  {index:>3}", f"{code}  {name}{' (not in the means)' * (name in unscored)}"
    yield "bands", _bands(dataset)
    yield "values", _values(dataset)
    yield "normalised by", f"mean {_numbers(dataset['mean'])}, std {_numbers(dataset['std'])}"
    yield "-t d4", _passes(dataset["d4"]) if dataset["d4"] else NOT_RECORDED


def _training_rows(training: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    protocol, scores, versions = (training[key] for key in ("protocol", "scores", "versions"))
    if isinstance(protocol, Mapping):
        yield "trained on", _images(protocol.get("train"))
        yield "validated on", _images(protocol.get("val"))
        yield "split by", json.dumps(protocol.get("rule"))
    else:
        yield "protocol", NOT_RECORDED
    step = f", step {training['step']}" if training["step"] is not None else ""
    yield "epoch", f"{training['epoch']}{step}" if training["epoch"] else NOT_RECORDED
    yield "scores", _scores(scores) if scores else NOT_RECORDED
    known = [f"{name} {version}" for name, version in (versions or {}).items() if version]
    others = "" if versions and "torch" in versions else f"; others {NOT_RECORDED}"
    yield "versions", ", ".join(known) + others if known else NOT_RECORDED
    yield "resumable", "yes" if training["resumable"] else "no, it holds weights and facts only"


def _bands(dataset: Mapping[str, Any]) -> str:
    numbers, names = dataset["band_numbers"], dataset["band_names"]
    what = f": {', '.join(map(str, numbers))} of the files" if numbers else " of a picture (RGB)"
    what += f" ({', '.join(map(str, names))})" if names else ""
    return f"{dataset['bands']}{what}" + (
        f"; alpha: {dataset['alpha']}" if dataset["alpha"] else ""
    )


def _values(dataset: Mapping[str, Any]) -> str:
    scale = dataset["scale"] or []
    kind = dataset["image_type"] or f"type {NOT_RECORDED}"
    ends = scale if len(scale) == 2 else (0, 255)
    return f"{kind}; {ends[0]:g} stands for 0 and {ends[1]:g} for 1"


def _scores(scores: Mapping[str, Any]) -> str:
    means = [
        f"{name} {_share(scores[name])}"
        for name in scores
        if name not in ("monitor", "best", "epoch")
    ]
    latest = f" after epoch {scores['epoch']}" if "epoch" in scores else ""
    best = (
        f"; best {scores.get('monitor')} so far {_share(scores['best'])}"
        if "best" in scores
        else ""
    )
    return f"{', '.join(means) or 'none yet'}{latest}{best}"


def _share(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _passes(d4: Mapping[str, Any]) -> str:
    flags = [name for name, value in d4.items() if value is True]
    scales = [f"{scale:g}" for scale in d4.get("scales", [])]
    return ", ".join([*flags, f"scales {' '.join(scales)}", str(d4.get("interpolation", ""))])


def _images(names: Any) -> str:
    if not isinstance(names, Sequence) or isinstance(names, str):
        return NOT_RECORDED
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{len(names)}: {', '.join(map(str, names[:_LISTED]))}{more}"


def _settings(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in settings.items()) or "none"


def _numbers(values: Any) -> str:
    return " ".join(f"{value:.4g}" for value in values or ()) or NOT_RECORDED


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"
