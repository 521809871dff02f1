"""The exponents of a study's laws: against the size of the model, and how they move between curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from src.scaling.analysis import StudyAnalysis
from src.scaling.fit import unidentified
from src.study.comparison import CurvePair
from src.study.model_sizes import ALL, model_size
from src.tracking.query import PointRecord


@dataclass(frozen=True, eq=False)
class Exponent:
    """A law's exponent of n on one curve, by the name it is `called`; `size` is the model's number of weights.

    `replicates` are those of the bootstrap.
    """

    curve: str
    metric: str
    law: str
    called: str
    model: str
    size: float | None
    exponent: float
    low: float
    high: float
    replicates: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class ExponentDifference(CurvePair):
    """The exponent of `b` less that of `a`, for two curves that differ in `factor` alone; `moved`: 0 lies outside."""

    metric: str
    law: str
    difference: float
    low: float
    high: float
    moved: bool


def exponents(analysis: StudyAnalysis, points_of: Mapping[str, Sequence[PointRecord]]) -> list[Exponent]:
    """A row for each curve, metric and fitted law that has an exponent which the curve identifies; and for all models
    together where a law over sizes was fitted to them."""
    rows = []
    for curve in analysis.curves:
        point = points_of[curve.curve.name][0]
        for result in curve.laws:
            law, its = result.law, result.law.exponent
            if result.bootstrap is None or its is None or its.parameter in result.unidentified:
                continue
            replicates = law.exponent_of(result.bootstrap.parameters)
            low, high = _interval(replicates, analysis.confidence)
            value = float(law.exponent_of(result.bootstrap.fit.parameters))
            where = curve.curve.name, curve.curve.metric, law.name, its.called
            rows.append(Exponent(*where, point.model, model_size(point), value, low, high, replicates))
    for over in analysis.joint:
        law, its = over.law, over.law.exponent
        if over.made is None or its is None:
            continue
        if its.parameter in unidentified(over.made.fit, over.made.intervals(analysis.confidence)):
            continue
        replicates = law.exponent_of(over.made.replicates)
        where = over.on.name, over.on.curves[0].metric, law.name, its.called
        value = float(law.exponent_of(over.made.fit.parameters))
        rows.append(Exponent(*where, ALL, None, value, *_interval(replicates, analysis.confidence), replicates))
    return rows


def exponent_differences(
    rows: Sequence[Exponent], pairs: Sequence[CurvePair], confidence: float
) -> list[ExponentDifference]:
    """A row for each pair, metric and law that both curves have, from their replicates: these share their items."""
    of: dict[str, dict[tuple[str, str], Exponent]] = {}
    for row in rows:
        of.setdefault(row.curve, {})[row.metric, row.law] = row
    found = []
    for pair in pairs:
        a, b = of.get(pair.curve_a, {}), of.get(pair.curve_b, {})
        for metric, law in sorted(a.keys() & b.keys()):
            left, right = a[metric, law], b[metric, law]
            # A replicate draws the same test items for all curves, and training sets for each of its own.
            low, high = _interval(right.replicates - left.replicates, confidence)
            difference = right.exponent - left.exponent
            found.append(ExponentDifference(**vars(pair), metric=metric, law=law, difference=difference,
                                            low=low, high=high, moved=not low <= 0 <= high))  # fmt: skip
    return found


def _interval(replicates: np.ndarray, confidence: float) -> tuple[float, float]:
    tail = (1 - confidence) / 2
    low, high = np.quantile(replicates, [tail, 1 - tail])
    return float(low), float(high)
