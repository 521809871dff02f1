"""Curves side by side: every mean with its interval, and what changes between curves that differ in one thing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from src.study.curves import ALONG, GENERATION, NAME
from src.study.means import Mean, means, z_of
from src.tracking.query import PointRecord

STDERR = "_stderr"


@dataclass(frozen=True)
class MeasuredMean:
    """A metric of a curve at one n: the mean over seeds with its interval."""

    curve: str
    metric: str
    n: int
    seeds: int
    mean: float
    stderr: float
    low: float
    high: float


@dataclass(frozen=True)
class CurvePair:
    """Two curves that differ in `factor` alone, a param or a named config with all its params; values as logged."""

    factor: str
    value_a: str
    value_b: str
    curve_a: str
    curve_b: str


@dataclass(frozen=True)
class Difference:
    """`b` less `a` of a metric at an n that both curves have. The two are taken to be independent."""

    factor: str
    value_a: str
    value_b: str
    curve_a: str
    curve_b: str
    metric: str
    n: int
    difference: float
    stderr: float
    low: float
    high: float


def measured_means(points_of: Mapping[str, Sequence[PointRecord]], confidence: float) -> list[MeasuredMean]:
    """A row for each curve, n and metric under `eval/` that was logged with a standard error."""
    return [
        MeasuredMean(name, metric, mean.n, mean.seeds, mean.value, mean.stderr, *mean.interval(confidence))
        for name, points in points_of.items()
        for metric in _metrics(points)
        for mean in means(points, metric)
    ]


def pairs(points_of: Mapping[str, Sequence[PointRecord]]) -> list[CurvePair]:
    """All pairs of curves on one benchmark and model that differ in one thing."""
    groups: dict[tuple[str, str], dict[str, dict[str, str]]] = {}
    for name, points in points_of.items():
        fixed = {k: v for k, v in points[0].params.items() if k not in ALONG and k not in GENERATION}
        groups.setdefault((points[0].model, points[0].benchmark), {})[name] = fixed
    found = []
    for curves in groups.values():
        for (a, params_a), (b, params_b) in combinations(curves.items(), 2):
            factors = _factors(params_a, params_b)
            if len(factors) == 1:
                (factor,) = factors
                found.append(CurvePair(factor, params_a.get(factor, "–"), params_b.get(factor, "–"), a, b))
    return found


def differences(
    points_of: Mapping[str, Sequence[PointRecord]], of: Sequence[CurvePair], confidence: float
) -> list[Difference]:
    """A row for each pair, metric and n that both curves have."""
    known: dict[tuple[str, str], dict[int, Mean]] = {}
    metrics_of = {name: _metrics(points) for name, points in points_of.items()}

    def by_n(name: str, metric: str) -> dict[int, Mean]:
        if (name, metric) not in known:
            known[name, metric] = {mean.n: mean for mean in means(points_of[name], metric)}
        return known[name, metric]

    rows = []
    for pair in of:
        for metric in metrics_of[pair.curve_a]:
            if metric not in metrics_of[pair.curve_b]:
                continue
            a, b = by_n(pair.curve_a, metric), by_n(pair.curve_b, metric)
            for n in sorted(a.keys() & b.keys()):
                difference, stderr = b[n].value - a[n].value, float(np.hypot(a[n].stderr, b[n].stderr))
                half = z_of(confidence) * stderr
                ends = (difference - half, difference + half)
                rows.append(Difference(**vars(pair), metric=metric, n=n, difference=difference, stderr=stderr,
                                       low=ends[0], high=ends[1]))  # fmt: skip
    return rows


def _metrics(points: Sequence[PointRecord]) -> list[str]:
    """The metrics under `eval/` that were logged with a standard error."""
    logged = {metric for point in points for metric in point.metrics if metric.startswith("eval/")}
    return sorted(metric for metric in logged if metric + STDERR in logged)


def _factors(a: Mapping[str, str], b: Mapping[str, str]) -> set[str]:
    """What differs: params, with those of a named config (`recipe.lr`) counted as its name's where that differs too."""
    differing = {key for key in a.keys() | b.keys() if a.get(key) != b.get(key)}
    return {key.split(".")[0] if key.split(".")[0] in differing.intersection(NAME) else key for key in differing}
