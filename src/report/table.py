"""A table of a report, as HTML and as LaTeX."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

Cell = str | int | float | None
LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--", "×": r"$\times$", "±": r"$\pm$",
    "²": r"$^2$", "≥": r"$\geq$", "≤": r"$\leq$", "−": "$-$", "∞": r"$\infty$", "√": r"$\surd$", "Δ": r"$\Delta$",
    "α": r"$\alpha$", "β": r"$\beta$", "·": r"$\cdot$", "→": r"$\to$", "<": "$<$", ">": "$>$", "…": r"\ldots{}",
}  # fmt: skip


@dataclass(frozen=True)
class Table:
    """`rows` hold a cell for each heading; numbers are right-aligned, None is an en dash."""

    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def number(value: float) -> str:
    """Four significant digits; whole numbers with thousands separators."""
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def as_html(table: Table) -> str:
    head = "".join(f"<th>{escape(heading)}</th>" for heading in table.headings)
    rows = "\n".join(f"<tr>{''.join(_html_cell(cell) for cell in row)}</tr>" for row in table.rows)
    return f'<div class="scroll"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>'


def as_latex(table: Table) -> str:
    """A `tabular` with the rules of booktabs; columns of numbers are right-aligned."""
    columns = zip(*table.rows, strict=True) if table.rows else [() for _ in table.headings]
    align = "".join("r" if any(_is_number(cell) for cell in column) else "l" for column in columns)
    lines = [" & ".join(latex_text(_text(cell)) for cell in row) + r" \\" for row in table.rows]
    head = " & ".join(latex_text(heading) for heading in table.headings) + r" \\"
    rules = [rf"\begin{{tabular}}{{{align}}}", r"\toprule", head, r"\midrule", *lines, r"\bottomrule", r"\end{tabular}"]
    return "\n".join(rules) + "\n"


def latex_text(text: str) -> str:
    """Text for LaTeX: its special characters escaped."""
    return "".join(LATEX.get(character, character) for character in text)


def _html_cell(cell: Cell) -> str:
    kind = ' class="number"' if _is_number(cell) else ""
    return f"<td{kind}>{escape(_text(cell))}</td>"


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, int | float)


def _text(cell: Cell) -> str:
    if cell is None or cell != cell:  # NaN
        return "–"
    return cell if isinstance(cell, str) else number(cell)
