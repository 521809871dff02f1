"""Joint draws of several curves far ahead of what was measured, and what they answer for each curve.

Examples needed for a target, what the next doubling brings, where to measure next.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from src.errors import FathomError
from src.scaling.curve import Curve
from src.scaling.pooled_forecast import drawer, usable

NINETY = (0.05, 0.95)
# How far beyond a curve's largest n a target is looked for, and at how many sizes from the smallest n on.
FARTHEST = 1000
STEPS = 64
KEPT = 64  # curves whose draws are kept


@dataclass(frozen=True)
class ExamplesNeeded:
    """The n at which a curve reaches a target: the median over draws, and the ends of the 90 % interval.

    None is a quantile of the draws that do not reach it between the sizes `nearest` and `farthest`; `reachable` is the
    share of draws that do. An n equal to `nearest` was perhaps reached before.
    """

    target: float
    nearest: int
    farthest: int
    reachable: float
    n: float | None
    low: float | None
    high: float | None

    def __str__(self) -> str:
        """Never a number where fewer than half of the draws reach the target."""
        if self.n is None:
            return f"not reachable under this law ({self.reachable:.0%} by {self.farthest:,})"
        if self.high == self.nearest:
            return self._shown(self.high)
        return f"{self._shown(self.n)} [{self._shown(self.low)}, {self._shown(self.high)}]"

    def _shown(self, n: float | None) -> str:
        """To two digits: an n that is forecast has no more."""
        if n is None:
            return "…"
        return f"≤ {n:,.0f}" if n == self.nearest else f"{float(f'{n:.2g}'):,.0f}"


@dataclass(frozen=True)
class Gain:
    """By how much the metric changes with a doubling of n; a loss that improves has a negative one."""

    n: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Candidate:
    """An n that could be measured: the standard deviation of the forecast as it is and as it would become.

    Of an accuracy, or of ln L, where a loss's draws are near to normal: a share of the loss.
    """

    n: int
    now: float
    after: float

    @property
    def narrowing_per_example(self) -> float:
        """The variance taken away, by the examples it takes: the cost of training is proportional to n."""
        return (self.now**2 - self.after**2) / self.n


@dataclass(frozen=True, eq=False)
class JointDraws:
    """Curves, cut to what was looked at, with draws of their metric, each at `sizes` of its own (ascending).

    `drawn` gives those of a curve by its place, shape (draws, sizes): made when asked for, since those of many curves
    do not fit in memory. Draws of different curves belong together one by one.
    """

    curves: list[Curve]
    sizes: list[np.ndarray]
    drawn: Callable[[int], np.ndarray]

    def at(self, n: int) -> np.ndarray:
        """Draws of every curve at an n that was asked for, shape (draws, curves)."""
        return np.stack([self.of(curve, n) for curve in range(len(self.curves))], axis=1)

    def of(self, curve: int, n: int) -> np.ndarray:
        """Those of one curve, shape (draws,)."""
        return self._of(curve, np.array([n]))[:, 0]

    def examples_needed(self, curve: int, target: float) -> ExamplesNeeded:
        """Where the curve's draws first reach the target, interpolated over ln n in each draw.

        From its smallest n to `FARTHEST` times its largest. An accuracy reaches it from below, a loss from above.
        """
        own = self.curves[curve]
        sizes = self.sizes[curve]
        sizes = sizes[(sizes >= own.sizes[0]) & (sizes <= FARTHEST * own.sizes[-1])]
        drawn = self._of(curve, sizes)
        short = target - drawn if own.kind == "accuracy" else drawn - target
        reached = short <= 0
        first = reached.argmax(axis=1)
        rows, before = np.arange(len(drawn)), np.maximum(first - 1, 0)
        gap = short[rows, before] - short[rows, first]
        share = np.divide(short[rows, before], gap, out=np.ones(len(drawn)), where=gap > 0)
        logs = np.log(sizes)
        crossing = np.where(first > 0, np.exp(logs[before] + share * (logs[first] - logs[before])), sizes[0])
        needed = np.where(reached.any(axis=1), crossing, np.inf)
        # A quantile that is one of the draws' own n: nothing lies between a number and never.
        middle, low, high = np.quantile(needed, [0.5, *NINETY], method="inverted_cdf")
        ends = (float(n) if math.isfinite(n) else None for n in (middle, low, high))
        return ExamplesNeeded(target, int(sizes[0]), int(sizes[-1]), float(reached.any(axis=1).mean()), *ends)

    def next_gain(self, curve: int) -> Gain:
        """What the doubling of the curve's largest n brings: median and 90 % interval."""
        sizes = _doublings(self.curves[curve], 2)
        per_doubling = np.diff(self._of(curve, np.array(sizes)), axis=1) / np.diff(np.log2(sizes))
        middle, low, high = np.quantile(per_doubling, [0.5, *NINETY])
        return Gain(sizes[0], float(middle), float(low), float(high))

    def candidates(self, curve: int, target: int) -> list[Candidate]:
        """What one run at the curve's largest n, twice it, and so on would do to the forecast at `target` beyond."""
        own = self.curves[curve]
        sizes = [n for n in _doublings(own, target / own.sizes[-1]) if n < target]
        noise = noise_of_a_run(own, self.of(curve, int(own.sizes[-1])))
        ahead, there = self._of(curve, np.array(sizes, dtype=int)), self.of(curve, target)
        if own.kind == "loss":
            ahead, there = np.log(ahead), np.log(there)
        return candidates(ahead, sizes, there, noise)

    def _of(self, curve: int, sizes: np.ndarray) -> np.ndarray:
        return self.drawn(curve)[:, np.searchsorted(self.sizes[curve], sizes)]


