"""What finetuning on one task does to the others: accuracy gained or lost against the base, over n."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from src.study.means import Mean, means
from src.tracking.query import PointRecord

ALSO, ACCURACY = "also/", "/accuracy"


@dataclass(frozen=True)
class Transfer:
    """Mean accuracy on `evaluated_on` after n examples of `trained_on`, less the base's; `stderr` is that of the gain.

    The base and the finetuned model answer the same items. Their noise is added up as if they did not, so that the
    standard error is rather too large than too small.
    """

    curve: str
    trained_on: str
    evaluated_on: str
    n: int
    seeds: int
    base: float
    accuracy: float
    gain: float
    stderr: float


def transfers(points_of: Mapping[str, Sequence[PointRecord]]) -> list[Transfer]:
    """A row for each curve, benchmark it was evaluated on, and n > 0.

    A curve that was evaluated on nothing else, or whose base (n = 0) was not measured, has none.
    """
    rows = []
    for name, points in points_of.items():
        own = points[0].benchmark
        others = {
            metric[len(ALSO) : -len(ACCURACY)]
            for point in points
            for metric in point.metrics
            if metric.startswith(ALSO) and metric.endswith(ACCURACY)
        }
        if not others:
            continue
        metric_of = {other: f"{ALSO}{other}{ACCURACY}" for other in sorted(others)} | {own: "eval/accuracy"}
        for evaluated_on, metric in sorted(metric_of.items()):
            measured = means(points, metric)
            if measured and measured[0].n == 0:
                trained_on = points[0].params.get("train_on", own)
                rows += [_transfer(name, trained_on, evaluated_on, measured[0], mean) for mean in measured[1:]]
    return rows


def _transfer(curve: str, trained_on: str, evaluated_on: str, base: Mean, mean: Mean) -> Transfer:
    return Transfer(
        curve=curve,
        trained_on=trained_on,
        evaluated_on=evaluated_on,
        n=mean.n,
        seeds=mean.seeds,
        base=base.value,
        accuracy=mean.value,
        gain=mean.value - base.value,
        stderr=float(np.hypot(base.stderr, mean.stderr)),
    )
