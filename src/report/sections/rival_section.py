"""The report's section on how far the laws can be trusted: rivals on a held-out size, and what they leave over."""

from collections.abc import Sequence

import numpy as np

from src.report.parts import Cell, Chart, Dot, Section, Series, Table
from src.scaling.analysis import HoldOut, StudyAnalysis
from src.scaling.fit import Fit
from src.study.forecasts import ACCURACY, StudyForecast, ThroughLoss

Fitted = tuple[str, Fit, HoldOut | None]  # a curve's name, with a law fitted to it and what came of its largest n


def check_section(
    analysis: StudyAnalysis, made: Sequence[StudyForecast], through_the_loss: Sequence[ThroughLoss]
) -> Section:
    groups: dict[tuple[str, str], list[Fitted]] = {}
    for a in analysis.curves:
        for law in a.laws:
            if law.bootstrap is not None:
                fitted = a.curve.name, law.bootstrap.fit, law.hold_out
                groups.setdefault((a.curve.metric, law.law.name), []).append(fitted)
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
                    *([*key, *_held_out(fitted)] for key, fitted in groups.items()),
                    *_forecasts_held_out(made),
                    *_in_two_steps(through_the_loss),
                ],
            ),
            *(["What the fits leave over, measured less fitted:"] if groups else []),
            *(_residuals(*key, fitted) for key, fitted in groups.items()),
        ],
    )


def _held_out(fitted: Sequence[Fitted]) -> list[Cell]:
    held = [(check.predicted, check.interval, check.measured) for _, _, check in fitted if check is not None]
    return [len(fitted), len(held), *_outcome(held), float(np.mean([fit.r_squared for _, fit, _ in fitted]))]


def _forecasts_held_out(made: Sequence[StudyForecast]) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for metric in dict.fromkeys(of.curve.metric for of in made):
        curves = [of for of in made if of.curve.metric == metric]
        held = [(of.held_out.value, of.held_out.interval_90, of.measured) for of in curves if of.held_out is not None]
        rows.append([metric, "forecast", len(curves), len(held), *_outcome(held), None])
    return rows


def _in_two_steps(rows: Sequence[ThroughLoss]) -> list[list[Cell]]:
    held = [(row.forecast.value, row.forecast.interval_90, row.measured) for row in rows]
    return [[ACCURACY, "two steps", len(rows), len(rows), *_outcome(held), None]] if rows else []


def _outcome(held: Sequence[tuple[float, tuple[float, float], float]]) -> tuple[float | None, str]:
    """From forecasts, their intervals and what was measured: the root mean square of ln(forecast / measured), and how
    many intervals held it."""
    ratios = [np.log(value / measured) for value, _, measured in held if value > 0 and measured > 0]
    inside = sum(low <= measured <= high for _, (low, high), measured in held)
    return (float(np.sqrt(np.mean(np.square(ratios)))) if ratios else None), f"{inside} of {len(held)}"


def _residuals(metric: str, law: str, fitted: Sequence[Fitted]) -> Chart:
    series = []
    for name, fit, _ in fitted:
        dots = [Dot(float(n), float(left)) for n, left in zip(fit.sizes, fit.residuals, strict=True)]
        series.append(Series(name, dots, joined=True))
    title = f"{metric.split('/')[-1]}, law {law}: residuals"
    return Chart(title, "measured − fitted", series, levels=[0], figure="residuals")