def draw_jointly(curves: Sequence[Curve], at: Sequence[int], fit_up_to: float = math.inf, seed: int = 0) -> JointDraws:
    """Draw the curves together, from their sizes up to `fit_up_to`, at the sizes `at` and at those the answers need.

    A curve without a size n ≥ 1 up to there is left out; raises FathomError where that leaves none.
    """
    used = [of for curve in curves if (of := usable(curve, fit_up_to))]
    if not used:
        raise FathomError(f"{curves[0].name}: nothing was measured at 1 ≤ n ≤ {fit_up_to:,}, nor on any other curve")
    sizes = [_sizes(curve, at) for curve in used]
    draw = drawer(used, seed=seed)
    return JointDraws(used, sizes, lru_cache(KEPT)(lambda curve: draw(curve, sizes[curve].tolist())))


def _sizes(curve: Curve, at: Sequence[int]) -> np.ndarray:
    """What the answers for a curve need, beside the sizes that are asked for: its own, far ahead, and doublings."""
    own = [int(n) for n in curve.sizes]
    far = {round(n) for n in np.geomspace(own[0], FARTHEST * own[-1], STEPS)}
    ahead = _doublings(curve, max(2, max(at) / own[-1]))
    return np.array(sorted({*own, *far, FARTHEST * own[-1], *ahead, *map(int, at)}))


def _doublings(curve: Curve, times: float) -> list[int]:
    """The largest n, twice it, and so on up to so many times it."""
    largest = int(curve.sizes[-1])
    return [largest * 2**k for k in range(math.floor(math.log2(times)) + 1)] if times >= 1 else []


def candidates(draws: np.ndarray, sizes: Sequence[int], at_target: np.ndarray, noise: float) -> list[Candidate]:
    """What measuring at each size would do to the forecast: draws (draws, sizes), of the target's n (draws,).

    As for jointly normal draws, a measurement with standard error `noise` takes cov(target, n)² / (var(n) + noise²)
    from the target's variance, whatever it finds. Losses are given as ln L, with the noise of that.
    """
    away, target_away = draws - draws.mean(axis=0), at_target - at_target.mean()
    covariance = target_away @ away / len(draws)
    variance, now = (away**2).mean(axis=0), float((target_away**2).mean())
    measured = variance + noise**2
    taken = np.divide(covariance**2, measured, out=np.zeros(len(variance)), where=measured > 0)
    after = np.sqrt(np.maximum(now - taken, 0))
    return [Candidate(int(n), math.sqrt(now), float(left)) for n, left in zip(sizes, after, strict=True)]


def next_n(of: Sequence[Candidate]) -> Candidate:
    """The candidate that narrows the forecast most for each example that it is trained on."""
    return max(of, key=lambda one: one.narrowing_per_example)


def noise_of_a_run(curve: Curve, draws: np.ndarray) -> float:
    """The standard error of one more run's accuracy or ln L, as known of a single seed at the curve's largest n.

    It is no less than the doubt that is left at that n, the spread of the `draws` there, shape (draws,): another run
    cannot tell more than those that were made.
    """
    left = float((draws if curve.kind == "accuracy" else np.log(draws)).std())
    known = math.sqrt(curve.noise.between[-1] + curve.noise.over_items[-1, -1])
    return max(left, known if curve.kind == "accuracy" else known / float(curve.means[-1]))
