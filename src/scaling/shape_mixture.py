"""Several shapes fitted to a study, weighed by how probable each makes its points, and checked on its largest sizes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from src.scaling.laws.shape import Shape
from src.scaling.pooled import Observations, Pooled, pool

CHECK_DRAWS = 400


@dataclass(frozen=True, eq=False)
class Mixture:
    """The shapes' fits with weights that sum to 1 (Bayesian model averaging over the whole study)."""

    members: tuple[Pooled, ...]
    weights: np.ndarray

    @property
    def likeliest(self) -> Pooled:
        """The fit of the largest weight."""
        return self.members[int(self.weights.argmax())]

    def draws(self, n: np.ndarray, count: int, seed: int, noise: bool = True) -> np.ndarray:
        """Draws of the latent value: as `Pooled.draws`, each member giving its share."""
        shares = np.diff(np.round(np.cumsum([0, *self.weights]) * count)).astype(int)
        chosen = zip(self.members, shares, strict=True)
        return np.concatenate([member.draws(n, share, seed, noise) for member, share in chosen if share])


def mix(points: Observations, shapes: Sequence[Shape]) -> Mixture:
    """Fit every shape and weigh it by its evidence and prior."""
    members = tuple(pool(points, shape) for shape in shapes)
    evidence = np.array([member.evidence + np.log(member.shape.latent.prior) for member in members])
    weights = np.exp(evidence - evidence.max())
    return Mixture(members, weights / weights.sum())


def widening(points: Observations, shapes: Sequence[Shape]) -> float:
    """By how much the intervals were too narrow where that can be seen, at least 1.

    The largest third of each curve's sizes is forecast from the rest; the answer is the root mean square of the errors
    in standard deviations of their forecasts. 1 where no curve has the four sizes that this needs.
    """
    counts = points.measured.sum(1)
    kept = counts - np.where(counts >= 4, counts // 3, 0)
    held = points.measured & (np.arange(points.x.shape[1]) >= kept[:, None])
    if not held.any():
        return 1.0
    draws = mix(points.without(held), shapes).draws(np.exp(points.x), CHECK_DRAWS, seed=0)
    middle = np.median(draws, axis=0)
    seen = points.about(middle)
    off = (seen.y - middle) / np.sqrt(draws.var(axis=0) + seen.variance)
    return max(1.0, float(np.sqrt((off[held] ** 2).mean())))
