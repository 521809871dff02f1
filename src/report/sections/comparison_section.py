"""The report's section on curves that differ in one thing."""

from collections.abc import Sequence

from src.report.drawing.table import with_interval
from src.report.parts import Chart, Dot, Section, Series, Table
from src.study.comparison import Difference
from src.study.findings import Findings


def comparison_section(findings: Findings) -> Section:
    confidence = f"{findings.confidence:.0%}"
    parts: list[str | Table | Chart] = [
        f"Pairs of curves on one benchmark and model that differ in one thing alone: b less a, with {confidence} "
        "intervals from the noise of seeds and test items, paired where both answered the same items."
    ]
    for factor in dict.fromkeys(row.factor for row in findings.differences):
        rows = [row for row in findings.differences if row.factor == factor]
        parts.append(_chart(factor, [row for row in rows if row.metric == "eval/accuracy"]))
        parts.append(
            Table(
                ["a", "b", "curve a", "metric", "n", "b − a"],
                [
                    [r.value_a, r.value_b, r.curve_a, r.metric, r.n, with_interval(r.difference, r.low, r.high)]
                    for r in rows
                ],
            )
        )
    return Section("Side by side", parts)


def _chart(factor: str, rows: Sequence[Difference]) -> Chart:
    pairs = list(dict.fromkeys((row.curve_a, row.curve_b) for row in rows))
    series = []
    for pair in pairs:
        of = [row for row in rows if (row.curve_a, row.curve_b) == pair]
        name = f"{of[0].value_b} less {of[0].value_a} ({pair[0]})"
        series.append(Series(name, [Dot(r.n, r.difference, r.stderr) for r in of], joined=True))
    title, figure = f"{factor}: difference in accuracy", f"difference-{factor}"
    return Chart(title, "difference in accuracy", series, percent=True, levels=[0], figure=figure)
