"""Figures of a study: log-log curves with their laws, and error classes against n. Saving is the caller's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from src.errors import FathomError
from src.scaling.analysis import CurveAnalysis, LawAnalysis
from src.scaling.curve import Curve
from src.scaling.holdout import HoldOut
from src.scaling.laws import ERROR, LOSS, PERCENT, Law

# Okabe and Ito's palette, told apart under every common colour blindness; the markers tell the curves apart in print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "osD^vPX"
INK, GRID = "#333333", "#E6E6E6"


def plot_law(title: str, analyses: Sequence[CurveAnalysis], law: Law) -> Figure:
    """One log-log panel: seed means with standard errors, a law's fits with bands, the held-out forecast.

    All curves must be of one kind. The y axis is what the law is about: accuracy in percent, error in percent, or the
    loss. The base model (n = 0) is a dotted line with its marker at the left. The largest size is hollow, with the
    forecast interval made without it as a bar at its right; beyond it the fit is dashed. A value of zero, which has no
    place on a log axis, is not drawn. Raises FathomError for no curves or mixed kinds.
    """
    if not analyses:
        raise FathomError(f"figure {title}: there are no curves to draw")
    kind = analyses[0].curve.kind
    if any(a.curve.kind != kind for a in analyses) or kind not in law.quantities:
        raise FathomError(f"figure {title}: its curves must all be of one kind that law {law.name} is meant for")
    axis = _AXES[law.quantities[kind].name]
    figure = Figure(figsize=(7.2, 4.6), dpi=160, layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    axes.set_xscale("log")
    axes.set_yscale("log")
    curves = [a.curve for a in analyses]
    left = _place_of_zero(curves)
    for index, analysis in enumerate(analyses):
        colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
        result = next((r for r in analysis.laws if r.law.name == law.name and r.fit is not None), None)
        held = result.hold_out if result else None
        _draw_points(axes, analysis, axis, held, left, colour, marker)
        if result is not None:
            _draw_fit(axes, result, axis, colour)
        if held is not None and held.interval is not None:
            _draw_forecast(axes, held, axis, colour, x=held.n * (1.07 + 0.05 * index))
    axes.set_ylabel(analyses[0].curve.metric if kind == "loss" else axis.label, color=INK)
    axes.set_title(f"{title}     ${law.latex}$", loc="left", fontsize=11, color=INK)
    _style(axes)
    _n_ticks(axes, curves, left)
    _plain_log_ticks(axes, np.concatenate([axis.of(c.means) for c in curves]))
    axes.legend(frameon=False, fontsize=9, loc="best")
    return figure


def plot_error_classes(title: str, format_rates: Sequence[Curve], reasoning_rates: Sequence[Curve]) -> Figure:
    """Two panels side by side, in percent of the test items: format and reasoning error rates against n.

    Each sequence holds one curve of rates (in [0, 1]) per model, in the same order. n = 0 stands at the left.
    """
    figure = Figure(figsize=(7.2, 3.4), dpi=160, layout="constrained", facecolor="white")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, name, curves in zip(panels, ("format", "reasoning"), (format_rates, reasoning_rates), strict=True):
        left = _place_of_zero(curves)
        for index, curve in enumerate(curves):
            x = np.where(curve.sizes > 0, curve.sizes, left)
            colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
            axes.errorbar(
                x,
                100 * curve.means,
                yerr=None if curve.standard_errors is None else 100 * curve.standard_errors,
                color=colour,
                marker=marker,
                markersize=5,
                linewidth=1.4,
                elinewidth=1,
                label=curve.name,
            )
        axes.set_xscale("log")
        axes.set_title(f"{name} errors", loc="left", fontsize=10, color=INK)
        _style(axes)
        _n_ticks(axes, curves, left)
    highest = max((float(c.means.max()) for c in (*format_rates, *reasoning_rates)), default=1.0)
    panels[0].set_ylim(0, max(1.0, 108 * highest))
    panels[0].set_ylabel("share of test items (%)")
    panels[1].legend(frameon=False, fontsize=8.5)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, color=INK)
    return figure


@dataclass(frozen=True)
class _Axis:
    """How a metric is put on the y axis; `scale` turns its standard error into the axis's unit."""

    label: str
    scale: float
    of: Callable[[np.ndarray], np.ndarray]


_AXES = {
    PERCENT.name: _Axis("accuracy (%)", 100, lambda p: 100 * p),
    ERROR.name: _Axis("error (%)", 100, lambda p: 100 * (1 - p)),
    LOSS.name: _Axis("loss", 1, lambda loss: loss),
}


