"""A chart as a Vega-Lite specification.

The page's chart and the panel of a print figure differ in hovering and choosing alone: ranges, ticks and the place of
n = 0 are said once. Channels and transforms are given as objects: Altair takes several times as long over shorthands.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from src.report.drawing.style import COLOURS, FAINT, INK, MARKERS
from src.report.drawing.table import number
from src.report.parts import Chart, Dot, Step, told_apart

LEGEND_CHARACTERS = 70
Row = dict[str, Any]
POINTED = alt.selection_point(name="pointed", on="pointerover", clear="pointerout", empty=False)
SHOWN = alt.FilterTransform({"or": [{"param": "shown", "empty": False}, "datum.kind == 'level'"]})
HAS_BAND = alt.FilterTransform("isValid(datum.low) && isValid(datum.high)")
HAS_BAR = alt.FilterTransform("datum.stderr > 0")


def plot_curves(chart: Chart, interactive: bool = False) -> alt.LayerChart:
    """The chart as it opens, over log n where nothing else is said.

    `interactive`: a point that the pointer comes near tells its numbers, a click in the legend shows or hides a curve,
    and as many curves as there are colours are shown at first.
    """
    names, rows = _names(chart), list(_rows(chart))
    x, y, transforms = _axes(chart, rows, chart.log_x, chart.log_y)
    marks = _marks(rows, names)
    if interactive:
        shown = alt.selection_point(
            name="shown", fields=["curve"], bind="legend", toggle="true", clear=False, empty=False,
            value=[{"curve": name} for name in names[: len(COLOURS)]],
        )  # fmt: skip
        marks = [*marks[:-1], marks[-1].add_params(shown), _hover(chart)]
        transforms = [SHOWN, *transforms]
    colour = alt.Color("curve:N", scale=_cycle(names, COLOURS), legend=_legend(names))
    return alt.layer(*marks, data=alt.InlineData(rows), title=chart.title, transform=transforms).encode(x, y, colour)


def switched(chart: Chart) -> dict[str, Any]:
    """What differs in the specification of the interactive chart once its axes are switched: x and y can be one by one,
    the transforms go with y."""
    x, y, transforms = _axes(chart, list(_rows(chart)), not chart.log_x, not chart.log_y)
    return {"x": x.to_dict(), "y": y.to_dict(), "transform": [each.to_dict() for each in (SHOWN, *transforms)]}


def _names(chart: Chart) -> list[str]:
    return told_apart([series.name for series in chart.series])


def _rows(chart: Chart) -> Iterator[Row]:
    """A row for each level, step and dot, the dots last; numbers have six digits, more than a table shows."""
    unit, sign = (100, " %") if chart.percent else (1, "")
    series = list(zip(chart.series, _names(chart), strict=True))
    yield from ({"kind": "level", "value": _short(level)} for level in chart.levels)
    for of, curve in series:
        for step in of.line:
            if math.isfinite(step.value):
                row = {"curve": curve, "name": of.name, **_step(step, unit, sign)}
                # The step at which the fit becomes a forecast belongs to both.
                if step.n <= of.measured_to:
                    yield {"kind": "fit", **row}
                if step.n >= of.measured_to:
                    yield {"kind": "forecast", **row}
    for of, curve in series:
        kind = "joined" if of.joined else "dot"
        for dot in of.dots:
            if math.isfinite(dot.value):
                yield {"kind": kind, "curve": curve, "name": of.name, **_dot(dot, unit, sign)}


def _step(step: Step, unit: int, sign: str) -> Row:
    low, high = _short(step.low), _short(step.high)
    ends = "" if low is None or high is None else f" [{number(unit * low)}, {number(unit * high)}]"
    text = f"{number(unit * step.value)}{ends}{sign}"
    return {"n": _short(step.n), "value": _short(step.value), "low": low, "high": high, "text": text}


def _dot(dot: Dot, unit: int, sign: str) -> Row:
    error = "" if dot.stderr is None else f" ± {number(unit * dot.stderr)}"
    text = f"{number(unit * dot.value)}{error}{sign}" + (f", {dot.note}" if dot.note else "")
    return {"n": _short(dot.n), "value": _short(dot.value), "stderr": _short(dot.stderr), "text": text}


def _short(value: float | None) -> float | None:
    """JSON knows no NaN and no infinity: None."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")


def _axes(chart: Chart, rows: Sequence[Row], log_x: bool, log_y: bool) -> tuple[alt.X, alt.Y, list[alt.Transform]]:
    """Both axes, and the transforms of the rows that give them places on these: on a log axis n = 0 stands at the left,
    a value ≤ 0 nowhere."""
    n = [row["n"] for row in rows if row["kind"] != "level"]
    zero = min((size for size in n if size > 0), default=1.0) / 10**0.5
    floor, ceiling, from_zero = _range(rows, chart.percent, log_y)
    if log_y:
        scale = alt.Scale(type="log", nice=False, padding=8)
    elif from_zero:
        scale = alt.Scale(type="linear", zero=True, nice=True)
    else:
        scale = alt.Scale(type="linear", zero=False, nice=False, padding=8)
    title = f"{chart.y_label} (%)" if chart.percent else chart.y_label
    axis = alt.Axis(labelExpr="format(100 * datum.value, '~g')") if chart.percent else alt.Axis(format=",~g")
    return (
        _log_x(chart.x_label, n, zero) if log_x else _linear_x(chart.x_label, n),
        alt.Y("value:Q", title=title, scale=scale, axis=axis),
        [
            alt.FilterTransform(f"datum.value >= {floor}"),
            _calculated("place", f"datum.n > 0 ? datum.n : {zero}"),
            _calculated("bottom", f"max({floor}, isValid(datum.stderr) ? datum.value - datum.stderr : datum.low)"),
            _calculated("top", f"min({ceiling}, isValid(datum.stderr) ? datum.value + datum.stderr : datum.high)"),
        ],
    )


