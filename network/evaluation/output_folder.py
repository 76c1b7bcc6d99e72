"""The output folder of a test: masks and results that belong together."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from network.errors import OutputError
from network.evaluation.image_scores import IMAGE_SCORES
from network.evaluation.mask_writer import COLORED_MASKS, MASKS
from network.files.staging import beside

RESULTS = "results.json"
REPORT = "report.html"
SCENES = "scenes"


def check_output(folder: Path) -> None:
    """Refuse a folder whose masks are not those of an earlier test.

    Raises:
        OutputError: it has ``masks``, ``masks_rgb`` or ``scenes`` but no ``results.json``, or is no
            folder.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"cannot write to {folder}: it is a file")
    for name in (MASKS, COLORED_MASKS, SCENES):
        if (folder / name).exists() and not (folder / RESULTS).is_file():
            raise OutputError(
                f"{folder / name} is not from a test (there is no {folder / RESULTS}); choose "
                "another folder for -o"
            )


@contextmanager
def replaced_outputs(folder: Path) -> Iterator[Path]:
    """A folder for new masks and results, which replace those of an earlier test at the end.

    Masks of other names and the report go with the earlier ones, so that what lies together belongs
    together. A fault or an interruption leaves the earlier ones as they were.

    Raises:
        OutputError: it cannot be written.
    """
    with beside([folder.resolve() / MASKS]) as (aside,):
        yield aside
        (folder / REPORT).unlink(missing_ok=True)
        for name in (RESULTS, IMAGE_SCORES):
            (aside / name).replace(folder / name)
        for name in (MASKS, COLORED_MASKS, SCENES):
            if (folder / name).exists():
                shutil.rmtree(folder / name)
            if (aside / name).exists():
                (aside / name).rename(folder / name)
