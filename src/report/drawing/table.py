"""A table of a report, as HTML and as LaTeX."""

import re
from html import escape

from src.report.parts import Cell, Table

LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--", "×": r"$\times$", "±": r"$\pm$",
    "²": r"$^2$", "≥": r"$\geq$", "≤": r"$\leq$", "−": "$-$", "∞": r"$\infty$", "√": r"$\surd$", "Δ": r"$\Delta$",
    "α": r"$\alpha$", "β": r"$\beta$", "·": r"$\cdot$", "→": r"$\to$", "<": "$<$", ">": "$>$", "…": r"\ldots{}",
}  # fmt: skip


NUMBER = re.compile(r"[+−-]?[\d.,]+(e[+−-]?\d+)?( ?%| ± .*| \[.*\])?$")
NOTHING = "–"


def number(value: float) -> str:
    """Four significant digits; whole numbers with thousands separators."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}".replace("-", "−")


def with_error(value: float, error: float, digits: int = 1) -> str:
    """`12.3 ± 0.4`."""
    return f"{value:.{digits}f} ± {error:.{digits}f}".replace("-", "−")


def with_interval(value: float, low: float, high: float) -> str:
    """`0.98 [0.95, 0.99]`."""
    return f"{number(value)} [{number(low)}, {number(high)}]"


def as_html(table: Table) -> str:
    kinds = [' class="number"' if numeric else "" for numeric in _numeric_columns(table)]
    head = "".join(f"<th{kind}>{escape(heading)}</th>" for kind, heading in zip(kinds, table.headings, strict=True))
    rows = "\n".join(
        f"<tr>{''.join(f'<td{kind}>{escape(_text(cell))}</td>' for kind, cell in zip(kinds, row, strict=True))}</tr>"
        for row in table.rows
    )
    return f'<div class="scroll"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>'


def as_latex(table: Table) -> str:
    """A `tabular` with the rules of booktabs."""
    align = "".join("r" if numeric else "l" for numeric in _numeric_columns(table))
    lines = [" & ".join(latex_text(_text(cell)) for cell in row) + r" \\" for row in table.rows]
    head = " & ".join(latex_text(heading) for heading in table.headings) + r" \\"
    rules = [rf"\begin{{tabular}}{{{align}}}", r"\toprule", head, r"\midrule", *lines, r"\bottomrule", r"\end{tabular}"]
    return "\n".join(rules) + "\n"


def latex_text(text: str) -> str:
    """Text for LaTeX: its special characters escaped."""
    return "".join(LATEX.get(character, character) for character in text)


def _numeric_columns(table: Table) -> list[bool]:
    """Whether a column's first cell that is not empty begins as a number does."""
    columns = [[row[i] for row in table.rows] for i in range(len(table.headings))]
    firsts = [next((_text(cell) for cell in column if _text(cell) != NOTHING), "") for column in columns]
    return [NUMBER.match(first) is not None for first in firsts]


def _text(cell: Cell) -> str:
    if cell is None or cell != cell:  # NaN
        return NOTHING
    return cell if isinstance(cell, str) else number(cell)
