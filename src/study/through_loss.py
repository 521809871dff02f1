"""The rival forecast of accuracies: through the loss. It is made without a benchmark's largest n and asked for it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from src.errors import FathomError
from src.scaling.curve import Curve
from src.scaling.pooled_forecast import Forecast
from src.scaling.two_step import fit_two_step
from src.tracking.query import PointRecord

log = logging.getLogger(__name__)
ACCURACY, LOSS = "eval/accuracy", "eval/nll"


@dataclass(frozen=True)
class ThroughLoss:
    """An accuracy at the largest n as forecast in two steps from the smaller ones, beside what was measured."""

    curve: str
    benchmark: str
    forecast: Forecast
    measured: float


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
