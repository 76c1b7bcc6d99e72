"""A network as a folder for others: what it is, its weights, and a card that says how to use it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from network.errors import CheckpointError, ExportError, MissingDataError
from network.export.checking import check_same
from network.export.facts import facts_of
from network.export.model_card import model_card
from network.files.hashing import file_hash
from network.files.images import IMAGE_SUFFIXES
from network.files.model_folder import CARD, CONFIG, WEIGHTS
from network.files.staging import staged
from network.files.writing import write_json
from network.inference.segmenter import Segmenter
from network.models.model_folder import FORMAT, load

_PICTURE = "picture"


def write_folder(
    segmenter: Segmenter,
    target: str | Path,
    results: Mapping[str, Any] | None = None,
    picture: str | Path | None = None,
    weights_license: str = "",
) -> float:
    """Write a model folder, ready for a hub, whole or not at all.

    It is read again at once and compared with the network on test images.

    Args:
        segmenter: the network.
        target: the folder; what is there is replaced only where an earlier export wrote it.
        results: contents of ``results.json`` of a test of the same checkpoint, for the card.
        picture: an image file for the card.
        weights_license: identifier of the licence of the weights, for the card.

    Returns:
        the largest difference of a probability.

    Raises:
        ExportError: a network that no file can describe, results of another checkpoint, or what
            was written predicts something else.
        MissingDataError: no such picture.
        OutputError: something cannot be written, or would be replaced that no export wrote.
    """
    target = Path(target)
    picture = None if picture is None else Path(picture)
    if picture is not None and not (picture.is_file() and picture.suffix.lower() in IMAGE_SUFFIXES):
        raise MissingDataError(f"no picture {picture} for the card: name an image file")
    if results is not None:
        _check_results(segmenter, results)
    facts = facts_of(segmenter)
    kind = segmenter.identity.network.rpartition(".")[2]
    with staged([target], _is_picture) as (aside,):
        write_json(aside / CONFIG, {"format": FORMAT, "architectures": [kind]} | facts)
        weights = {n: v.detach().cpu().contiguous().clone()
                   for n, v in segmenter.net.state_dict().items()}  # fmt: skip
        save_file(weights, aside / WEIGHTS, {"format": "pt"})
        shown = ""
        if picture is not None:
            shown = f"{_PICTURE}{picture.suffix.lower()}"
            shutil.copyfile(picture, aside / shown)
        card = model_card(facts, target.resolve().name, results, shown, weights_license)
        (aside / CARD).write_text(card, encoding="utf-8")
        try:
            net = load(aside)
        except CheckpointError as error:
            reason = str(error).replace(str(aside), "").lstrip(": ")
            raise ExportError(
                f"{segmenter.checkpoint} cannot become a folder that loads by itself: {reason}"
            ) from error
        return check_same(segmenter, net)


def _is_picture(path: Path) -> bool:
    return path.stem == _PICTURE


def _check_results(segmenter: Segmenter, results: Mapping[str, Any]) -> None:
    """Refuse scores of another network.

    Raises:
        ExportError: they are.
    """
    tested = results.get("checkpoint")
    digest = tested.get("sha256") if isinstance(tested, Mapping) else None
    if digest != file_hash(segmenter.checkpoint):
        raise ExportError(
            f"the results are of another checkpoint than {segmenter.checkpoint} (their SHA-256 "
            "differ): test this one, or leave the results out"
        )
