"""The figures of an analysis for print: the report's charts and matrices."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import altair as alt
import vl_convert
from rich.console import Console

from src.report.drawing.curve_plot import plot_curves
from src.report.drawing.heat import plot_heat
from src.report.drawing.style import COLOURS, CONFIG
from src.report.parts import Chart, Heat, Section

# Width and height of the plot within its axes in pixels of a screen; a figure's PNG has twice as many.
ALONE, PANEL = (480, 300), (400, 260)
COLUMNS = 3
# A panel of seven curves takes about a fifth of a second to draw and save twice.
MOST_PANELS = 40
UNFIT_FOR_A_FILE = re.compile(r"[^\w.-]+")
Plan = list[tuple[str, list[Chart] | Heat]]
console = Console()


def write_figures(directory: Path, study: str, sections: Sequence[Section]) -> None:
    """An SVG and a PNG for each figure; how many there is no time for is said."""
    planned = plan(sections)
    drawn = affordable(planned)
    for name, shown in drawn:
        save(study, shown, directory / UNFIT_FOR_A_FILE.sub("-", name))
    if len(drawn) < len(planned):
        console.print(f"{len(planned) - len(drawn)} further figures are left to the report, which can save each chart")


def plan(sections: Sequence[Section]) -> Plan:
    """What each figure shows, by the figure's name: charts of one `figure` are its panels, seven series to a panel."""
    together: dict[str, list[Chart]] = {}
    planned: dict[str, list[tuple[str, list[Chart] | Heat]]] = {}
    for part in chain.from_iterable(section.parts for section in sections):
        if isinstance(part, Chart):
            together.setdefault(part.figure, []).append(part)
            planned[part.figure] = list(_pages(part.figure, together[part.figure]))
        elif isinstance(part, Heat):
            planned[part.figure] = [(part.figure, part)]
    return list(chain.from_iterable(planned.values()))


def affordable(planned: Plan) -> Plan:
    """As many as have `MOST_PANELS` together at most; one that is too large is passed over for those after it."""
    kept, left = [], MOST_PANELS
    for name, shown in planned:
        panels = len(shown) if isinstance(shown, list) else 1
        if panels <= left:
            kept.append((name, shown))
            left -= panels
    return kept


def save(study: str, shown: list[Chart] | Heat, stem: Path) -> None:
    """Write `stem`.svg and `stem`.png: a matrix, or the panels of a figure, at most three in a row."""
    figure: alt.TopLevelMixin
    if isinstance(shown, Heat):
        figure = plot_heat(replace(shown, title=f"{study}: {shown.title}"))
    elif len(shown) == 1:
        figure = _panel(replace(shown[0], title=f"{study}, {shown[0].title}"), ALONE)
    else:
        panels = [_panel(chart, PANEL) for chart in shown]
        figure = alt.concat(*panels, columns=COLUMNS, title=study)
        figure = figure.resolve_scale(color="independent", shape="independent", strokeDash="independent")
    svg = vl_convert.vegalite_to_svg(figure.properties(config=CONFIG).to_dict())
    stem.with_name(f"{stem.name}.svg").write_text(svg, encoding="utf-8")
    stem.with_name(f"{stem.name}.png").write_bytes(vl_convert.svg_to_png(svg, scale=2))


def _panel(chart: Chart, size: tuple[int, int]) -> alt.LayerChart:
    return plot_curves(chart).properties(width=size[0], height=size[1])


def _pages(name: str, charts: Sequence[Chart]) -> Iterator[tuple[str, list[Chart] | Heat]]:
    longest = max(len(chart.series) for chart in charts)
    for start in range(0, longest, len(COLOURS)):
        page = [replace(chart, series=chart.series[start : start + len(COLOURS)]) for chart in charts]
        number = f"-{start // len(COLOURS) + 1}" if longest > len(COLOURS) else ""
        yield name + number, [chart for chart in page if chart.series]
