"""A matrix of gains and losses with their standard errors, coloured: blue gains, orange loses."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

GAIN, LOSS, NONE = np.array([0, 114, 178]), np.array([213, 94, 0]), np.array([255, 255, 255])


@dataclass(frozen=True, eq=False)
class Heat:
    """`values` and `errors`, shape (rows, columns), in the unit shown; NaN where nothing was measured.

    `figure` is the name of its file for print.
    """

    title: str
    figure: str
    corner: str
    rows: Sequence[str]
    columns: Sequence[str]
    values: np.ndarray
    errors: np.ndarray


def as_html(heat: Heat) -> str:
    largest = float(np.nanmax(np.abs(heat.values), initial=1e-12))
    head = "".join(f"<th>{escape(name)}</th>" for name in heat.columns)
    lines = []
    for name, values, errors in zip(heat.rows, heat.values, heat.errors, strict=True):
        cells = "".join(_cell(v, e, v / largest) for v, e in zip(values, errors, strict=True))
        lines.append(f"<tr><th>{escape(name)}</th>{cells}</tr>")
    rows = "\n".join(lines)
    table = f'<table class="heat"><caption>{escape(heat.title)}</caption>'
    head = f"<thead><tr><th>{escape(heat.corner)}</th>{head}</tr></thead>"
    return f'<div class="scroll">{table}\n{head}\n<tbody>\n{rows}\n</tbody></table></div>'


def signed(value: float) -> str:
    """One decimal, with a sign that is no hyphen."""
    return f"{value:+.1f}".replace("-", "−")


def _cell(value: float, error: float, strength: float) -> str:
    if not np.isfinite(value):
        return "<td>–</td>"
    colour = NONE + (np.abs(strength) * ((GAIN if value > 0 else LOSS) - NONE)).astype(int)
    ink = "white" if colour @ (0.299, 0.587, 0.114) < 140 else "#222"
    style = f"background: rgb({', '.join(str(int(part)) for part in colour)}); color: {ink}"
    return f'<td style="{style}">{signed(value)}<small>± {error:.1f}</small></td>'
