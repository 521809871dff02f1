"""The report's section on laws: curves with the fit of each law, and the table of parameters."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from src.report.parts import Chart, Section, Series, Step, Table
from src.report.sections.forecast_section import chart_of_curves, dots
from src.scaling.analysis import CurveAnalysis, StudyAnalysis
from src.tracking.query import PointRecord

# How far beyond the largest measured n a fit is drawn.
BEYOND = 8
STEPS = 48


def law_section(analysis: StudyAnalysis, points_of: Mapping[str, Sequence[PointRecord]]) -> Section:
    headings = ["curve", "metric", "law", "parameters", "R²", "largest n held out", "note"]
    rows = [
        [r.curve, r.metric, r.law, _parameters(r.parameters), r.r_squared, r.hold_out, r.note] for r in analysis.rows()
    ]
    return Section("Laws", [*_charts(analysis, points_of), Table(headings, rows)])


def _parameters(parameters: Mapping[str, str]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in parameters.items())


def _charts(analysis: StudyAnalysis, points_of: Mapping[str, Sequence[PointRecord]]) -> Iterator[Chart]:
    """For each benchmark and metric a chart with each law."""
    groups: dict[tuple[str, str], list[CurveAnalysis]] = {}
    for a in analysis.curves:
        groups.setdefault((points_of[a.curve.name][0].benchmark, a.curve.metric), []).append(a)
    for (benchmark, _), of in groups.items():
        for law in dict.fromkeys(result.law.name for a in of for result in a.laws):
            chart = chart_of_curves(benchmark, [a.curve for a in of], [_series(a, law) for a in of])
            yield replace(chart, title=f"{chart.title}, law {law}", figure=f"{chart.figure}-laws")


def _series(a: CurveAnalysis, law: str) -> Series:
    result = next((result for result in a.laws if result.law.name == law), None)
    if result is None or result.bootstrap is None:
        return Series(a.curve.name, dots(a.curve))
    fit = result.bootstrap.fit
    fitted = fit.sizes
    n = np.unique(np.append(np.geomspace(fitted[fitted >= 1][0], BEYOND * fitted[-1], STEPS), fitted[-1]))
    steps = zip(n, fit.predict(n), *result.bootstrap.band(n), strict=True)
    return Series(a.curve.name, dots(a.curve), [Step(*step) for step in steps], measured_to=float(fitted[-1]))
