"""What finetuning on one task does to the others: accuracy gained or lost against the base, over n."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from src.scaling.curve import Curve
from src.scaling.noise import difference
from src.study.curves import curve_of
from src.tracking.query import PointRecord

ALSO, ACCURACY = "also/", "/accuracy"


@dataclass(frozen=True)
class Transfer:
    """Mean accuracy on `evaluated_on` after n examples of `trained_on`, less the base's; `stderr` is that of the gain.

    The base and the finetuned model answer the same items: what these share takes nothing from the gain.
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
            curve = curve_of(name, points, metric)
            if curve.sizes[0] == 0:
                trained_on = points[0].params.get("train_on", own)
                rows += [_transfer(curve, trained_on, evaluated_on, place) for place in range(1, len(curve.sizes))]
    return rows


def _transfer(curve: Curve, trained_on: str, evaluated_on: str, place: int) -> Transfer:
    stderr, _ = difference(curve.noise, 0, curve.noise, place)
    return Transfer(
        curve=curve.name,
        trained_on=trained_on,
        evaluated_on=evaluated_on,
        n=int(curve.sizes[place]),
        seeds=int(curve.seeds[place]),
        base=float(curve.means[0]),
        accuracy=float(curve.means[place]),
        gain=float(curve.means[place] - curve.means[0]),
        stderr=stderr,
    )
