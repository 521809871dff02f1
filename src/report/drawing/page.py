"""One HTML file that holds everything: tables, charts and the library that draws them; no request to anywhere."""

import json
from collections.abc import Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

import vl_convert

from src.report.drawing import table
from src.report.drawing.curve_plot import plot_curves, switched
from src.report.drawing.heat import plot_heat
from src.report.drawing.style import CONFIG
from src.report.parts import Chart, Heat, Section, Table

HERE = Path(__file__).parent
# In rows. LaTeX is a table's second copy, and a browser is slow with tens of thousands of rows.
LONGEST_LATEX, LONGEST_TABLE = 60, 2000
CHART_HEIGHT = 300
# The browser itself refuses every request. Vega makes functions of its expressions, which `unsafe-eval` allows.
POLICY = "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:"


def page(title: str, lead: str, sections: Sequence[Section], caveats: Sequence[str] = ()) -> str:
    """The HTML text of a report; `caveats` stand before everything."""
    charts: list[Chart | Heat] = []
    body = "\n".join(_section(f"s{i}", section, charts) for i, section in enumerate(sections))
    contents = " ".join(f'<a href="#s{i}">{escape(section.title)}</a>' for i, section in enumerate(sections))
    warned = "".join(f'<p class="caveat">{escape(caveat)}</p>\n' for caveat in caveats)
    # A "<" in the data could end the script element.
    data = json.dumps(list(map(_described, charts)), allow_nan=False).replace("<", "\\u003c")
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{escape(title)}</title>
<style>
{(HERE / "page.css").read_text(encoding="utf-8")}</style></head>
<body>
<h1>{escape(title)}</h1>
<p class="lead">{escape(lead)}</p>
{warned}<nav>{contents}</nav>
{body}
<script type="application/json" id="charts">{data}</script>
<script>{_script()}</script>
</body>
</html>
"""


def _script() -> str:
    """Vega, Vega-Lite, vega-embed and `page.js` in one."""
    bundle = vl_convert.javascript_bundle((HERE / "page.js").read_text(encoding="utf-8"))
    return bundle.replace("</script", "<\\/script")


def _described(part: Chart | Heat) -> dict[str, Any]:
    """For `page.js`: the specification, and the axes and transforms of the same chart with its axes switched."""
    if isinstance(part, Heat):
        return {"spec": plot_heat(part).properties(config=CONFIG).to_dict()}
    drawn = plot_curves(part, interactive=True).properties(config=CONFIG, width="container", height=CHART_HEIGHT)
    return {"spec": drawn.to_dict(), "switched": switched(part)}


def _section(anchor: str, section: Section, charts: list[Chart | Heat]) -> str:
    parts = [f'<h2 id="{anchor}">{escape(section.title)}</h2>']
    for is_drawn, run in groupby(section.parts, key=lambda part: isinstance(part, Chart | Heat)):
        group = list(run)
        parts += [_charts(group, charts)] if is_drawn else _texts(group)
    return "\n".join(parts)


def _charts(group: Sequence[Any], charts: list[Chart | Heat]) -> str:
    """Charts that follow each other stand side by side where there is room."""
    figures = []
    for chart in group:
        figures.append(f'<figure data-chart="{len(charts)}"></figure>')
        charts.append(chart)
    return f'<div class="charts">{"".join(figures)}</div>'


def _texts(group: Sequence[Any]) -> list[str]:
    parts = []
    for part in group:
        if isinstance(part, Table):
            parts.append(table.as_html(Table(part.headings, part.rows[:LONGEST_TABLE])))
            if len(part.rows) > LONGEST_TABLE:
                parts.append(f"<p>The first {LONGEST_TABLE:,} of {len(part.rows):,} rows.</p>")
            if len(part.rows) <= LONGEST_LATEX:
                latex = escape(table.as_latex(part))
                parts.append(f"<details><summary>LaTeX</summary><pre>{latex}</pre></details>")
        else:
            parts.append(f"<p>{escape(part)}</p>")
    return parts
