"""Tonight against earlier nights: every mean and every exponent, with one error rate for all of them together."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from src.scaling.analysis import analyse
from src.scaling.curve import Curve
from src.scaling.laws.law import Law
from src.scaling.noise import difference
from src.study.curves import curve_of
from src.study.exponents import exponents
from src.tracking.query import PointRecord

PointsOf = Mapping[str, Sequence[PointRecord]]  # by the name of the curve
EARLIER = " (earlier)"


@dataclass(frozen=True)
class Comparison:
    """A mean at n, or an exponent (n None), tonight less what it was; `against` says when.

    `p` is the chance of a change as bad if the code is as good as it was: one-sided for a mean, where only worse
    counts, two-sided for an exponent. `alarm`: too small for chance, of all comparisons of the night together.
    """

    curve: str
    metric: str
    what: str
    n: int | None
    against: str
    before: float
    tonight: float
    stderr: float
    p: float
    alarm: bool = False

    @property
    def change(self) -> float:
        return self.tonight - self.before


def together(nights: Sequence[PointsOf]) -> dict[str, list[PointRecord]]:
    """Each point as the mean of its metrics and items over the nights that have it."""
    same: dict[str, dict[tuple[int, int], list[PointRecord]]] = {}
    for night in nights:
        for curve, points in night.items():
            for point in points:
                same.setdefault(curve, {}).setdefault((point.n_examples, point.seed), []).append(point)
    return {curve: [_mean(points) for points in of.values()] for curve, of in same.items()}


def _mean(points: Sequence[PointRecord]) -> PointRecord:
    last = points[-1]
    metrics = {
        name: float(np.mean([point.metrics[name] for point in points]))
        for name in last.metrics
        if all(name in point.metrics for point in points)
    }
    items = {
        name: np.mean([point.items[name] for point in points], axis=0)
        for name in last.items
        if all(name in point.items and point.items[name].shape == last.items[name].shape for point in points)
    }
    return replace(last, metrics=metrics, items=items)


def without_scatter(tonight: PointsOf, before: PointsOf) -> list[str]:
    """The curves of both that have one training set a size on one side: nothing tells their change from chance."""
    return sorted(
        name
        for name in tonight.keys() & before.keys()
        if any(
            max(Counter(p.n_examples for p in of[name] if p.n_examples > 0).values(), default=0) < 2
            for of in (tonight, before)
        )
    )


def compare_means(tonight: PointsOf, before: PointsOf, against: str, metrics: Sequence[str]) -> list[Comparison]:
    """A row for each curve, metric and n that both have; none of the curves `without_scatter`."""
    rows = []
    for name, metric, now, then in _pairs(tonight, before, metrics):
        for n in np.intersect1d(now.sizes, then.sizes):
            at_now, at_then = int(np.searchsorted(now.sizes, n)), int(np.searchsorted(then.sizes, n))
            stderr, freedom = difference(then.noise, at_then, now.noise, at_now)
            values = float(then.means[at_then]), float(now.means[at_now])
            worse = values[1] - values[0] if now.kind == "loss" else values[0] - values[1]
            p = float(student.sf(worse / stderr, freedom)) if stderr > 0 else 1.0 if worse <= 0 else 0.0
            rows.append(Comparison(name, metric, "mean", int(n), against, *values, stderr, p))
    return rows


def compare_exponents(
    tonight: PointsOf,
    before: PointsOf,
    against: str,
    metrics: Sequence[str],
    laws: Sequence[Law],
    replicates: int,
    seed: int,
) -> list[Comparison]:
    """A row for each curve, metric and law whose exponent both nights identify.

    The error is that of the difference of bootstrap replicates, which share their test items and draw training sets for
    each night anew: rather too wide for nights that trained on the same sets.
    """
    if not laws:
        return []
    curves: list[Curve] = []
    points_of: dict[str, Sequence[PointRecord]] = {}
    for name, _, of_tonight, earlier in _pairs(tonight, before, metrics):
        curves += [of_tonight, replace(earlier, name=name + EARLIER)]
        points_of |= {name: tonight[name], name + EARLIER: before[name]}
    found = {
        (row.curve, row.metric, row.law): row
        for row in exponents(analyse(curves, replicates, seed=seed, laws=laws), points_of)
    }
    rows = []
    for (name, metric, law), now in found.items():
        then = found.get((name + EARLIER, metric, law))
        if then is None:
            continue
        stderr = float(np.std(now.replicates - then.replicates))
        apart = abs(now.exponent - then.exponent)
        p = float(2 * norm.sf(apart / stderr)) if stderr > 0 else float(apart == 0)
        what = f"{now.called} of {law}"
        rows.append(Comparison(name, metric, what, None, against, then.exponent, now.exponent, stderr, p))
    return rows


def judged(rows: Sequence[Comparison], level: float) -> list[Comparison]:
    """The rows with their alarms: with probability 1 − level none is false (Holm 1979), however they hang together."""
    alarms = set()
    for place, i in enumerate(sorted(range(len(rows)), key=lambda i: rows[i].p)):
        if math.isnan(rows[i].p) or rows[i].p > level / (len(rows) - place):
            break
        alarms.add(i)
    return [replace(row, alarm=i in alarms) for i, row in enumerate(rows)]


def equal_points(tonight: PointsOf, before: PointsOf, metrics: Sequence[str]) -> tuple[int, int]:
    """How many points have the same metrics to the last bit, and how many both nights have."""
    then = {(curve, p.n_examples, p.seed): p.metrics for curve, points in before.items() for p in points}
    now = {(curve, p.n_examples, p.seed): p.metrics for curve, points in tonight.items() for p in points}
    both = now.keys() & then.keys()
    return sum(all(now[at].get(m) == then[at].get(m) for m in metrics) for at in both), len(both)


def _pairs(tonight: PointsOf, before: PointsOf, metrics: Sequence[str]) -> list[tuple[str, str, Curve, Curve]]:
    pairs = []
    for name in sorted(tonight.keys() & before.keys()):
        for metric in metrics:
            if not all(any(metric in point.metrics for point in of[name]) for of in (tonight, before)):
                continue
            now, then = curve_of(name, tonight[name], metric), curve_of(name, before[name], metric)
            if now.noise.knows_seeds and then.noise.knows_seeds:
                pairs.append((name, metric, now, then))
    return pairs
