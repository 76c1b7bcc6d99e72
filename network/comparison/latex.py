"""A comparison as LaTeX, with the rules of booktabs."""

from __future__ import annotations

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
\usepackage[a4paper,landscape,margin=15mm]{{geometry}}
\usepackage{{booktabs,graphicx}}
\pagestyle{{empty}}
\setlength{{\belowcaptionskip}}{{6pt}}
\begin{{document}}
\begin{{table*}}[t]
\centering
\setlength{{\tabcolsep}}{{4pt}}
\caption{{{caption}}}
\resizebox{{\ifdim\width>\textwidth \textwidth\else \width\fi}}{{!}}{{%
\begin{{tabular}}{{l{columns}}}
\toprule
{heads} \\
\midrule
{rows}
\bottomrule
\end{{tabular}}}}
\end{{table*}}
\end{{document}}
"""


def latex_table(found: Comparison, costs: Costs) -> str:
    """The text of ``table.tex``: a document of one page with the table."""
    heads = ["Method", *map(escaped, found.columns)]
    compared = found.reference is not None and len(found.methods) > 1
    if compared:
        heads.append(_stacked(difference_head("mIoU"), str(found.reference)))
    heads += [_stacked(c.heading, f"({c.unit})") for c in cost_columns(costs).values()]
    rows = []
    for method in found.methods:
        cells = [escaped(method.name)]
        cells += [_score(method, column) for column in range(len(found.columns))]
        if compared:
            miou = found.columns.index("mIoU", len(found.first.classes))
            cells.append(escaped(difference(method.difference, miou)))
        cells += [escaped(cell) for cell in cost_cells(costs, method.name)]
        rows.append(rf"{' & '.join(cells)} \\")
    return _PAGE.format(
        caption=escaped(" ".join(caption(found, costs))),
        columns="r" * (len(heads) - 1),
        heads=" & ".join(heads),
        rows="\n".join(rows),
    )


def escaped(text: str) -> str:
    """Text that LaTeX prints as it stands."""
    return "".join(_ESCAPES.get(character, character) for character in " ".join(text.split()))


def _stacked(above: str, below: str) -> str:
    return rf"\begin{{tabular}}[b]{{@{{}}r@{{}}}}{escaped(above)}\\{escaped(below)}\end{{tabular}}"


def _score(method: Method, column: int) -> str:
    text = score(method, column, r"\,$\pm$\,")
    if method.best[column]:
        return rf"\textbf{{{text}}}"
    return rf"{text}\,$\approx$" if method.as_good[column] else text
