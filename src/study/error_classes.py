"""Format against reasoning errors over n, and which of them follows the total of mistakes (arXiv 2410.03717)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from src.study.curves import curve_of
from src.tracking.query import PointRecord

ErrorClass = Literal["format", "reasoning"]
CLASSES: tuple[ErrorClass, ...] = ("format", "reasoning")
FEW = 0.05
DETAIL = "eval/error/"


@dataclass(frozen=True)
class ErrorRates:
    """Shares of the test items at one n of a curve, means over seeds; `details` names the errors more finely."""

    curve: str
    n: int
    seeds: int
    format: float
    format_stderr: float
    reasoning: float
    reasoning_stderr: float
    details: dict[str, float]


@dataclass(frozen=True)
class FewFormatErrors:
    """Format errors are below 5 % at `from_n` and every larger n, and still above at `above_at`, the size before.

    `from_n` None: never. `above_at` None: at no smaller size that was measured.
    """

    curve: str
    from_n: int | None
    above_at: int | None


@dataclass(frozen=True)
class ErrorCorrelation:
    """How a class of errors goes with all mistakes, over the points of a curve or of all curves on a benchmark.

    `r` is Pearson's, None where one of them never changes; `low` and `high` bound r² (None where too few sizes leave
    them open).
    """

    over: str
    error: ErrorClass
    points: int
    r: float | None
    r_squared: float | None
    low: float | None
    high: float | None


def error_rates(points_of: Mapping[str, Sequence[PointRecord]]) -> list[ErrorRates]:
    """A row for each curve and n."""
    rows = []
    for name, points in points_of.items():
        form, reasoning = (curve_of(name, points, f"eval/{error}_error_rate") for error in CLASSES)
        for place, (n, seeds) in enumerate(zip(form.sizes, form.seeds, strict=True)):
            same = [point.metrics for point in points if point.n_examples == n]
            details = sorted({metric for metrics in same for metric in metrics if metric.startswith(DETAIL)})
            # A class that a point does not log did not occur in it.
            shares = {d.removeprefix(DETAIL): float(np.mean([m.get(d, 0.0) for m in same])) for d in details}
            (of_form, _), (of_reasoning, _) = form.noise.at(place), reasoning.noise.at(place)
            rates = float(form.means[place]), of_form, float(reasoning.means[place]), of_reasoning
            rows.append(ErrorRates(name, int(n), int(seeds), *rates, shares))
    return rows


def few_format_errors(rows: Sequence[ErrorRates]) -> list[FewFormatErrors]:
    """For each curve, from which measured n on its mean rate of format errors is below 5 %."""
    curves: dict[str, list[ErrorRates]] = {}
    for row in rows:
        curves.setdefault(row.curve, []).append(row)
    found = []
    for name, of in curves.items():
        above = [row.n for row in of if row.format >= FEW]
        below = [row.n for row in of if row.n > max(above, default=-1)]
        found.append(FewFormatErrors(name, min(below, default=None), max(above, default=None)))
    return found


def error_correlations(
    points_of: Mapping[str, Sequence[PointRecord]], replicates: int, confidence: float, seed: int
) -> list[ErrorCorrelation]:
    """For each curve, and for each benchmark with several, both classes against the total of mistakes.

    Percentile bootstrap over sizes: all seeds of an n are drawn together, since they share it.
    """
    benchmarks: dict[str, dict[str, Sequence[PointRecord]]] = {}
    for name, points in points_of.items():
        benchmarks.setdefault(points[0].benchmark, {})[name] = points
    rows = []
    for benchmark, curves in benchmarks.items():
        groups = {name: [points] for name, points in curves.items()}
        if len(curves) > 1:
            groups[f"all of {benchmark}"] = list(curves.values())
        for name, group in groups.items():
            # A new generator each: a curve's interval does not depend on what else is in the study.
            rows += [_correlation(name, group, error, replicates, confidence, seed) for error in CLASSES]
    return rows


def _correlation(
    name: str, curves: Sequence[Sequence[PointRecord]], error: ErrorClass, replicates: int, confidence: float, seed: int
) -> ErrorCorrelation:
    # Sums over the points of each size of each curve, shape (sizes, 6): all that a correlation needs.
    sums = []
    for points in curves:
        for n in sorted({point.n_examples for point in points}):
            rates = np.array([_rates(point) for point in points if point.n_examples == n])
            x, y = rates[:, CLASSES.index(error)], rates.sum(axis=1)
            sums.append([len(x), x.sum(), y.sum(), (x * x).sum(), (y * y).sum(), (x * y).sum()])
    each = np.array(sums)
    r = float(_pearson(each.sum(axis=0)))
    if not np.isfinite(r):
        return ErrorCorrelation(name, error, int(each[:, 0].sum()), None, None, None, None)
    drawn = np.random.default_rng(seed).multinomial(len(each), np.full(len(each), 1 / len(each)), size=replicates)
    squares = _pearson(drawn @ each) ** 2
    squares = squares[np.isfinite(squares)]
    tail = (1 - confidence) / 2
    enough = len(each) > 2 and len(squares) > replicates / 2
    low, high = (float(q) for q in np.quantile(squares, [tail, 1 - tail])) if enough else (None, None)
    return ErrorCorrelation(name, error, int(each[:, 0].sum()), r, r**2, low, high)


def _rates(point: PointRecord) -> tuple[float, ...]:
    return tuple(point.metrics[f"eval/{error}_error_rate"] for error in CLASSES)


def _pearson(sums: np.ndarray) -> np.ndarray:
    """From (count, Σx, Σy, Σx², Σy², Σxy) in the last axis; NaN where x or y has no spread."""
    count, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    spread = np.maximum(count * xx - x * x, 0) * np.maximum(count * yy - y * y, 0)
    # Below this the spread is rounding.
    spread = np.where(spread > 1e-20 * (count * count) ** 2, spread, np.nan)
    return (count * xy - x * y) / np.sqrt(spread)
