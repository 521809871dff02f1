"""Curves side by side: every mean with its interval, and what changes between curves that differ in one thing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np

from src.scaling.curve import Curve
from src.scaling.noise import difference, interval
from src.study.curves import NAME, curve_of, params_of_curve
from src.tracking.query import PointRecord


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
class Difference(CurvePair):
    """`b` less `a` of a metric at an n that both curves have; paired where both were measured on the same items."""

    metric: str
    n: int
    difference: float
    stderr: float
    low: float
    high: float


def measured_means(points_of: Mapping[str, Sequence[PointRecord]], confidence: float) -> list[MeasuredMean]:
    """A row for each curve, n and metric under `eval/` that was logged with a standard error."""
    rows = []
    for name, points in points_of.items():
        for metric in sorted(_metrics(points)):
            curve = curve_of(name, points, metric)
            for place, (n, mean, seeds) in enumerate(zip(curve.sizes, curve.means, curve.seeds, strict=True)):
                stderr, freedom = curve.noise.at(place)
                ends = interval(mean, stderr, freedom, confidence, curve.kind)
                rows.append(MeasuredMean(name, metric, int(n), int(seeds), float(mean), stderr, *ends))
    return rows


def pairs(points_of: Mapping[str, Sequence[PointRecord]]) -> list[CurvePair]:
    """All pairs of curves on one benchmark and model that differ in one thing."""
    groups: dict[tuple[str, str], dict[str, dict[str, str]]] = {}
    for name, points in points_of.items():
        groups.setdefault((points[0].model, points[0].benchmark), {})[name] = dict(params_of_curve(points[0]))
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
    metrics_of = {name: _metrics(points) for name, points in points_of.items()}

    @cache
    def curve(name: str, metric: str) -> Curve:
        return curve_of(name, points_of[name], metric)

    rows = []
    for pair in of:
        for metric in sorted(metrics_of[pair.curve_a] & metrics_of[pair.curve_b]):
            a, b = curve(pair.curve_a, metric), curve(pair.curve_b, metric)
            for n in np.intersect1d(a.sizes, b.sizes):
                at_a, at_b = np.searchsorted(a.sizes, n), np.searchsorted(b.sizes, n)
                apart = float(b.means[at_b] - a.means[at_a])
                stderr, freedom = difference(a.noise, int(at_a), b.noise, int(at_b))
                ends = interval(apart, stderr, freedom, confidence, "difference")
                rows.append(Difference(**vars(pair), metric=metric, n=int(n), difference=apart, stderr=stderr,
                                       low=ends[0], high=ends[1]))  # fmt: skip
    return rows


def _metrics(points: Sequence[PointRecord]) -> set[str]:
    """The metrics under `eval/` that were logged with a standard error."""
    logged = {metric for point in points for metric in point.metrics if metric.startswith("eval/")}
    return {metric for metric in logged if f"{metric}_stderr" in logged}


def _factors(a: Mapping[str, str], b: Mapping[str, str]) -> set[str]:
    """What differs: params, with those of a named config (`recipe.lr`) counted as its name's where that differs too."""
    differing = {key for key in a.keys() | b.keys() if a.get(key) != b.get(key)}
    return {key.split(".")[0] if key.split(".")[0] in differing.intersection(NAME) else key for key in differing}
