"""A study's forecasts: every curve of a benchmark helps the others, and the largest n that was measured is the test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from src.scaling.curve import Curve
from src.scaling.forecast import CurveForecast, Forecast, forecast
from src.tracking.query import PointRecord

TIMES = (2, 4, 8)
# How far beyond the largest n a target is looked for.
FARTHEST = 1000
SIZES = 64


@dataclass(frozen=True, eq=False)
class StudyForecast:
    """A curve with its forecasts from its smallest n to `FARTHEST` times its largest, ascending in n.

    `held_out` is the forecast of the largest n made without it (nor that of any other curve); None for a curve that
    does not reach the benchmark's largest n, or has no smaller size.
    """

    curve: Curve
    benchmark: str
    made: CurveForecast
    held_out: Forecast | None

    @property
    def largest(self) -> int:
        return int(self.curve.sizes[-1])

    @property
    def measured(self) -> float:
        """The mean at the largest n."""
        return float(self.curve.means[-1])

    def at(self, times: int) -> Forecast:
        """At so many times the largest n."""
        return next(f for f in self.made.forecasts if f.n == times * self.largest)


@dataclass(frozen=True)
class ExamplesNeeded:
    """The n at which an accuracy is reached: `measured_at`, the smallest n whose mean is that high; else a forecast.

    `n` is where the forecast reaches it, `low` and `high` where the ends of its 90 % interval do; None: not within
    `FARTHEST` times the largest n.
    """

    curve: str
    metric: str
    target: float
    measured_at: int | None
    n: float | None
    low: float | None
    high: float | None


def forecasts(
    curves: Sequence[Curve], points_of: Mapping[str, Sequence[PointRecord]], seed: int
) -> list[StudyForecast]:
    """Forecast all curves that were measured at some n ≥ 1, those of one benchmark and metric together."""
    groups: dict[tuple[str, str], list[Curve]] = {}
    for curve in curves:
        if curve.sizes[-1] >= 1:
            groups.setdefault((points_of[curve.name][0].benchmark, curve.metric), []).append(curve)
    found = []
    for (benchmark, _), group in groups.items():
        sizes = sorted({int(n) for curve in group for n in curve.sizes if n >= 1})
        largest = {int(curve.sizes[-1]) for curve in group}
        grid = {round(n) for n in np.geomspace(sizes[0], FARTHEST * sizes[-1], SIZES)}
        grid |= largest | {times * n for times in TIMES for n in largest}
        made = forecast(group, sorted(grid), seed=seed)
        held: Sequence[CurveForecast | None] = [None] * len(group)
        if len(sizes) > 1:
            held = forecast(group, [sizes[-1]], fit_up_to=sizes[-2], seed=seed)
        for curve, all_, without in zip(group, made, held, strict=True):
            reaches = without is not None and without.forecasts and curve.sizes[-1] == sizes[-1]
            found.append(StudyForecast(curve, benchmark, all_, without.forecasts[0] if reaches and without else None))
    return found


def examples_needed(made: StudyForecast, target: float) -> ExamplesNeeded:
    """For accuracies: as measured, or interpolated over ln n between the sizes of the forecast beyond."""
    curve = made.curve
    reached = curve.sizes[curve.means >= target]
    if len(reached):
        return ExamplesNeeded(curve.name, curve.metric, target, int(reached[0]), None, None, None)
    ahead = [f for f in made.made.forecasts if f.n >= made.largest]
    n = np.log([f.n for f in ahead])
    middle, low, high = np.array([(f.value, *f.interval_90) for f in ahead]).T
    # The interval's upper end is the first to reach a target, and gives the smallest n.
    crossings = (_crossing(n, values, target) for values in (middle, high, low))
    return ExamplesNeeded(curve.name, curve.metric, target, None, *crossings)


def _crossing(x: np.ndarray, values: np.ndarray, target: float) -> float | None:
    reached = np.flatnonzero(values >= target)
    if not len(reached):
        return None
    first = int(reached[0])
    if first == 0:
        return float(np.exp(x[0]))
    share = (target - values[first - 1]) / (values[first] - values[first - 1])
    return float(np.exp(x[first - 1] + share * (x[first] - x[first - 1])))
