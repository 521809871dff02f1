"""A matrix of gains and losses with their standard errors, coloured: blue gains, orange loses, white is no change."""

from typing import Any

import altair as alt
import numpy as np

from src.report.drawing.style import COLOURS
from src.report.parts import Heat

GAIN, LOSS = COLOURS[:2]
# Beyond this share of the largest value a cell is dark, and what stands in it is white.
DARK = 0.6


def plot_heat(heat: Heat) -> alt.LayerChart:
    """A cell for each value, which stands in it with its error."""
    largest = float(np.nanmax(np.abs(heat.values), initial=1e-12))
    cells = [
        {"row": row, "column": column, **_cell(value, error)}
        for row, *pairs in zip(heat.rows, heat.values.tolist(), heat.errors.tolist(), strict=True)
        for column, value, error in zip(heat.columns, *pairs, strict=True)
    ]
    rows, _, columns = heat.corner.partition(" \\ ")
    down, across = (alt.Axis(title=of, labelAngle=0, labelLimit=0, domain=False, ticks=False) for of in (rows, columns))
    scale = alt.Scale(domain=[-largest, 0, largest], range=[LOSS, "white", GAIN], interpolate="rgb")
    ink = alt.when(abs(alt.datum.value) > DARK * largest).then(alt.value("white")).otherwise(alt.value("#222222"))
    colour = alt.Color("value:Q", scale=scale, legend=None)
    return (
        alt.layer(
            alt.Chart().mark_rect(stroke="white", strokeWidth=2).encode(color=colour),
            alt.Chart().mark_text(fontSize=11, dy=-5).encode(text="text:N", color=ink),
            data=alt.InlineData(cells),
        )
        .encode(
            x=alt.X("column:N", sort=None, scale=alt.Scale(domain=list(heat.columns)), axis=across),
            y=alt.Y("row:N", sort=None, scale=alt.Scale(domain=list(heat.rows)), axis=down),
        )
        .properties(title=heat.title, width=alt.Step(max(80, 7 * max(map(len, heat.columns)))), height=alt.Step(44))
    )


def _cell(value: float, error: float) -> dict[str, Any]:
    if not np.isfinite(value):
        return {"value": None, "error": None, "text": "–"}
    text = [f"{value:+.1f}".replace("-", "−"), f"± {error:.1f}"]
    return {"value": float(f"{value:.6g}"), "error": float(f"{error:.6g}"), "text": text}
