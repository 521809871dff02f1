"""The report's section on exponents: against the size of the model, and between curves that differ in one thing."""

from src.report.drawing.table import number, with_interval
from src.report.parts import Chart, Dot, Section, Table, joined
from src.study.exponents import Exponent
from src.study.findings import Findings


def exponent_section(findings: Findings) -> Section:
    rows = sorted(findings.exponents, key=lambda row: (row.metric, row.law, _but_model(row), row.size or 0, row.model))
    called = ", ".join(f"{called} ({law})" for law, called in {row.law: row.called for row in rows}.items())
    parts: list[str | Table | Chart] = [
        f"The exponent of n in each law, with {findings.confidence:.0%} intervals: {called}."
    ]
    parts += _charts(rows)
    parts.append(
        Table(
            ["model", "parameters", "curve", "metric", "law", "exponent"],
            [
                [
                    row.model,
                    None if row.size is None else f"{row.size / 1e6:,.3g} M",
                    _but_model(row),
                    row.metric,
                    row.law,
                    with_interval(row.exponent, row.low, row.high),
                ]
                for row in rows
            ],
        )
    )
    if findings.exponent_differences:
        parts.append("Does the exponent move? Pairs of curves that differ in one thing alone, b less a:")
        parts.append(
            Table(
                ["what differs", "a", "b", "curve a", "metric", "law", "b − a", "moved"],
                [
                    [d.factor, d.value_a, d.value_b, d.curve_a, d.metric, d.law,
                     with_interval(d.difference, d.low, d.high), "yes" if d.moved else "not beyond noise"]
                    for d in findings.exponent_differences
                ],
            )
        )  # fmt: skip
    return Section("Exponents", parts)


def _but_model(row: Exponent) -> str:
    return row.curve.removeprefix(f"{row.model} ")


def _charts(rows: list[Exponent]) -> list[Chart]:
    """One for each metric and law in which models of several known sizes were fitted."""
    charts = []
    for metric, law in dict.fromkeys((row.metric, row.law) for row in rows):
        of = [row for row in rows if (row.metric, row.law) == (metric, law) and row.size is not None]
        if len({row.size for row in of}) < 2:
            continue
        title, x_label = f"{metric.split('/')[-1]}, law {law}: exponent over size", "parameters of the model (millions)"
        series = joined(of, _but_model, _dot)
        charts.append(Chart(title, "exponent of n", series, x_label=x_label, along="size", figure="exponents"))
    return charts


def _dot(row: Exponent) -> Dot:
    assert row.size is not None
    # An interval need not lie evenly about its value: half its width stands for the error bar.
    half = (row.high - row.low) / 2
    return Dot(row.size / 1e6, row.exponent, half, f"{row.model} [{number(row.low)}, {number(row.high)}]")
