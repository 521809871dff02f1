"""Which of several curves will be best at some n, and how good such a choice turned out to be."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from src.scaling.curve import Kind


@dataclass(frozen=True)
class Ranked:
    """A curve by its place in the draws, what it is expected to reach, and what choosing it would cost.

    `regret` is by how much the best curve is expected to be better: 0 where there is no doubt. Of losses, the
    expectations are those of ln L: `expected` is the geometric mean, `regret` the share that the best one has less.
    """

    index: int
    expected: float
    probability_best: float
    regret: float


def rank(draws: np.ndarray, kind: Kind) -> list[Ranked]:
    """Curves from joint draws at one n, shape (draws, curves), the best expectation and least regret first."""
    # Column by column in memory, so that means over draws are summed pairwise.
    height = np.asfortranarray(draws if kind == "accuracy" else -np.log(draws))
    best = height.max(axis=1, keepdims=True)
    wins = height == best
    probability = (wins / wins.sum(axis=1, keepdims=True)).mean(axis=0)
    regret, expected = (best - height).mean(axis=0), height.mean(axis=0)
    if kind == "loss":
        regret, expected = -np.expm1(-regret), np.exp(-expected)
    each = enumerate(zip(expected, probability, regret, strict=True))
    return sorted((Ranked(index, *map(float, of)) for index, of in each), key=lambda of: of.regret)


def pearson(predicted: Sequence[float], measured: Sequence[float]) -> float | None:
    """Correlation over curves of forecast and measurement (Lin et al. 2402.02314); None where it says nothing."""
    if len(predicted) < 3 or np.ptp(predicted) == 0 or np.ptp(measured) == 0:
        return None
    return float(np.corrcoef(predicted, measured)[0, 1])


def relative_accuracy(predicted: Sequence[float], measured: Sequence[float], kind: Kind) -> float:
    """What the curve of the best forecast reaches, as a share of what the best one does: 1 where they are the same.

    Of losses the share is the other way round, lowest by chosen, so that it never exceeds 1.
    """
    if kind == "accuracy":
        best = max(measured)
        return measured[int(np.argmax(predicted))] / best if best > 0 else 1.0
    return min(measured) / measured[int(np.argmin(predicted))]
