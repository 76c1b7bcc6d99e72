"""The card of a model folder: what a network is and how it is used, in the form of a hub."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from network.export.citations import citation_of
from network.inference.checkpoint_keys import (
    IDENTITY,
    IMAGE_TYPE,
    PROTOCOL,
    SCORES,
    VERSIONS,
    averaged_from,
)

_METRICS = {"mIoU": "mean_iou", "mF1": "f1", "OA": "accuracy"}
_NAMES = {"mIoU": "mIoU", "mF1": "mean F1", "OA": "overall accuracy"}


def model_card(
    facts: Mapping[str, Any],
    name: str,
    results: Mapping[str, Any] | None = None,
    picture: str = "",
    weights_license: str = "",
) -> str:
    """The text of ``README.md``, with its head in YAML.

    Args:
        facts: of the network, by the keys of checkpoints.
        name: of the folder.
        results: contents of ``results.json`` of a test.
        picture: name of an image file in the folder.
        weights_license: identifier of the licence of the weights.
    """
    identity = facts[IDENTITY]
    head = yaml.safe_dump(
        _head(identity, name, results, weights_license), sort_keys=False, allow_unicode=True
    )
    parts = [f"---\n{head}---", f"# {name}", _about(facts)]
    parts += [f"![An image and its prediction]({picture})"] if picture else []
    parts += ["## Classes\n\n" + "\n".join(_classes(identity))]
    parts += ["## Images\n\n" + "\n".join(_images(facts))]
    parts += ["## Scores\n\n" + "\n".join(_scores(facts, results))]
    parts += ["## Use\n\n" + _USE.format(name=name)]
    licence = weights_license or "not stated"
    parts += [f"## License\n\nOf the weights: {licence}. Of the code that loads them: Apache-2.0."]
    parts += [f"## Citation\n\n{citation_of(identity['network'])}"]
    return "\n\n".join(parts) + "\n"


def _head(
    identity: Mapping[str, Any], name: str, results: Mapping[str, Any] | None, licence: str
) -> dict[str, Any]:
    head: dict[str, Any] = {
        "library_name": "bicor-seg",
        "pipeline_tag": "image-segmentation",
        "tags": ["semantic-segmentation", "remote-sensing"],
        "datasets": [identity["dataset"]],
        "metrics": list(_METRICS.values()),
    }
    if licence:
        head["license"] = licence
    scores = [] if results is None else list(_tested(results))
    if scores:
        metrics = [
            {"type": kind, "value": score[key], "name": f"{_NAMES[key]}, {_protocol(score)}"}
            for score in scores
            for key, kind in _METRICS.items()
            if _number(score.get(key)) is not None
        ]
        task = {"type": "image-segmentation"}
        data = {"type": str(results.get("dataset")), "name": str(results.get("dataset"))}
        data["split"] = str(results.get("split"))
        found = {"task": task, "dataset": data, "metrics": metrics}
        head["model-index"] = [{"name": name, "results": [found]}]
    return head


def _about(facts: Mapping[str, Any]) -> str:
    identity = facts[IDENTITY]
    settings = identity["settings"]
    backbone = settings.get("backbone")
    text = f"{identity['network'].rpartition('.')[2]}"
    text += f" with {backbone} as its backbone" if backbone else ""
    text += f", for semantic segmentation of images like those of {identity['dataset']}"
    text += f" into {len(identity['classes'])} classes."
    lines = [text, "", f"Settings: {', '.join(f'`{n}={v!r}`' for n, v in settings.items())}."]
    if sources := averaged_from(facts):
        lines.append(f"The mean of the weights of {len(sources)} checkpoints.")
    if isinstance(facts.get("epoch"), int):
        lines.append(f"Trained for {facts['epoch'] + 1} epochs.")
    if facts.get(VERSIONS):
        known = [f"{package} {version}" for package, version in facts[VERSIONS].items() if version]
        lines.append(f"Trained with {', '.join(known)}.")
    return "\n".join(lines)


def _classes(identity: Mapping[str, Any]) -> Iterator[str]:
    yield "| index | class | color | in the means |\n|---|---|---|---|"
    rows = zip(identity["classes"], identity["colors"], strict=True)
    for index, (name, color) in enumerate(rows):
        code = "#" + "".join(f"{channel:02X}" for channel in color)
        counted = "no" if name in identity["unscored"] else "yes"
        yield f"| {index} | {_cell(name)} | `{code}` | {counted} |"


def _images(facts: Mapping[str, Any]) -> Iterator[str]:
    identity = facts[IDENTITY]
    names = ", ".join(map(_cell, identity["band_names"]))
    numbers = ", ".join(map(str, identity["band_numbers"]))
    bands = f"{numbers} of the files" if numbers else "red, green and blue"
    low, high = identity["scale"] or (0, 255)
    kind = facts.get(IMAGE_TYPE, "values")
    yield f"- Bands: {identity['bands']} ({bands}){f': {names}' if names else ''}."
    yield f"- Values: {kind} as they are stored; {low:g} stands for 0 and {high:g} for 1."
    yield f"- Normalised by mean {identity['mean']} and std {identity['std']} of the scaled values."


def _scores(facts: Mapping[str, Any], results: Mapping[str, Any] | None) -> Iterator[str]:
    if results is not None:
        yield (
            f"Tested on {results.get('images')} images of {_cell(str(results.get('dataset')))}, "
            f"{results.get('split')} split, in percent:\n"
        )
        yield "| counted with | mIoU | mean F1 | overall accuracy |\n|---|---|---|---|"
        for score in _tested(results):
            cells = " | ".join(_percent(score.get(key)) for key in _METRICS)
            yield f"| {_protocol(score)} | {cells} |"
        unscored = facts[IDENTITY]["unscored"]
        out = f" without {', '.join(map(_cell, unscored))}" if unscored else ""
        yield f"\nMeans are over classes{out}."
    validation = facts.get(SCORES) or {}
    values = [f"{n} {_percent(v)}" for n, v in validation.items() if n.startswith("val_")]
    if values:
        epoch = f" after epoch {validation['epoch']}" if "epoch" in validation else ""
        yield f"\nIn the training's validation{epoch}, in percent: {', '.join(values)}."
    protocol = facts.get(PROTOCOL)
    if isinstance(protocol, Mapping):
        counts = {kind: len(protocol.get(kind) or ()) for kind in ("train", "val")}
        trained, validated = counts["train"], counts["val"]
        yield f"\nTrained on {trained} images or tiles, validated on {validated} others."
    if results is None and not values:
        yield "Not recorded."


def _tested(results: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    scores = results.get("scores")
    yield from (s for s in scores if isinstance(s, Mapping)) if isinstance(scores, list) else ()


def _protocol(score: Mapping[str, Any]) -> str:
    unit = "" if score.get("unit", "images") == "images" else f"{score['unit']}, "
    return f"{unit}{score.get('masks')} masks, TTA {score.get('tta')}"


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and math.isfinite(value)
    return float(value) if is_number else None


def _percent(value: Any) -> str:
    number = _number(value)
    return "-" if number is None else f"{100 * number:.2f}"


def _cell(text: str) -> str:
    """A foreign text within a line of a table."""
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


_USE = """With the code of BiCoR-Seg, from its folder, where this folder lies as `{name}`:

```
python predict.py --ckpt {name} image.tif -o maps
```

```python
from network.inference.predictor import Predictor
from network.models import load

net = load("{name}")  # or the id of this repository on the hub
probabilities = Predictor(net)(image)  # normalised float32 [B, bands, H, W] -> [B, N, H, W]
net.facts["identity"]["classes"]  # and mean, std, scale, bands
```

Nothing of this folder is executed when it is loaded."""
