"""Charts for print: what the report shows in the browser, as a figure."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from src.report.drawing.chart import Chart, Series, told_apart

# Okabe and Ito's palette, told apart under every common colour blindness; the markers tell the curves apart in print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "osD^vPX"
INK, GRID = "#333333", "#E6E6E6"
WIDTH, HEIGHT = 5.4, 3.8
COLUMNS = 3


def plot_charts(charts: Sequence[Chart], title: str = "") -> Figure:
    """A panel for each chart, at most three in a row, over log n; n = 0 stands at the left.

    A chart has at most as many series as there are colours. The y axis is as the report opens it; a value of zero,
    which has no place on a log axis, is not drawn.
    """
    columns = min(COLUMNS, len(charts))
    rows = math.ceil(len(charts) / columns)
    size = (7.2, 4.6) if len(charts) == 1 else (WIDTH * columns, HEIGHT * rows)
    figure = Figure(figsize=size, dpi=160, layout="constrained", facecolor="white")
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for chart, axes in zip(charts, panels, strict=False):
        _draw(axes, chart if len(charts) > 1 or not title else replace(chart, title=f"{title}, {chart.title}"))
    for axes in panels:  # what the charts left of the grid
        axes.set_visible(False)
    if title and len(charts) > 1:
        figure.suptitle(title, x=0.01, ha="left", fontsize=12, color=INK)
    return figure


def _draw(axes: Axes, chart: Chart) -> None:
    unit = 100 if chart.percent else 1
    axes.set_xscale("log")
    if chart.log_y:
        axes.set_yscale("log")
    n = [dot.n for series in chart.series for dot in series.dots]
    n += [step.n for series in chart.series for step in series.line]
    smallest = min((size for size in n if size > 0), default=1.0)
    largest = max(*n, smallest)
    left = smallest / 10**0.5  # where n = 0 stands
    axes.set_xlim(left / 1.3 if 0 in n else smallest / 1.2, largest * 1.2)
    names = told_apart([series.name for series in chart.series])
    for index, (series, name) in enumerate(zip(chart.series, names, strict=True)):
        _draw_series(axes, series, name, unit, left, COLOURS[index], MARKERS[index])
    for level in chart.levels:
        axes.axhline(unit * level, color="#777777", linewidth=0.9, linestyle=(0, (1, 3)), zorder=1)
    axes.set_xlabel(chart.x_label, color=INK)
    axes.set_ylabel(f"{chart.y_label} (%)" if chart.percent else chart.y_label, color=INK)
    axes.set_title(chart.title, loc="left", fontsize=10.5, color=INK)
    _n_ticks(axes, left if 0 in n else None, smallest, largest)
    _y_axis(axes, chart, unit)
    axes.grid(True, which="major", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#999999")
    axes.tick_params(colors=INK, which="both", labelsize=9)
    axes.legend(frameon=False, fontsize=8.5, loc="best")


def _draw_series(axes: Axes, series: Series, name: str, unit: float, left: float, colour: str, marker: str) -> None:
    dots = [dot for dot in series.dots if math.isfinite(dot.value)]
    axes.errorbar(
        [dot.n if dot.n > 0 else left for dot in dots],
        [unit * dot.value for dot in dots],
        yerr=[unit * (dot.stderr or 0.0) for dot in dots],
        fmt=f"{marker}-" if series.joined else marker,
        color=colour,
        markersize=5.5,
        linewidth=1.4,
        elinewidth=1.1,
        label=name,
        zorder=5,
    )
    if not series.line:
        return
    n, value = np.array([(step.n, step.value) for step in series.line], dtype=float).T
    low, high = np.array([(step.low, step.high) for step in series.line], dtype=float).T
    inside, beyond = n <= series.measured_to, n >= series.measured_to
    axes.plot(n[inside], unit * value[inside], color=colour, linewidth=1.6, zorder=3)
    axes.plot(n[beyond], unit * value[beyond], color=colour, linewidth=1.3, linestyle=(0, (4, 2)), zorder=3)
    axes.fill_between(n, unit * low, unit * high, color=colour, alpha=0.15, linewidth=0, zorder=2)


def _y_axis(axes: Axes, chart: Chart, unit: float) -> None:
    """From zero where nothing lies below; on a log axis plain numbers, and no long error bar that stretches it."""
    values = [unit * dot.value for series in chart.series for dot in series.dots if math.isfinite(dot.value)]
    low, high = axes.get_ylim()
    if not chart.log_y:
        nothing_below = min(values, default=0.0) >= 0 and low < 0.35 * high
        axes.set_ylim(0 if nothing_below else low, min(high, 102) if chart.percent else high)
        return
    low = max(low, 0.5 * min((value for value in values if value > 0), default=low))
    axes.set_ylim(low, high)
    # 1-2-5 over a decade or so, finer where the axis is shorter.
    steps = (1, 2, 5) if high / low > 6 else tuple(np.arange(1, 10, 1 if high / low > 3 else 0.5))
    axes.yaxis.set_major_locator(LogLocator(subs=steps))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_minor_locator(NullLocator())


def _n_ticks(axes: Axes, zero: float | None, smallest: float, largest: float) -> None:
    decades = 10.0 ** np.arange(np.ceil(np.log10(smallest)), np.floor(np.log10(largest * 1.2)) + 1)
    base = [] if zero is None else [zero]
    axes.set_xticks([*base, *decades], [*("0" for _ in base), *(f"{n:,.0f}" for n in decades)])
    axes.xaxis.set_minor_locator(NullLocator())
