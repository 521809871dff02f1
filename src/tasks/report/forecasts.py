"""The report's sections on forecasts: curves with what more examples would give, and how many a target needs."""

from collections.abc import Sequence

from src.report.chart import Chart, Dot, Series, Step
from src.report.page import Section
from src.report.table import Cell, Table, with_interval
from src.scaling.curve import Curve
from src.scaling.forecast import Forecast
from src.tasks.forecasts import FARTHEST, TIMES, ExamplesNeeded, StudyForecast, examples_needed

TARGETS = (0.5, 0.8, 0.9)


def curve_section(made: Sequence[StudyForecast]) -> Section:
    charts: dict[tuple[str, str], list[StudyForecast]] = {}
    for of in made:
        charts.setdefault((of.benchmark, of.curve.metric), []).append(of)
    return Section(
        "Curves and forecasts",
        [
            "Means over seeds with standard errors; n = 0 is the base. The line is the forecast made from all curves "
            "of the benchmark together; dashed beyond the largest n, with the 90 % interval of a new measurement.",
            *(_chart(benchmark, metric, of) for (benchmark, metric), of in charts.items()),
        ],
    )


def forecast_section(made: Sequence[StudyForecast]) -> Section:
    needed = [(of, [examples_needed(of, t) for t in TARGETS]) for of in made if of.curve.kind == "accuracy"]
    parts: list[str | Table] = [
        "What more examples would give, with 90 % intervals of a new measurement:",
        Table(
            ["curve", "metric", "largest n", "measured", *(f"at {times} × n" for times in TIMES), "notes"],
            [_row(of) for of in made],
        ),
    ]
    if needed:
        parts += [
            "Examples needed for an accuracy, with the n at which the ends of the 90 % interval reach it. Nothing is "
            f"said beyond {FARTHEST:,} times the largest n.",
            Table(
                ["curve", *(f"{target:.0%}" for target in TARGETS)],
                [[of.curve.name, *(_needed(answer, FARTHEST * of.largest) for answer in row)] for of, row in needed],
            ),
        ]
    return Section("Examples needed", parts)


def dots(curve: Curve) -> list[Dot]:
    """The means over seeds of a curve with their standard errors."""
    errors = [None] * len(curve.sizes) if curve.standard_errors is None else curve.standard_errors
    return [
        Dot(float(n), float(mean), error, f"{seeds} seeds" if seeds > 1 else "1 seed")
        for n, mean, error, seeds in zip(curve.sizes, curve.means, errors, curve.seeds, strict=True)
    ]


def _chart(benchmark: str, metric: str, of: Sequence[StudyForecast]) -> Chart:
    accuracy = of[0].curve.kind == "accuracy"
    name = metric.split("/")[-1]
    return Chart(
        f"{benchmark}: {name}",
        name,
        [_series(one) for one in of],
        log_y=not accuracy,
        percent=accuracy,
        levels=sorted({one.curve.chance for one in of} - {0.0}),
        figure=f"{benchmark}-{name}",
    )


def _series(of: StudyForecast) -> Series:
    shown = [f for f in of.made.forecasts if of.curve.sizes[of.curve.sizes >= 1][0] <= f.n <= TIMES[-1] * of.largest]
    line = [Step(f.n, f.value, *(f.interval_90 if f.n >= of.largest else (None, None))) for f in shown]
    return Series(of.curve.name, dots(of.curve), line, measured_to=of.largest)


def _row(of: StudyForecast) -> list[Cell]:
    cells = [_value(of.at(times)) if of.made.forecasts else None for times in TIMES]
    return [of.curve.name, of.curve.metric, of.largest, float(f"{of.measured:.3g}"), *cells, "; ".join(of.made.notes)]


def _value(f: Forecast) -> str:
    value, low, high = (float(f"{x:.3g}") for x in (f.value, *f.interval_90))
    return with_interval(value, low, high)


def _needed(answer: ExamplesNeeded, farthest: int) -> str:
    if answer.measured_at is not None:
        return f"measured at {answer.measured_at:,}"
    ends = [_count(n) for n in (answer.low, answer.high)]
    shown = f"not within {farthest:,}" if answer.n is None else _count(answer.n)
    return shown if answer.low is None else f"{shown} [{', '.join(ends)}]"


def _count(n: float | None) -> str:
    return "…" if n is None else f"{float(f'{n:.2g}'):,.0f}"
