"""A study's forecasts: every curve of a benchmark helps the others, and the largest n that was measured is the test.

Their rival for accuracies goes through the loss: it is made without a benchmark's largest n and asked for it.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from src.errors import FathomError
from src.scaling.curve import Curve
from src.scaling.joint_draws import Candidate, ExamplesNeeded, Gain, JointDraws, draw_jointly, next_n
from src.scaling.pooled_forecast import CurveForecast, Forecast, forecast
from src.scaling.ranking import Ranked, rank
from src.scaling.superficial import Superficial, superficial
from src.scaling.two_step import fit_two_step
from src.tracking.query import PointRecord

log = logging.getLogger(__name__)
ACCURACY, LOSS = "eval/accuracy", "eval/nll"
TIMES = (2, 4, 8)
SIZES = 32
# Accuracies, and shares of the loss at the largest n, that are asked for.
ACCURACIES = (0.5, 0.8, 0.9)
SHARES_OF_LOSS = (0.9, 0.75, 0.5)


@dataclass(frozen=True, eq=False)
class StudyForecast:
    """A curve with its forecasts from its smallest n to the last of `TIMES` its largest, ascending in n.

    `held_out` is the forecast of the largest n made without it (nor that of any other curve); None for a curve that
    does not reach the benchmark's largest n, or has no smaller size. `gain` is that of the doubling of its largest n,
    `next_n` the measurement that most narrows the forecast at the last of `TIMES` for its cost. `ranked` is its place
    among the benchmark's curves at each of `TIMES` the benchmark's largest n.
    """

    curve: Curve
    benchmark: str
    made: CurveForecast
    held_out: Forecast | None
    needed: tuple[ExamplesNeeded, ...]
    gain: Gain
    next_n: Candidate
    ranked: Mapping[int, Ranked]
    saturation: Superficial

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
class ThroughLoss:
    """An accuracy at the largest n as forecast in two steps from the smaller ones, beside what was measured."""

    curve: str
    benchmark: str
    forecast: Forecast
    measured: float


def forecasts(
    curves: Sequence[Curve], points_of: Mapping[str, Sequence[PointRecord]], seed: int
) -> list[StudyForecast]:
    """Forecast all curves that were measured at some n ≥ 1, those of one benchmark and metric together."""
    groups: dict[tuple[str, str], list[Curve]] = {}
    for curve in curves:
        if curve.sizes[-1] >= 1:
            groups.setdefault((points_of[curve.name][0].benchmark, curve.metric), []).append(curve)
    return [made for (benchmark, _), group in groups.items() for made in _forecasts(benchmark, group, seed)]


def _forecasts(benchmark: str, group: Sequence[Curve], seed: int) -> list[StudyForecast]:
    sizes = sorted({int(n) for curve in group for n in curve.sizes if n >= 1})
    largest = {int(curve.sizes[-1]) for curve in group}
    grid = {round(n) for n in np.geomspace(sizes[0], TIMES[-1] * sizes[-1], SIZES)}
    grid |= largest | {times * n for times in TIMES for n in largest}
    made = forecast(group, sorted(grid), seed=seed)
    held = forecast(group, [sizes[-1]], fit_up_to=sizes[-2], seed=seed) if len(sizes) > 1 else [None] * len(group)
    drawn = draw_jointly(group, sorted({times * n for times in TIMES for n in largest}), seed=seed)
    places = {n: {of.index: of for of in rank(drawn.at(n), group[0].kind)} for n in (t * sizes[-1] for t in TIMES)}
    found = []
    for index, (curve, all_, without) in enumerate(zip(group, made, held, strict=True)):
        reaches = curve.sizes[-1] == sizes[-1]
        found.append(
            StudyForecast(
                curve,
                benchmark,
                all_,
                held_out=without.forecasts[0] if reaches and without and without.forecasts else None,
                needed=_needed(drawn, index, curve),
                gain=drawn.next_gain(index),
                next_n=next_n(drawn.candidates(index, TIMES[-1] * int(curve.sizes[-1]))),
                ranked={n: of[index] for n, of in places.items()},
                saturation=superficial(curve),
            )
        )
    return found


def _needed(drawn: JointDraws, index: int, curve: Curve) -> tuple[ExamplesNeeded, ...]:
    last = float(curve.means[-1])
    targets = ACCURACIES if curve.kind == "accuracy" else tuple(share * last for share in SHARES_OF_LOSS)
    return tuple(drawn.examples_needed(index, target) for target in targets)


def through_the_loss(
    curves: Sequence[Curve], points_of: Mapping[str, Sequence[PointRecord]], seed: int
) -> list[ThroughLoss]:
    """For each benchmark whose curves have loss and accuracy; one with too few sizes for a sigmoid is passed over."""
    benchmarks = dict.fromkeys(points_of[curve.name][0].benchmark for curve in curves)
    return [row for benchmark in benchmarks for row in _of_benchmark(benchmark, curves, points_of, seed)]


def _of_benchmark(
    benchmark: str, curves: Sequence[Curve], points_of: Mapping[str, Sequence[PointRecord]], seed: int
) -> list[ThroughLoss]:
    own = [curve for curve in curves if points_of[curve.name][0].benchmark == benchmark]
    accuracies = {curve.name: curve for curve in own if curve.metric == ACCURACY}
    losses = [curve for curve in own if curve.metric == LOSS and curve.name in accuracies]
    largest = max((curve.sizes[-1] for curve in losses), default=0)
    reaching = [c for c in losses if c.sizes[-1] == largest and ((c.sizes >= 1) & (c.sizes < largest)).any()]
    if not reaching:
        return []
    smaller = [curve.between(1, largest - 1) for curve in reaching]
    try:
        both = fit_two_step(smaller, [accuracies[curve.name].between(1, largest - 1) for curve in smaller], seed)
    except FathomError as error:
        log.info("%s: %s", benchmark, error)
        return []
    return [
        ThroughLoss(made.curve, benchmark, made.forecasts[0], float(accuracies[made.curve].means[-1]))
        for made in both.forecast([int(largest)], seed)
        if made.forecasts and accuracies[made.curve].sizes[-1] == largest
    ]
