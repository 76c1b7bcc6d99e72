"""The formats in which a trained network is handed on."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from network.errors import ConfigError, MissingDataError, OutputError
from network.export.graph import GraphOptions
from network.files.json_files import read_record
from network.inference.segmenter import Segmenter


@dataclass(frozen=True)
class ExportOptions:
    """What an export is asked for; a format refuses what it has not.

    Attributes:
        graph: what a graph takes.
        resolution: of the images in centimeters per pixel, for Deepness.
        results: path of the ``results.json`` of a test, for a model card.
        picture: path of an image, for a model card.
        weights_license: of the weights, for a model card.
    """

    graph: GraphOptions
    resolution: float | None = None
    results: Path | None = None
    picture: Path | None = None
    weights_license: str = ""

    def given(self) -> set[str]:
        """The options that are not as usual, as the command line calls them."""
        graph = {"--size": self.graph.size, "--raw": self.graph.raw, "--half": self.graph.half}
        card = {"--results": self.results, "--picture": self.picture}
        values = graph | card | {"--resolution": self.resolution, "--license": self.weights_license}
        return {name for name, value in values.items() if value not in (None, False, "")}


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        write: a network, a path and options -> what a user has to know of the result.
        suffix: of the file; empty for a folder.
        options: what it understands of the command line.
        beside: suffixes of files that are written beside it.
        keeps: refuses by itself to replace what no export wrote.
    """

    write: Callable[[Segmenter, Path, ExportOptions], str]
    suffix: str
    options: frozenset[str] = frozenset()
    beside: tuple[str, ...] = ()
    keeps: bool = False


def _onnx(segmenter: Segmenter, target: Path, options: ExportOptions) -> str:
    from network.export.onnx_file import write_onnx

    return _compared(write_onnx(segmenter, target, options.graph, options.resolution))


def _program(segmenter: Segmenter, target: Path, options: ExportOptions) -> str:
    from network.export.program import write_program

    return _compared(write_program(segmenter, target, options.graph))


def _folder(segmenter: Segmenter, target: Path, options: ExportOptions) -> str:
    from network.export.model_folder import write_folder

    results = None
    if options.results is not None:
        results = read_record(options.results)
        if not results:
            raise MissingDataError(f"no results of a test in {options.results}")
    return _compared(
        write_folder(segmenter, target, results, options.picture, options.weights_license)
    )


def _stripped(segmenter: Segmenter, target: Path, options: ExportOptions) -> str:
    from network.export.stripped import write_stripped

    return _compared(write_stripped(segmenter, target))


def _compared(difference: float) -> str:
    return f"its probabilities differ by at most {difference:.1g} from the trained network's"


FORMATS = {
    "onnx": Format(_onnx, ".onnx", frozenset({"--size", "--raw", "--half", "--resolution"})),
    "pt2": Format(_program, ".pt2", frozenset({"--size", "--raw"}), (".json",)),
    "folder": Format(_folder, "", frozenset({"--results", "--picture", "--license"}), keeps=True),
    "ckpt": Format(_stripped, ".ckpt"),
}


def check_target(name: str, target: Path, options: ExportOptions) -> None:
    """Refuse an export that cannot be, before any work.

    Args:
        name: of the format.
        target: path of the file or folder.
        options: of the export.

    Raises:
        ConfigError: a target of another suffix, or options that the format has not.
        OutputError: there is something at the target.
    """
    form = FORMATS[name]
    if idle := sorted(options.given() - form.options):
        raise ConfigError(f"{', '.join(idle)}: not for --format {name}; leave it out")
    if target.suffix != form.suffix and form.suffix:
        raise ConfigError(f"-o {target}: a file of --format {name} ends in {form.suffix}")
    if form.keeps:
        return
    for path in (target, *(target.with_suffix(suffix) for suffix in form.beside)):
        if os.path.lexists(path):
            raise OutputError(f"{path} exists; give another name, or move it away")
