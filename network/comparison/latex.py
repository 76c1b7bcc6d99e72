"""A comparison as LaTeX, with the rules of booktabs, for a page of a paper."""

from __future__ import annotations

from typing import NamedTuple

from network.comparison.caption import caption
from network.comparison.comparison import Comparison, Method
from network.comparison.costs import Costs, cost_cells, cost_columns
from network.comparison.numbers import difference, difference_head, score

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: f"\\{character}" for character in "#$%&_{}"},
    "-": "-{}",  # two of them are not one dash
    "\u2212": "$-$",
    "\u00b1": r"$\pm$",
    "\u2248": r"$\approx$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
}
_PAGE = r"""% Compiles as it is. In a paper: copy from \begin{{table*}} to \end{{table*}};
% it needs the packages booktabs and graphicx.
\documentclass{{article}}
\usepackage[a4paper,margin=15mm]{{geometry}}
\usepackage{{booktabs,graphicx}}
\pagestyle{{empty}}
\setlength{{\belowcaptionskip}}{{6pt}}
\begin{{document}}
\begin{{table*}}[t]
\centering
\setlength{{\tabcolsep}}{{4pt}}
\caption{{{caption}}}
\resizebox{{\ifdim\width>\textwidth \textwidth\else \width\fi}}{{!}}{{%
\begin{{tabular}}{{@{{}}l@{{}}}}
{blocks}
\end{{tabular}}}}
\end{{table*}}
\end{{document}}
"""
_BLOCK = r"""\begin{{tabular}}{{l{columns}}}
\toprule
{heads} \\
\midrule
{rows}
\bottomrule
\end{{tabular}}"""
_WIDTH = 110
"""Letters beside each other on the page of a journal with two columns."""
_BETWEEN = 2


class _Column(NamedTuple):
    """Heading and cells in LaTeX, and how many letters wide they are."""

    head: str
    cells: list[str]
    width: float


def latex_table(found: Comparison, costs: Costs) -> str:
    """The text of ``table.tex``: a document of one page with the table.

    Columns that have no room beside each other stand in several blocks, one below the other.
    """
    names = [method.name for method in found.methods]
    first = _Column("Method", [escaped(name) for name in names], max(map(len, names)))
    blocks = [_block([first, *columns]) for columns in _packed(_groups(found, costs), first.width)]
    return _PAGE.format(
        caption=escaped(" ".join(caption(found, costs))),
        blocks=" \\\\\n\\addlinespace[2ex]\n".join(blocks),
    )


def _groups(found: Comparison, costs: Costs) -> list[list[_Column]]:
    """Columns that belong together: classes; means and their difference; costs."""
    of_classes = len(found.first.classes)
    scores = [_scores(found, column) for column in range(len(found.columns))]
    means = scores[of_classes:]
    if found.reference is not None and len(found.methods) > 1:
        miou = found.columns.index("mIoU", of_classes)
        cells = [difference(method.difference, miou) for method in found.methods]
        means.append(_text_column((difference_head("mIoU"), found.reference), cells))
    rows = [cost_cells(costs, method.name) for method in found.methods]
    of_costs = [
        _text_column((column.heading, f"({column.unit})"), [cells[index] for cells in rows])
        for index, column in enumerate(cost_columns(costs).values())
    ]
    return [scores[:of_classes], means, of_costs]


def _packed(groups: list[list[_Column]], first: float) -> list[list[_Column]]:
    """Columns for blocks of at most ``_WIDTH``, groups whole where they fit at all."""
    blocks: list[list[_Column]] = [[]]
    for group in groups:
        pieces = [group] if _width(group) + first <= _WIDTH else [[column] for column in group]
        for piece in pieces:
            if blocks[-1] and first + _width([*blocks[-1], *piece]) > _WIDTH:
                blocks.append([])
            blocks[-1] += piece
    return blocks


def _width(columns: list[_Column]) -> float:
    return sum(column.width + _BETWEEN for column in columns)


def _block(columns: list[_Column]) -> str:
    cells = zip(*(column.cells for column in columns), strict=True)
    return _BLOCK.format(
        columns="r" * (len(columns) - 1),
        heads=" & ".join(column.head for column in columns),
        rows="\n".join(rf"{' & '.join(row)} \\" for row in cells),
    )


def _scores(found: Comparison, column: int) -> _Column:
    name = found.columns[column]
    cells = [_score(method, column) for method in found.methods]
    widest = max(len(score(method, column, "")) for method in found.methods)
    return _Column(escaped(name), cells, max(len(name), widest + 1))


def _text_column(head: tuple[str, str], cells: list[str]) -> _Column:
    above, below = map(escaped, head)
    stacked = rf"\begin{{tabular}}[b]{{@{{}}r@{{}}}}{above}\\{below}\end{{tabular}}"
    return _Column(stacked, [escaped(cell) for cell in cells], max(map(len, [*head, *cells])))


def escaped(text: str) -> str:
    """Text that LaTeX prints as it stands."""
    return "".join(_ESCAPES.get(character, character) for character in " ".join(text.split()))


def _score(method: Method, column: int) -> str:
    mean, _, deviation = score(method, column, "\0").partition("\0")
    text = rf"\textbf{{{mean}}}" if method.best[column] else mean
    if deviation:
        text += rf"{{\scriptsize\,$\pm$\,{deviation}}}"
    return rf"{text}\,$\approx$" if method.as_good[column] else text
