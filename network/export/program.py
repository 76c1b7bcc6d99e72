"""A trained network as a program of torch.export, described by a STAC item beside it."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch.export import ExportedProgram

from network.errors import ExportError
from network.export.checking import check_export
from network.export.graph import GraphOptions, trace
from network.export.packages import needed
from network.export.stac_item import stac_item
from network.files.hashing import file_hash
from network.files.writing import replacing, write_json
from network.inference.segmenter import Segmenter

SUFFIX = ".pt2"


def write_program(segmenter: Segmenter, target: Path, options: GraphOptions) -> float:
    """Write ``target``, and its STAC item under the same name with ``.json``.

    ``torch.export.load(target).module()(image)`` gives probabilities, without this repository.

    Args:
        segmenter: the network.
        target: path of the file, ending in ``.pt2``.
        options: what the graph takes.

    Returns:
        the largest difference of a probability on test images, of the file as it is loaded.

    Raises:
        ExportError: the network cannot be exported so, or what was exported differs.
        OutputError: a file cannot be written.
    """
    if target.suffix != SUFFIX:
        raise ExportError(f"{target}: a program of torch.export ends in {SUFFIX}")
    if options.half:
        raise ExportError("--half is for ONNX files; a program of torch.export can be cast itself")
    needed("stac_model")
    program = _of_any_layout(trace(segmenter, options))
    with warnings.catch_warnings(), replacing(target) as temporary:
        warnings.simplefilter("ignore")
        torch.export.save(program, temporary)
        run = torch.export.load(temporary).module()
        difference = check_export(segmenter, options, run)
        facts = {
            "file:size": temporary.stat().st_size,
            # A multihash: 0x12 is SHA-256, of 0x20 bytes.
            "file:checksum": f"1220{file_hash(temporary)}",
        }
        item = stac_item(segmenter, target, options, facts)
    write_json(target.with_suffix(".json"), item)
    return difference


def _of_any_layout(program: ExportedProgram) -> ExportedProgram:
    """Without guards on how the example lay in memory, as that no side of a map was 1.

    The graph decides nothing by them; ``check_export`` holds that.
    """
    if getattr(program, "_guards_code", None):
        program._guards_code = []
    return program
