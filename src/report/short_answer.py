"""The end of an analysis on the terminal: what more examples would bring, and whether the laws held; 80 columns."""

from collections.abc import Sequence

from rich.table import Column, Table

from src.report.parts import told_apart
from src.scaling.analysis import CurveAnalysis, StudyAnalysis
from src.study.forecasts import StudyForecast

TIMES = 2
MOST_ROWS = 40


def short_answer(study: str, analysis: StudyAnalysis, made: Sequence[StudyForecast]) -> Table:
    """A row for each curve and metric: the last measurement, the forecast at twice its n, and the laws that held.

    A law held where, fitted without the largest n, its interval has what was measured there.
    """
    forecast_of = {(of.curve.name, of.curve.metric): of for of in made}
    names = list(dict.fromkeys(of.curve.name for of in analysis.curves))
    short = dict(zip(names, told_apart(names), strict=True))
    headings = (Column(of, overflow="fold") for of in ("curve", "measured", f"at {TIMES} × n", "laws that held"))
    table = Table(*headings, title=f"{study}: what {TIMES} times the examples would bring (90 % interval)", width=80)
    for of in analysis.curves[:MOST_ROWS]:
        curve = of.curve
        last = f"{_value(float(curve.means[-1]), curve.kind)} at n={int(curve.sizes[-1]):,}"
        forecast = forecast_of.get((curve.name, curve.metric))
        metric = curve.metric.removeprefix("eval/")
        table.add_row(f"{short[curve.name]} {metric}", last, _ahead(forecast), _held(of))
    for over in analysis.joint:
        metric = over.on.curves[0].metric.removeprefix("eval/")
        missed = f", largest size × n missed by {over.check.off:.1%}" if over.check else ""
        said = f"{over.law.name}{missed}" if over.made else over.notes[0]
        table.add_row(f"{over.on.name} {metric}", f"{len(over.on.curves)} curves", "–", said)
    if len(analysis.curves) > MOST_ROWS:
        table.caption = f"{len(analysis.curves) - MOST_ROWS} more are in the report"
    return table


def _ahead(forecast: StudyForecast | None) -> str:
    if forecast is None:
        return "–"
    at = forecast.at(TIMES)
    value, low, high = (_value(x, forecast.curve.kind) for x in (at.value, *at.interval_90))
    return f"{value} [{low}, {high}]"


def _value(value: float, kind: str) -> str:
    return f"{value:.1%}" if kind == "accuracy" else f"{value:.3g}"


def _held(of: CurveAnalysis) -> str:
    if of.refusal:
        return of.refusal.split(":")[0]
    held = [law.law.name for law in of.laws if law.hold_out is not None and law.hold_out.inside]
    return ", ".join(held) or "none"
