"""The report's sections on forecasts: curves with what more examples would give, and how many a target needs."""

from collections.abc import Sequence

from src.report.drawing.table import with_interval
from src.report.parts import Cell, Chart, Dot, Section, Series, Step, Table
from src.report.sections.training_section import training_charts
from src.scaling.curve import Curve, Kind
from src.scaling.joint_draws import FARTHEST
from src.scaling.pooled_forecast import Forecast
from src.study.forecasts import ACCURACIES, SHARES_OF_LOSS, TIMES, StudyForecast
from src.study.training import Training


def curve_section(made: Sequence[StudyForecast], training: Sequence[Training]) -> Section:
    """The charts of one benchmark follow each other, with how its points were trained as the last of them."""
    benchmarks: dict[str, dict[str, list[StudyForecast]]] = {}
    for of in made:
        benchmarks.setdefault(of.benchmark, {}).setdefault(of.curve.metric, []).append(of)
    charts: list[Chart] = []
    for benchmark, metrics in benchmarks.items():
        charts += [
            chart_of_curves(benchmark, [one.curve for one in of], [_series(one) for one in of])
            for of in metrics.values()
        ]
        names = dict.fromkeys(one.curve.name for of in metrics.values() for one in of)
        charts += training_charts(benchmark, list(names), training)
    beside = " Beside them is how long the points were trained, medians over seeds." if training else ""
    return Section(
        "Curves and forecasts",
        [
            "Means over seeds with standard errors; n = 0 is the base. The line is the forecast made from all curves "
            "of the benchmark together; dashed beyond the largest n, with the 90 % interval of a new measurement."
            + beside,
            *charts,
        ],
    )


def forecast_section(made: Sequence[StudyForecast]) -> Section:
    parts: list[str | Table] = [
        "What more examples would give, with 90 % intervals of a new measurement:",
        Table(
            ["curve", "metric", "largest n", "measured", *(f"at {times} × n" for times in TIMES), "notes"],
            [_row(of) for of in made],
        ),
        "Examples needed: the n at which the expected metric gets there, with the 90 % interval; … is an end that is "
        f"not within {FARTHEST:,} times the largest n. Where fewer than half of the forecast's draws get there, their "
        "share is given instead.",
    ]
    parts += _needed("accuracy", [f"{target:.0%}" for target in ACCURACIES], made)
    parts += _needed("loss", [f"{share:.0%} of its last" for share in SHARES_OF_LOSS], made)
    return Section("Examples needed", parts)


def _needed(kind: Kind, targets: Sequence[str], made: Sequence[StudyForecast]) -> list[Table]:
    rows = [[of.curve.name, of.curve.metric, *map(str, of.needed)] for of in made if of.curve.kind == kind]
    return [Table(["curve", "metric", *targets], rows)] if rows else []


def dots(curve: Curve) -> list[Dot]:
    """The means over seeds of a curve with their standard errors."""
    errors = [None] * len(curve.sizes) if curve.standard_errors is None else curve.standard_errors
    return [
        Dot(float(n), float(mean), error, f"{seeds} seeds" if seeds > 1 else "1 seed")
        for n, mean, error, seeds in zip(curve.sizes, curve.means, errors, curve.seeds, strict=True)
    ]


def chart_of_curves(benchmark: str, curves: Sequence[Curve], series: Sequence[Series]) -> Chart:
    """A benchmark's curves of one metric, with what guessing scores as a level."""
    name, accuracy = curves[0].metric.split("/")[-1], curves[0].kind == "accuracy"
    levels = sorted({curve.chance for curve in curves} - {0.0})
    title, figure = f"{benchmark}: {name}", f"{benchmark}-{name}"
    return Chart(title, name, series, log_y=not accuracy, percent=accuracy, levels=levels, figure=figure)


def _series(of: StudyForecast) -> Series:
    shown = [f for f in of.made.forecasts if of.curve.sizes[of.curve.sizes >= 1][0] <= f.n <= TIMES[-1] * of.largest]
    line = [Step(f.n, f.value, *(f.interval_90 if f.n >= of.largest else (None, None))) for f in shown]
    return Series(of.curve.name, dots(of.curve), line, measured_to=of.largest)


def _row(of: StudyForecast) -> list[Cell]:
    cells = [_value(of.at(times)) for times in TIMES]
    return [of.curve.name, of.curve.metric, of.largest, float(f"{of.measured:.3g}"), *cells, "; ".join(of.made.notes)]


def _value(f: Forecast) -> str:
    value, low, high = (float(f"{x:.3g}") for x in (f.value, *f.interval_90))
    return with_interval(value, low, high)
