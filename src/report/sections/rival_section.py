"""The report's section on how far the laws can be trusted: rivals on a held-out size, and what they leave over."""

from collections.abc import Sequence

import numpy as np

from src.report.drawing.chart import Chart, Dot, Series
from src.report.drawing.page import Section
from src.report.drawing.table import Cell, Table
from src.scaling.analysis import LawAnalysis, StudyAnalysis
from src.scaling.pooled_forecast import Forecast
from src.study.forecasts import StudyForecast
from src.study.through_loss import ACCURACY, ThroughLoss


def check_section(
    analysis: StudyAnalysis, made: Sequence[StudyForecast], through_the_loss: Sequence[ThroughLoss]
) -> Section:
    groups: dict[tuple[str, str], dict[str, LawAnalysis]] = {}
    for a in analysis.curves:
        for result in a.laws:
            if result.fit is not None:
                groups.setdefault((a.curve.metric, result.law.name), {})[a.curve.name] = result
    return Section(
        "Rival laws",
        [
            "Each law fitted without the largest n and asked for it: root mean square of ln(predicted / measured) over "
            f"the curves, and how often the {analysis.confidence:.0%} interval (the forecast's: 90 %) held what was "
            "measured. The forecast is made without the largest n of any curve; in two steps, it goes from n to the "
            "loss and from the loss to the accuracy (Bhagia et al. 2412.04403).",
            Table(
                ["metric", "law", "curves", "held out", "RMS log error", "inside", "mean R²"],
                [
                    *([*key, *_held_out(list(of.values()))] for key, of in groups.items()),
                    *_forecasts_held_out(made),
                    *_in_two_steps(through_the_loss),
                ],
            ),
            *(["What the fits leave over, measured less fitted:"] if groups else []),
            *(_residuals(*key, of) for key, of in groups.items()),
        ],
    )


def _held_out(results: Sequence[LawAnalysis]) -> list[str | int | float | None]:
    held = [result.hold_out for result in results if result.hold_out is not None]
    ratios = [np.log(h.predicted / h.measured) for h in held if h.predicted > 0 and h.measured > 0]
    return [
        len(results),
        len(held),
        float(np.sqrt(np.mean(np.square(ratios)))) if ratios else None,
        f"{sum(h.inside for h in held)} of {len(held)}",
        float(np.mean([result.fit.r_squared for result in results if result.fit is not None])),
    ]


def _forecasts_held_out(made: Sequence[StudyForecast]) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for metric in dict.fromkeys(of.curve.metric for of in made):
        curves = [of for of in made if of.curve.metric == metric]
        held = [(of.held_out, of.measured) for of in curves if of.held_out is not None]
        rows.append([metric, "forecast", len(curves), len(held), *_outcome(held), None])
    return rows


def _in_two_steps(rows: Sequence[ThroughLoss]) -> list[list[Cell]]:
    held = [(row.forecast, row.measured) for row in rows]
    return [[ACCURACY, "two steps", len(rows), len(rows), *_outcome(held), None]] if rows else []


def _outcome(held: Sequence[tuple[Forecast, float]]) -> tuple[float | None, str]:
    """Root mean square of ln(forecast / measured), and how many 90 % intervals held what was measured."""
    ratios = [np.log(f.value / measured) for f, measured in held if f.value > 0 and measured > 0]
    inside = sum(f.interval_90[0] <= measured <= f.interval_90[1] for f, measured in held)
    return (float(np.sqrt(np.mean(np.square(ratios)))) if ratios else None), f"{inside} of {len(held)}"


def _residuals(metric: str, law: str, of: dict[str, LawAnalysis]) -> Chart:
    series = []
    for name, result in of.items():
        assert result.fit is not None
        dots = [Dot(float(n), float(left)) for n, left in zip(result.fit.sizes, result.fit.residuals, strict=True)]
        series.append(Series(name, dots, joined=True))
    return Chart(
        f"{metric.split('/')[-1]}, law {law}: residuals", "measured − fitted", series, levels=[0], figure="residuals"
    )
