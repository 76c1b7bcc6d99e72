"""The output folder of a test: masks and results that belong together."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from network.errors import OutputError
from network.evaluation.confusions import CONFUSIONS
from network.evaluation.image_scores import IMAGE_SCORES
from network.evaluation.mask_writer import COLORED_MASKS, MASKS
from network.files.outputs import Place, Written, publish, refuse_to_replace
from network.files.staging import beside

RESULTS = "results.json"
REPORT = "report.html"
SCENES = "scenes"
_FOLDERS = (MASKS, COLORED_MASKS, SCENES)


def check_output(folder: Path, inputs: Iterable[Path] = ()) -> None:
    """Refuse a folder with files that a test would replace or remove, and did not write.

    Args:
        folder: of the test.
        inputs: files that are read from.

    Raises:
        OutputError: naming the files; or it is no folder.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"cannot write to {folder}: it is a file")
    for name in _FOLDERS:
        if (folder / name).exists() and not (folder / RESULTS).is_file():
            raise OutputError(
                f"{folder / name} is not from a test (there is no {folder / RESULTS}); choose "
                "another folder for -o"
            )
    written, earlier = Written(folder), _Earlier(folder)

    def known(path: Path) -> bool:
        return written.holds(path) or (not written.of(path) and path in earlier)

    refuse_to_replace(_there(folder), known, inputs)


@contextmanager
def replaced_outputs(folder: Path, inputs: Iterable[Path] = ()) -> Iterator[Path]:
    """A folder for new masks and results, which replace those of an earlier test at the end.

    Masks of other names and the report go with the earlier ones, so that what lies together belongs
    together. A fault or an interruption leaves the earlier ones as they were.

    Args:
        folder: of the test.
        inputs: files that are read from.

    Raises:
        OutputError: it cannot be written, or holds files that no test wrote.
    """
    with beside([folder.resolve() / MASKS]) as (aside,):
        yield aside
        earlier = _Earlier(folder)
        publish(
            [Place(aside, folder, folder)], _there(folder), lambda path: path in earlier, inputs
        )
        for name in _FOLDERS:
            if (folder / name).exists() and not any(_files(folder / name)):
                shutil.rmtree(folder / name)


def _there(folder: Path) -> list[Path]:
    """The files that go when a test is written."""
    files = [folder / name for name in (RESULTS, IMAGE_SCORES, CONFUSIONS, REPORT)]
    found = [path for path in files if path.exists()]
    return found + [path for name in _FOLDERS for path in _files(folder / name)]


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if not path.is_dir())


class _Earlier:
    """What a test wrote of which nothing was noted, as tests of earlier versions did not."""

    def __init__(self, folder: Path) -> None:
        self.paths: set[Path] = set()
        if Written(folder).of(folder / RESULTS):
            return
        try:
            results = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
            with (folder / IMAGE_SCORES).open(newline="", encoding="utf-8") as file:
                names = {row["image"] for row in csv.DictReader(file)}
        except (OSError, ValueError, KeyError, csv.Error):
            return
        if not isinstance(results, dict) or not {"scores", "splits", "tta"} <= results.keys():
            return
        self.paths = {folder / RESULTS, folder / IMAGE_SCORES, folder / REPORT}
        for root in (folder, folder / SCENES):
            for kind in (MASKS, COLORED_MASKS):
                self.paths |= {root / kind / f"{name}.png" for name in names}

    def __contains__(self, path: Path) -> bool:
        return path in self.paths
