"""The table of a comparison, as files and for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from network.comparison.choice import Viewed
from network.comparison.comparison import Comparison, compare_methods
from network.comparison.costs import NO_COSTS, Costs
from network.comparison.figure import methods_figure
from network.comparison.latex import latex_table
from network.comparison.markdown import markdown_table
from network.comparison.page_contents import STUDY_PAGE, page_contents
from network.comparison.pictures import Pictures
from network.comparison.records import csv_table, record
from network.figures.style import save_figure
from network.files.staging import staged
from network.files.writing import write_json

TABLE = "table"
STUDY = "study.html"
PICTURE = "picture"


def write_tables(
    rows: Mapping[str, Sequence[Path]],
    output: Path,
    reference: str | None = None,
    wanted: Mapping[str, str] | None = None,
    costs: Costs = NO_COSTS,
    viewed: Viewed | None = None,
) -> Comparison:
    """Compare tests and write ``table.md``, ``.tex``, ``.csv``, ``.json`` and ``study.html``.

    With images also ``picture.png`` and ``.pdf``, and without, earlier ones are removed. All of
    them are written, or none.

    Args:
        rows: folders of tests by method, one for each seed.
        output: folder for the files.
        reference: method that the others are compared with.
        wanted: which scores of the tests, see ``network.comparison.comparison.compare_methods``.
        costs: for columns of their own.
        viewed: images to show with the masks of all methods, in the page and as a picture.

    Returns:
        what was compared, for ``plain_table``.

    Raises:
        UserError: tests that do not compare, or files that no run wrote in the way.
    """
    found = compare_methods(rows, reference, wanted)
    write_comparison(found, output, costs, viewed)
    return found


def write_comparison(
    found: Comparison, output: Path, costs: Costs = NO_COSTS, viewed: Viewed | None = None
) -> None:
    """``write_tables`` of tests that were compared already."""
    pictures = {f"{PICTURE}.png", f"{PICTURE}.pdf"}
    with staged([output], is_stale=lambda path: path.name in pictures) as (aside,):
        save_tables(found, aside, costs, viewed)


def save_tables(
    found: Comparison, folder: Path, costs: Costs = NO_COSTS, viewed: Viewed | None = None
) -> None:
    """Write the files of ``write_tables`` into a folder."""
    texts = {".md": markdown_table, ".tex": latex_table, ".csv": csv_table}
    for suffix, made in texts.items():
        (folder / f"{TABLE}{suffix}").write_text(made(found, costs), encoding="utf-8", newline="")
    write_json(folder / f"{TABLE}.json", record(found, costs))
    if viewed is None:
        contents = page_contents(found, costs)
    else:
        pictures = Pictures(found, viewed.config)
        shown = list(pictures.read(viewed.pictured(found)))
        save_figure(methods_figure(shown, pictures.spec), folder / PICTURE)
        contents = page_contents(found, costs, pictures, viewed.images, viewed.side)
    (folder / STUDY).write_text(STUDY_PAGE.render(contents), encoding="utf-8")
