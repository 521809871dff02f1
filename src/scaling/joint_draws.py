"""Joint draws of several curves far ahead of what was measured, and what they answer for each curve."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from src.errors import FathomError
from src.scaling.answers import (
    Candidate,
    ExamplesNeeded,
    Gain,
    candidates,
    examples_needed,
    marginal_gain,
    noise_of_a_run,
)
from src.scaling.curve import Curve
from src.scaling.pooled_forecast import draws

# How far beyond a curve's largest n a target is looked for, and at how many sizes from the smallest n on.
FARTHEST = 1000
STEPS = 64


@dataclass(frozen=True, eq=False)
class JointDraws:
    """Curves, cut to what was looked at, with draws of their metric at `sizes` (ascending): (draws, curves, sizes)."""

    curves: list[Curve]
    sizes: np.ndarray
    draws: np.ndarray

    def at(self, n: int) -> np.ndarray:
        """Draws of every curve at an n that was asked for, shape (draws, curves)."""
        return self.draws[:, :, np.searchsorted(self.sizes, n)]

    def examples_needed(self, curve: int, target: float) -> ExamplesNeeded:
        """From the curve's smallest n to `FARTHEST` times its largest."""
        own = self.curves[curve]
        looked_at = self.sizes[(self.sizes >= own.sizes[0]) & (self.sizes <= FARTHEST * own.sizes[-1])]
        return examples_needed(self._of(curve, looked_at), looked_at.tolist(), target, own.kind)

    def next_gain(self, curve: int) -> Gain:
        """What the doubling of the curve's largest n brings."""
        sizes = _doublings(self.curves[curve], 2)
        return marginal_gain(self._of(curve, np.array(sizes)), sizes)[0]

    def candidates(self, curve: int, target: int) -> list[Candidate]:
        """What one run at the curve's largest n, twice it, and so on would do to the forecast at `target` beyond."""
        own = self.curves[curve]
        sizes = [n for n in _doublings(own, target / own.sizes[-1]) if n < target]
        noise = noise_of_a_run(own, self.at(int(own.sizes[-1]))[:, curve])
        ahead, there = self._of(curve, np.array(sizes, dtype=int)), self.at(target)[:, curve]
        if own.kind == "loss":
            ahead, there = np.log(ahead), np.log(there)
        return candidates(ahead, sizes, there, noise)

    def _of(self, curve: int, sizes: np.ndarray) -> np.ndarray:
        return self.draws[:, curve, np.searchsorted(self.sizes, sizes)]


def draw_jointly(curves: Sequence[Curve], at: Sequence[int], fit_up_to: float = math.inf, seed: int = 0) -> JointDraws:
    """Draw the curves together, from their sizes up to `fit_up_to`, at the sizes `at` and at those the answers need.

    A curve without a size n ≥ 1 up to there is left out; raises FathomError where that leaves none.
    """
    used = [curve.between(1, fit_up_to) for curve in curves if ((curve.sizes >= 1) & (curve.sizes <= fit_up_to)).any()]
    if not used:
        raise FathomError(f"{curves[0].name}: nothing was measured at 1 ≤ n ≤ {fit_up_to:,}, nor on any other curve")
    sizes = {int(n) for curve in used for n in curve.sizes}
    far = {round(n) for n in np.geomspace(min(sizes), FARTHEST * max(sizes), STEPS)}
    ends = {FARTHEST * int(curve.sizes[-1]) for curve in used}
    ahead = {n for curve in used for n in _doublings(curve, max(2, max(at) / curve.sizes[-1]))}
    grid = sorted(sizes | far | ends | ahead | {int(n) for n in at})
    return JointDraws(used, np.array(grid), draws(used, grid, seed=seed))


def _doublings(curve: Curve, times: float) -> list[int]:
    """The largest n, twice it, and so on up to so many times it."""
    largest = int(curve.sizes[-1])
    return [largest * 2**k for k in range(math.floor(math.log2(times)) + 1)] if times >= 1 else []
