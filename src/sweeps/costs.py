"""What a point will take, from what like points took."""

import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

import numpy as np

from src.tracking.query import PointRecord

Cost = tuple[tuple[str, ...], int, float]  # (model, benchmark, method, recipe), n_examples, seconds


def costs(records: Sequence[PointRecord]) -> list[Cost]:
    """What complete points took."""
    return [
        (
            (of.model, of.benchmark, of.method, of.recipe),
            of.n_examples,
            math.fsum(value for name, value in of.metrics.items() if name.startswith("time/")),
        )
        for of in records
    ]


def expected_seconds(place: tuple[str, ...], n_examples: int, measured: Sequence[Cost]) -> float | None:
    """By the measured sizes of the same place, else by those of all; None where nothing is measured.

    Between two sizes seconds grow linearly with n; beyond the largest they grow as the straight line through all.
    """
    like = [cost for cost in measured if cost[0] == place] or list(measured)
    by_size: dict[int, list[float]] = defaultdict(list)
    for _, n, seconds in like:
        by_size[n].append(seconds)
    sizes = sorted(by_size)
    if not sizes:
        return None
    means = [fmean(by_size[n]) for n in sizes]
    if n_examples > sizes[-1] and len(sizes) > 1:
        slope, intercept = np.polyfit(sizes, means, 1)
        return max(means[-1], float(slope * n_examples + intercept))
    return float(np.interp(n_examples, sizes, means))


def seconds_left(
    running: Sequence[tuple[tuple[str, ...], int, float]],
    waiting: Sequence[tuple[tuple[str, ...], int]],
    measured: Sequence[Cost],
    at_once: int,
) -> float | None:
    """Until all have ended, `at_once` at a time; `running` with the seconds they have had. None: nothing is known."""
    if not measured:
        return None
    still = [max(0.0, (expected_seconds(place, n, measured) or 0.0) - had) for place, n, had in running]
    ahead = [expected_seconds(place, n, measured) or 0.0 for place, n in waiting]
    return max([sum(still + ahead) / max(1, at_once), *still])
