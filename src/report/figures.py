"""The figures of an analysis for print: the report's charts and matrices."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain

from matplotlib.figure import Figure

from src.report.drawing.chart import Chart
from src.report.drawing.chart_figure import COLOURS, plot_charts
from src.report.drawing.heat import Heat
from src.report.drawing.heat_figure import plot_heat
from src.report.drawing.page import Section

# A panel of seven curves takes about half a second to draw and save twice.
MOST_PANELS = 28
Plan = list[tuple[str, list[Chart] | Heat]]


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


def draw(study: str, shown: list[Chart] | Heat) -> Figure:
    return plot_charts(shown, study) if isinstance(shown, list) else plot_heat(f"{study}: {shown.title}", shown)


def _pages(name: str, charts: Sequence[Chart]) -> Iterator[tuple[str, list[Chart] | Heat]]:
    longest = max(len(chart.series) for chart in charts)
    for start in range(0, longest, len(COLOURS)):
        page = [replace(chart, series=chart.series[start : start + len(COLOURS)]) for chart in charts]
        number = f"-{start // len(COLOURS) + 1}" if longest > len(COLOURS) else ""
        yield name + number, [chart for chart in page if chart.series]
