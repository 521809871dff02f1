"""Which size of model, given the examples that there are and the compute for training on them.

Training a model of N weights on n examples costs 6·N·n·t floating-point operations, t the tokens that it is trained on
for each example, over all epochs (Kaplan et al. 2020, arXiv 2001.08361: 2 per weight and token forward, 4 backward).
Within a budget of C, a size can afford min(n, C / (6·N·t)) examples. Sizes below C / (6·n·t) can afford all: the law
improves with N up to there. From there on N·n is fixed, and the best of these sizes is `Law.best_size`, of the additive
law G·(C/6t)^(β/(α+β)) with G = (αA/βB)^(1/(α+β)) (Hoffmann et al. 2022, arXiv 2203.15556, eq. 4). The larger of the two
is the best of all sizes.
"""

import math
from dataclasses import dataclass

import numpy as np

from src.errors import FathomError
from src.scaling.joint import JointAnalysis, JointFit
from src.scaling.joint_draws import NINETY
from src.scaling.ranking import rank


@dataclass(frozen=True)
class Budget:
    """`examples` at most, and `flops` for training on them, None where compute is no matter."""

    examples: int
    flops: float | None = None
    tokens_per_example: float = 1.0

    def affords(self, sizes: np.ndarray) -> np.ndarray:
        """The most examples that models of these sizes can be trained on, shape (sizes,), perhaps below 1."""
        if self.flops is None:
            return np.full(len(sizes), float(self.examples))
        return np.minimum(self.examples, self.product / sizes)

    @property
    def product(self) -> float:
        """Size × examples that the compute pays for."""
        return math.inf if self.flops is None else self.flops / (6 * self.tokens_per_example)


@dataclass(frozen=True)
class SizeForecast:
    """What a size gives within a budget, trained on `n` examples: the loss of a new measurement.

    `regret` is the share of the loss that the best of the measured sizes is expected to have less.
    """

    size: float
    n: float
    value: float
    interval_90: tuple[float, float]
    probability_best: float
    regret: float


@dataclass(frozen=True)
class Optimum:
    """The best of all sizes, with its interval (None at an end that is open), and what it gives."""

    size: float
    size_90: tuple[float | None, float | None]
    n: float
    value: float
    interval_90: tuple[float, float]
    measured: bool

    def __str__(self) -> str:
        low, high = ("…" if end is None else f"{end:.2g}" for end in self.size_90)
        beyond = "" if self.measured else ", outside the sizes measured"
        return f"{self.size:.3g} [{low}, {high}]{beyond}"


@dataclass(frozen=True)
class BestSize:
    """By law and budget, each measured size, the best first. `optimum` is None where the law gives no end to size."""

    name: str
    law: str
    budget: Budget
    sizes: tuple[SizeForecast, ...]
    optimum: Optimum | None

    def __str__(self) -> str:
        best, spent = self.sizes[0], "" if self.budget.flops is None else f" and {self.budget.flops:g} FLOPs"
        low, high = best.interval_90
        said = (
            f"{self.name}, {self.law}: with {self.budget.examples:,} examples{spent}, size {best.size:.4g} is the best "
            f"of {len(self.sizes)} ({best.probability_best:.0%}): {best.value:.4g} [{low:.4g}, {high:.4g}] at n = "
            f"{best.n:,.0f}"
        )
        if self.optimum is None:
            return said
        low, high = self.optimum.interval_90
        return f"{said}; of all sizes {self.optimum}: {self.optimum.value:.4g} [{low:.4g}, {high:.4g}]"


def best_size(of: JointAnalysis, budget: Budget) -> BestSize:
    """Raises FathomError where the budget pays for less than one example at every measured size."""
    assert of.made is not None
    measured = of.made.measured_sizes
    affords = budget.affords(measured)
    sizes, n = measured[affords >= 1], affords[affords >= 1]
    if not len(sizes):
        raise FathomError(
            f"flops: {budget.flops:g} pay for less than one example of {budget.tokens_per_example:g} tokens at every "
            f"measured size (6 × size × tokens; the smallest has {measured[0]:g} weights)"
        )
    at = np.stack([n, sizes])
    ends, values = _ends(of, at), of.made.fit.predict(at)
    forecasts = tuple(
        SizeForecast(float(sizes[k]), float(n[k]), float(values[k]), ends[k], place.probability_best, place.regret)
        for place in rank(of.made.draws(at, of.widening), "loss")
        for k in [place.index]
    )
    return BestSize(of.on.name, of.law.name, budget, forecasts, _optimum(of, of.made, budget))


def _optimum(of: JointAnalysis, made: JointFit, budget: Budget) -> Optimum | None:
    assert of.law.best_size is not None
    if budget.flops is None:
        return None
    cheap = budget.product / budget.examples
    with np.errstate(over="ignore"):
        size = float(np.maximum(cheap, of.law.best_size(budget.product, *made.fit.parameters)))
        if not math.isfinite(size):
            return None
        drawn = np.maximum(cheap, of.law.best_size(budget.product, *made.replicates.T))
        drawn = size * (drawn / size) ** of.widening
    # A quantile that is one of the draws' own: nothing lies between a number and infinity.
    low, high = np.quantile(drawn, NINETY, method="inverted_cdf")
    at = np.stack([budget.affords(np.array([size])), [size]])
    around = tuple(float(end) if math.isfinite(end) else None for end in (low, high))
    within = bool(made.measured_sizes[0] <= size <= made.measured_sizes[-1])
    value = float(made.fit.predict(at)[0])
    return Optimum(size, (around[0], around[1]), float(at[0, 0]), value, _ends(of, at)[0], within)


def _ends(of: JointAnalysis, at: np.ndarray) -> list[tuple[float, float]]:
    assert of.made is not None
    low, high = np.quantile(of.made.measured(at, of.widening), NINETY, axis=0)
    return list(zip(low.tolist(), high.tolist(), strict=True))
