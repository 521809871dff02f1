"""Means over the seeds of a curve's points, with their standard errors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from src.tracking.query import PointRecord

SHARES = ("accuracy", "_error_rate")


@dataclass(frozen=True)
class Mean:
    """The mean over the seeds at one n."""

    n: int
    seeds: int
    value: float
    stderr: float

    def interval(self, confidence: float) -> tuple[float, float]:
        half = z_of(confidence) * self.stderr
        return self.value - half, self.value + half


def z_of(confidence: float) -> float:
    """Half the width, in standard errors, of a two-sided normal interval."""
    return float(norm.ppf((1 + confidence) / 2))


def means(points: Sequence[PointRecord], metric: str) -> list[Mean]:
    """The means of a metric at each n that has it, ascending in n.

    The variance of a mean is that between seeds, pooled over the sizes above 0 and divided by the seeds, plus that of
    the choice of test items, which all seeds share and no further seed averages out. No seed moves the base (n = 0).
    Part of the items' noise is in both, so that the standard error is rather too large than too small.
    """
    values: dict[int, list[float]] = {}
    over_items: dict[int, list[float]] = {}
    for point in points:
        if metric in point.metrics:
            values.setdefault(point.n_examples, []).append(point.metrics[metric])
            over_items.setdefault(point.n_examples, []).append(item_stderr(point, metric) or 0.0)
    freedom = sum(len(v) - 1 for n, v in values.items() if n > 0)
    spread = sum(float(np.var(v)) * len(v) for n, v in values.items() if n > 0)
    between = spread / freedom if freedom else 0.0
    return [
        Mean(
            n=n,
            seeds=len(v),
            value=float(np.mean(v)),
            stderr=float(np.hypot(np.sqrt(between / len(v)) if n > 0 else 0.0, np.mean(over_items[n]))),
        )
        for n, v in sorted(values.items())
    ]


def item_stderr(point: PointRecord, metric: str) -> float | None:
    """The standard error over test items: as logged, or binomial for a share of the items; None where not known."""
    logged = point.metrics.get(f"{metric}_stderr")
    if logged is not None or not metric.endswith(SHARES):
        return logged
    share, items = point.metrics[metric], point.metrics.get(f"{metric.rpartition('/')[0]}/n_items", np.inf)
    return float(np.sqrt(max(0.0, share * (1 - share)) / items))
