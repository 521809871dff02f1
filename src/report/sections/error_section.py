"""The report's section on error classes."""

from collections.abc import Mapping, Sequence

from src.report.drawing.table import with_error
from src.report.parts import Chart, Dot, Section, Table, joined
from src.study.error_classes import FEW, ErrorCorrelation, ErrorRates
from src.study.findings import Findings
from src.tracking.query import PointRecord


def error_section(findings: Findings, points_of: Mapping[str, Sequence[PointRecord]]) -> Section:
    of_benchmark: dict[str, list[ErrorRates]] = {}
    for row in findings.error_classes:
        of_benchmark.setdefault(points_of[row.curve][0].benchmark, []).append(row)
    charts = [chart for benchmark, rows in of_benchmark.items() for chart in _charts(benchmark, rows)]
    return Section(
        "Error classes",
        [
            "An answer that cannot be extracted is a format error, one that can but is wrong a reasoning error, by "
            f"rule. Shares of the test items, means over seeds with standard errors; the dotted line is {FEW:.0%}.",
            *charts,
            "From which n on format errors stay below 5 %, and the largest n that was measured with more of them:",
            Table(
                ["curve", "below 5 % from n", "still above at n"],
                [[f.curve, _or(f.from_n, "never"), _or(f.above_at, "none")] for f in findings.few_format_errors],
            ),
            "How each class goes with the total of mistakes over the points (Pearson's r; the bootstrap of r² draws "
            f"sizes with all their seeds; {findings.confidence:.0%} intervals). A class that makes up nearly all "
            "mistakes follows their total by arithmetic.",
            Table(
                ["over", "errors", "points", "r", "r²"],
                [
                    [c.over, c.error, c.points, _r(c), _r_squared(c)]
                    for c in findings.error_correlations
                ],
            ),
            Table(
                ["curve", "n", "seeds", "format (%)", "reasoning (%)", "more finely"],
                [
                    [
                        r.curve,
                        r.n,
                        r.seeds,
                        with_error(100 * r.format, 100 * r.format_stderr),
                        with_error(100 * r.reasoning, 100 * r.reasoning_stderr),
                        ", ".join(f"{name} {100 * share:.1f} %" for name, share in r.details.items()),
                    ]
                    for r in findings.error_classes
                ],
            ),
        ],
    )  # fmt: skip


def _r(c: ErrorCorrelation) -> str | None:
    return None if c.r is None else f"{c.r:.2f}".replace("-", "−")


def _r_squared(c: ErrorCorrelation) -> str | None:
    if c.r_squared is None:
        return None
    ends = "" if c.low is None or c.high is None else f" [{c.low:.2f}, {c.high:.2f}]"
    return f"{c.r_squared:.2f}{ends}"


def _or(n: int | None, otherwise: str) -> int | str:
    return otherwise if n is None else n


def _charts(benchmark: str, rows: Sequence[ErrorRates]) -> list[Chart]:
    form = joined(rows, lambda r: r.curve, lambda r: Dot(r.n, r.format, r.format_stderr, _seeds(r)))
    reasoning = joined(rows, lambda r: r.curve, lambda r: Dot(r.n, r.reasoning, r.reasoning_stderr, _seeds(r)))
    figure = f"{benchmark}-errors"
    return [
        Chart(f"{benchmark}: format errors", "share of test items", form, percent=True, levels=[FEW], figure=figure),
        Chart(f"{benchmark}: reasoning errors", "share of test items", reasoning, percent=True, figure=figure),
    ]


def _seeds(row: ErrorRates) -> str:
    return f"{row.seeds} seed{'s' if row.seeds > 1 else ''}"