def _linear_x(title: str, n: Sequence[float]) -> alt.X:
    whole = all(float(place).is_integer() for place in n)  # there is no half of an example or a night
    label = "datum.value % 1 ? '' : format(datum.value, ',')" if whole else "format(datum.value, ',')"
    return alt.X("n:Q", title=title, scale=alt.Scale(type="linear", nice=False), axis=alt.Axis(labelExpr=label))


def _log_x(title: str, n: Sequence[float], zero: float) -> alt.X:
    """`zero` is where n = 0 stands, half a decade left of the smallest n."""
    smallest, has_base = zero * 10**0.5, min(n, default=1.0) <= 0
    largest = max([*n, smallest])
    scale = alt.Scale(type="log", nice=False, domain=[zero / 1.3 if has_base else smallest / 1.2, largest * 1.2])
    ticks = [*([zero] if has_base else []), *_ticks(smallest, largest)]
    axis = alt.Axis(values=ticks, labelExpr=f"datum.value <= {zero} ? '0' : format(datum.value, ',')")
    return alt.X("place:Q", title=title, scale=scale, axis=axis)


def _range(rows: Sequence[Row], percent: bool, log: bool) -> tuple[float, float, bool]:
    """Where bands and error bars are cut, and whether a linear axis begins at zero.

    They may run far beyond what was measured, on a linear axis by as much as that extends, on a log axis to half its
    smallest and twice its largest value; and no share is above 100 %.
    """
    middles = [row["value"] for row in rows if row["kind"] != "level"] or [1.0]
    ends = [row["value"] for row in rows] or middles
    ends += [row["value"] + side * row["stderr"] for row in rows if row.get("stderr") for side in (-1, 1)]
    low, high = min(ends), max(ends)
    most = 1.0 if percent else math.inf
    if log:
        return min((value for value in middles if value > 0), default=1.0) / 2, min(2 * high, most), False
    floor, ceiling = low - (high - low), high + (high - low)
    if min(middles) < 0:
        return floor, ceiling, False
    return max(floor, 0.0), min(ceiling, most), low <= 0.35 * high


def _calculated(name: str, expression: str) -> alt.CalculateTransform:
    return alt.CalculateTransform(calculate=expression, **{"as": name})


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers for a log axis, fewer to a decade the more decades there are."""
    steps = (1,) if high > 300 * low else (1, 2, 5) if high > 4 * low else (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [float(f"{step * 10.0**decade:.6g}") for decade in decades for step in steps]
    return [tick for tick in ticks if 0.99 * low <= tick <= 1.2 * high]


def _marks(rows: Sequence[Row], names: Sequence[str]) -> list[alt.Chart]:
    """The marks of each kind of row, the dots last and so on top."""
    kinds = {row["kind"] for row in rows}
    bottom, top = alt.Y("bottom:Q"), alt.Y2("top:Q")
    marks = []
    if "level" in kinds:
        across = _only("level").mark_rule(strokeDash=[1, 3])
        marks.append(across.encode(alt.XValue(0), alt.X2Value("width"), alt.ColorValue(FAINT)))
    if kinds & {"fit", "forecast"}:
        band, line = alt.Chart(transform=[HAS_BAND]), _only("fit", "forecast")
        dash = alt.Scale(domain=["fit", "forecast"], range=[[1, 0], [5, 3]])
        marks.append(band.mark_area(opacity=0.15).encode(bottom, top))
        marks.append(line.mark_line(strokeWidth=1.8).encode(alt.StrokeDash("kind:N", scale=dash, legend=None)))
    if "joined" in kinds:
        marks.append(_only("joined").mark_line(strokeWidth=1.5))
    if any(row.get("stderr") for row in rows):
        marks.append(alt.Chart(transform=[HAS_BAR]).mark_rule(strokeWidth=1.3).encode(bottom, top))
    shape = alt.Shape("curve:N", scale=_cycle(names, MARKERS), legend=_legend(names))
    return [*marks, _only("dot", "joined").mark_point(filled=True, opacity=1, size=45).encode(shape)]


def _hover(chart: Chart) -> alt.Chart:
    """What a point says when the pointer comes near, and a ring round it. The dots' lie above the fits'."""
    ring = alt.StrokeOpacityValue(0, condition={"param": "pointed", "empty": False, "value": 1})
    says = [
        alt.Tooltip("name:N", title="curve"), alt.Tooltip("n:Q", title=chart.along, format=","),
        alt.Tooltip("text:N", title=chart.y_label),
    ]  # fmt: skip
    near = _only("dot", "joined", "fit", "forecast").mark_point(size=400, fill="transparent", strokeWidth=1)
    return near.encode(alt.ColorValue(INK), ring, says).add_params(POINTED)


def _only(*kinds: str) -> alt.Chart:
    return alt.Chart(transform=[alt.FilterTransform(alt.FieldOneOfPredicate(field="kind", oneOf=list(kinds)))])


def _legend(names: Sequence[str]) -> alt.Legend:
    columns = max(1, LEGEND_CHARACTERS // (max(map(len, names), default=0) + 4))
    return alt.Legend(title=None, orient="bottom", direction="horizontal", columns=columns)


def _cycle(names: Sequence[str], values: Sequence[str]) -> alt.Scale:
    return alt.Scale(domain=list(names), range=[values[i % len(values)] for i in range(len(names))])