def _draw_points(
    axes: Axes, analysis: CurveAnalysis, axis: _Axis, held: HoldOut | None, left: float, colour: str, marker: str
) -> None:
    curve = analysis.curve
    y = axis.of(curve.means)
    known = curve.standard_errors
    errors = np.zeros(len(y)) if known is None else axis.scale * known
    # A zero has no place on a log axis; such a point is left to the table.
    shown = (curve.sizes > 0) & (y > 0)
    largest = shown & (curve.sizes == (held.n if held else -1))
    label = curve.name if analysis.refusal is None else f"{curve.name} ({analysis.refusal.split(':')[0]})"
    for points, fill, name in ((shown & ~largest, colour, label), (largest, "white", None)):
        below = np.minimum(errors, 0.9 * y)[points]
        axes.errorbar(
            curve.sizes[points],
            y[points],
            yerr=np.stack([below, errors[points]]),
            fmt=marker,
            color=colour,
            markerfacecolor=fill,
            markersize=6,
            elinewidth=1.1,
            label=name,
            zorder=5,
        )
    if curve.sizes[0] == 0 and y[0] <= 0:
        # At the bottom edge, with an arrow's look: the base scores nothing, which a log axis cannot place.
        axes.plot(left, 0.02, marker="v", color=colour, markersize=7, transform=axes.get_xaxis_transform(), zorder=5)
        axes.annotate("0", (left, 0.05), xycoords=axes.get_xaxis_transform(), ha="center", color=colour, fontsize=9)
    if curve.sizes[0] == 0 and y[0] > 0:
        axes.axhline(y[0], color=colour, linewidth=1, linestyle=(0, (1, 2.5)), zorder=1)
        axes.errorbar(left, y[0], yerr=min(errors[0], 0.9 * y[0]), fmt=marker, color=colour, markersize=6, zorder=5)


def _draw_fit(axes: Axes, result: LawAnalysis, axis: _Axis, colour: str) -> None:
    assert result.fit is not None
    largest = result.fit.sizes[-1]
    n = np.geomspace(result.fit.sizes[0], 3 * largest, 200)
    metric = result.fit.predict(n)
    line = np.where((axis.label == "loss") | (metric <= 1), axis.of(metric), np.nan)  # no accuracy above 100 %
    axes.plot(n[n <= largest], line[n <= largest], color=colour, linewidth=1.6, zorder=3)
    axes.plot(n[n >= largest], line[n >= largest], color=colour, linewidth=1.3, linestyle=(0, (4, 2)), zorder=3)
    if result.bootstrap is not None:
        low, high = np.sort(axis.of(result.bootstrap.band(n)), axis=0)
        axes.fill_between(n, np.maximum(low, 0.01 * line), high, color=colour, alpha=0.15, linewidth=0, zorder=2)


def _draw_forecast(axes: Axes, held: HoldOut, axis: _Axis, colour: str, x: float) -> None:
    ends = np.sort(axis.of(np.array(held.interval)))
    predicted = axis.of(np.array([held.predicted]))
    if ends[0] > 0:
        axes.plot([x, x], ends, color=colour, linewidth=3.5, alpha=0.4, solid_capstyle="butt", zorder=4)
    axes.plot([x], predicted, "_", color=colour, markersize=9, markeredgewidth=1.8, zorder=4)


def _style(axes: Axes) -> None:
    axes.set_xlabel("finetuning examples n", color=INK)
    axes.grid(True, which="major", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#999999")
    axes.tick_params(colors=INK, which="both", labelsize=9)


def _plain_log_ticks(axes: Axes, values: np.ndarray) -> None:
    """Plain numbers on the y axis, from just under the smallest mean: one long error bar shall not stretch it."""
    low, high = axes.get_ylim()
    low = max(low, 0.5 * float(values[values > 0].min(initial=high)))
    axes.set_ylim(low, high)
    # 1-2-5 over a decade or so, finer where the axis is shorter.
    steps = (1, 2, 5) if high / low > 6 else tuple(np.arange(1, 10, 1 if high / low > 3 else 0.5))
    axes.yaxis.set_major_locator(LogLocator(subs=steps))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_minor_locator(NullLocator())


def _place_of_zero(curves: Sequence[Curve]) -> float:
    """Where n = 0 stands on a log axis: half a decade left of the smallest n above it."""
    smallest = min((float(c.sizes[c.sizes > 0].min(initial=np.inf)) for c in curves), default=np.inf)
    return (smallest if np.isfinite(smallest) else 1.0) / 10**0.5


def _n_ticks(axes: Axes, curves: Sequence[Curve], left: float) -> None:
    largest = max((float(c.sizes.max()) for c in curves), default=left)
    decades = 10.0 ** np.arange(np.ceil(np.log10(left) + 0.4), np.floor(np.log10(3 * largest + 1)) + 1)
    base = [left] if any(c.sizes[0] == 0 for c in curves) else []
    axes.set_xticks([*base, *decades], [*("0" for _ in base), *(f"{n:,.0f}" for n in decades)])
    axes.xaxis.set_minor_locator(NullLocator())
