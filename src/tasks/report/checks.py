"""The report's section on how far the laws can be trusted: rivals on a held-out size, and what they leave over."""

from collections.abc import Sequence

import numpy as np

from src.report.chart import Chart, Dot, Series
from src.report.page import Section
from src.report.table import Table
from src.scaling.analysis import LawAnalysis, StudyAnalysis


def check_section(analysis: StudyAnalysis) -> Section:
    groups: dict[tuple[str, str], dict[str, LawAnalysis]] = {}
    for a in analysis.curves:
        for result in a.laws:
            if result.fit is not None:
                groups.setdefault((a.curve.metric, result.law.name), {})[a.curve.name] = result
    return Section(
        "Rival laws",
        [
            "Each law fitted without the largest n and asked for it: root mean square of ln(predicted / measured) over "
            f"the curves, and how often the {analysis.confidence:.0%} interval held what was measured.",
            Table(
                ["metric", "law", "curves", "held out", "RMS log error", "inside", "mean R²"],
                [[*key, *_held_out(list(of.values()))] for key, of in groups.items()],
            ),
            "What the fits leave over, measured less fitted:",
            *(_residuals(*key, of) for key, of in groups.items()),
        ],
    )


def _held_out(results: Sequence[LawAnalysis]) -> list[str | int | float | None]:
    held = [result.hold_out for result in results if result.hold_out is not None]
    ratios = [np.log(h.predicted / h.measured) for h in held if h.predicted > 0 and h.measured > 0]
    told = [h.inside for h in held if h.inside is not None]
    return [
        len(results),
        len(held),
        float(np.sqrt(np.mean(np.square(ratios)))) if ratios else None,
        f"{sum(told)} of {len(told)}",
        float(np.mean([result.fit.r_squared for result in results if result.fit is not None])),
    ]


def _residuals(metric: str, law: str, of: dict[str, LawAnalysis]) -> Chart:
    series = []
    for name, result in of.items():
        assert result.fit is not None
        dots = [Dot(float(n), float(left)) for n, left in zip(result.fit.sizes, result.fit.residuals, strict=True)]
        series.append(Series(name, dots, joined=True))
    return Chart(
        f"{metric.split('/')[-1]}, law {law}: residuals", "measured − fitted", series, levels=[0], figure="residuals"
    )
