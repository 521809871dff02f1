"""What a study says: exponents, errors by class, transfer, training, curves side by side, as tables and metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from src.scaling.analysis import StudyAnalysis
from src.scaling.best_size import BestSize, Budget, best_size
from src.scaling.pooled_forecast import Forecast
from src.study import error_classes as errors
from src.study.comparison import Difference, MeasuredMean, differences, measured_means, pairs
from src.study.exponents import Exponent, ExponentDifference, exponent_differences, exponents
from src.study.forecasts import TIMES, StudyForecast, ThroughLoss, forecasts, through_the_loss
from src.study.training import Training, trainings
from src.study.transfer import Transfer, transfers
from src.tracking.query import PointRecord

# The findings whose rows are those of a table of that name.
TABLES = (
    *("means", "training", "error_classes", "few_format_errors", "error_correlations"),
    *("transfer", "differences", "exponents", "exponent_differences"),
)


@dataclass(frozen=True)
class Findings:
    """Rows of each kind; `confidence` is that of all their intervals."""

    confidence: float
    forecasts: list[StudyForecast]
    means: list[MeasuredMean]
    training: list[Training]
    error_classes: list[errors.ErrorRates]
    few_format_errors: list[errors.FewFormatErrors]
    error_correlations: list[errors.ErrorCorrelation]
    through_the_loss: list[ThroughLoss]
    transfer: list[Transfer]
    differences: list[Difference]
    exponents: list[Exponent]
    exponent_differences: list[ExponentDifference]
    best_sizes: list[BestSize]

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """By name, for those that have rows; rows of one table have the same keys."""
        tables = {name: [_columns(row) for row in vars(self)[name]] for name in TABLES if vars(self)[name]}
        of_curves = {
            "forecasts": [row for made in self.forecasts for row in _forecast_rows(made)],
            "examples_needed": [_named(made) | vars(needed) for made in self.forecasts for needed in made.needed],
            "rankings": [
                _named(made) | {"benchmark": made.benchmark, "n": n} | vars(ranked)
                for made in self.forecasts
                for n, ranked in made.ranked.items()
            ],
            "saturation": [vars(made.saturation) for made in self.forecasts],
            "next_doubling": [_named(made) | vars(made.gain) for made in self.forecasts],
            "next_n": [_named(made) | vars(made.next_n) for made in self.forecasts],
        }
        if self.through_the_loss:
            of_curves["two_steps"] = [
                {"curve": row.curve, "benchmark": row.benchmark, "measured": row.measured, **_ends(row.forecast)}
                for row in self.through_the_loss
            ]
        if self.best_sizes:
            of_curves["best_sizes"] = [row for best in self.best_sizes for row in _size_rows(best)]
        return tables | of_curves

    def metrics(self) -> dict[str, float]:
        """What holds for a whole curve, by the metric's name."""
        r_squared = {f"errors/r_squared/{c.error}/{c.over}": c.r_squared for c in self.error_correlations}
        few = {f"errors/few_format_errors_from_n/{f.curve}": f.from_n for f in self.few_format_errors}
        # Rows ascend in n: the gain at the largest stays.
        gains = {f"transfer/{row.evaluated_on}/{row.curve}": row.gain for row in self.transfer}
        ahead = {
            f"forecast/{made.curve.metric.split('/')[-1]}/{times} times n/{made.curve.name}": made.at(times).value
            for made in self.forecasts
            for times in TIMES
        }
        named = r_squared | few | gains | ahead
        return {name: value for name, value in named.items() if value is not None}


def find(
    points_of: Mapping[str, Sequence[PointRecord]],
    analysis: StudyAnalysis,
    replicates: int,
    seed: int,
    flops: float | None = None,
    tokens_per_example: float = 1.0,
) -> Findings:
    """All findings from the points, the curves made of them and their laws, at the analysis' confidence.

    Best sizes are those within `flops` for training, with `TIMES` the largest n.
    """
    curves, confidence = [of.curve for of in analysis.curves], analysis.confidence
    rates = errors.error_rates(points_of)
    compared = pairs(points_of)
    found = exponents(analysis, points_of)
    return Findings(
        confidence=confidence,
        forecasts=forecasts(curves, points_of, seed),
        means=measured_means(points_of, confidence),
        training=trainings(points_of),
        error_classes=rates,
        few_format_errors=errors.few_format_errors(rates),
        error_correlations=errors.error_correlations(points_of, replicates, confidence, seed),
        through_the_loss=through_the_loss(curves, points_of, seed),
        transfer=transfers(points_of),
        differences=differences(points_of, compared, confidence),
        exponents=found,
        exponent_differences=exponent_differences(found, compared, confidence),
        best_sizes=[
            best_size(over, Budget(times * over.on.largest_n, flops, tokens_per_example))
            for over in analysis.joint
            if over.made is not None
            for times in TIMES
        ],
    )


def _columns(row: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(row).items() if name != "replicates"}


def _named(made: StudyForecast) -> dict[str, Any]:
    return {"curve": made.curve.name, "metric": made.curve.metric}


def _forecast_rows(made: StudyForecast) -> list[dict[str, Any]]:
    return [
        {**_named(made), "law": made.made.law, "largest_n": made.largest, **_ends(f)}
        for f in made.made.forecasts
        if f.n <= TIMES[-1] * made.largest
    ]


def _size_rows(best: BestSize) -> list[dict[str, Any]]:
    """A row for each measured size; `optimum` is the best of all sizes, the same in each."""
    where = {"curve": best.name, "law": best.law, "examples": best.budget.examples, "flops": best.budget.flops}
    optimum = None if best.optimum is None else best.optimum.size
    rows = []
    for size in best.sizes:
        low, high = size.interval_90
        of_size = {name: value for name, value in vars(size).items() if name != "interval_90"}
        rows.append(where | of_size | {"low_90": low, "high_90": high, "optimum": optimum})
    return rows


def _ends(f: Forecast) -> dict[str, float]:
    (low_50, high_50), (low_90, high_90) = f.interval_50, f.interval_90
    return {"n": f.n, "value": f.value, "low_50": low_50, "high_50": high_50, "low_90": low_90, "high_90": high_90}
