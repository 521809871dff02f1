"""Accuracies on an unbounded scale, the logit of what lies above chance, so that no law leaves [chance, 1].

A measured accuracy is normal about the law's with the variance of its test items, p(1 − p)/items, and of its seeds.
Near 0 and 1 the logit of a measured value tells little, and of 0 or 1 nothing. So it is not the logit that is fitted,
but the working response of a generalised linear model (McCullagh and Nelder 1989, 2.5), taken anew in every round.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit, logit

from src.scaling.curve import Curve
from src.scaling.pooled import PADDING, Observations, padded

UNSTATED_ITEMS = 1000  # a test of this size where neither its size nor an error is known
CURVES_OWN = 4  # degrees of freedom that the study's noise between seeds counts for beside those of one size
EDGE = 0.005  # where the logit of a measured value is cut before the first round
FARTHEST = 2.0  # by how much a response may differ from the latent value it is taken about


@dataclass(frozen=True, eq=False)
class Accuracies(Observations):
    """Accuracies about a latent value; `y` and `variance` are their working responses.

    `value`, `items` (inf: no noise of items) and `known`, the variance of a value by its seeds, have shape
    (curves, points), `chance` and `between`, the variance between seeds on the logit scale, shape (curves,).
    """

    value: np.ndarray
    items: np.ndarray
    known: np.ndarray
    chance: np.ndarray
    between: np.ndarray

    @property
    def scales(self) -> tuple[float, float]:
        # Where seeds tell the noise between runs, little is left that is not smooth in n.
        return 0.1, 0.03 if (self.between > 0).all() else 0.15

    def about(self, latent: np.ndarray) -> "Accuracies":
        mean, slope = self._mean(latent), self._slope(latent)
        variance = self.known + item_variance(mean, self.items)
        response = latent + np.clip((self.value - mean) / slope, -FARTHEST, FARTHEST)
        working = np.where(self.measured, np.minimum(variance / slope**2, PADDING / 100), PADDING)
        return replace(self, y=response, variance=working)

    def metric(self, latent: np.ndarray) -> np.ndarray:
        return self._mean(latent)

    def with_noise(self, latent: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        first = latent + np.sqrt(self.between)[:, None] * rng.standard_normal(latent.shape)
        mean = self._mean(first)
        noisy = mean + np.sqrt(item_variance(mean, self.items[:, :1])) * rng.standard_normal(latent.shape)
        return np.clip(noisy, 0, 1)

    def _mean(self, latent: np.ndarray) -> np.ndarray:
        return self.chance[:, None] + (1 - self.chance[:, None]) * expit(latent)

    def _slope(self, latent: np.ndarray) -> np.ndarray:
        p = expit(np.clip(latent, -12, 12))
        return (1 - self.chance[:, None]) * p * (1 - p)


def item_variance(mean: np.ndarray, items: np.ndarray | float) -> np.ndarray:
    """The variance that so many test items leave of an accuracy."""
    # Half an item more of each kind keeps some noise where all or none are right.
    return (mean * (1 - mean) + 0.5 / items) / items


def accuracy_points(curves: Sequence[Curve]) -> Accuracies:
    """The curves' seed means at their n ≥ 1 as working responses about their own logits."""
    used = [curve.between(1) for curve in curves]
    pooled = _between_seeds(used)
    rows = [_row(curve, pooled) for curve in used]
    x, value, items, known = ([row[k] for row in rows] for k in range(4))
    chance = np.array([curve.chance for curve in used])
    above = [(v - c) / (1 - c) for v, c in zip(value, chance, strict=True)]
    start = Observations.of(x, [logit(np.clip(p, EDGE, 1 - EDGE)) for p in above], [np.zeros(len(row)) for row in x])
    made = Accuracies(
        start.x,
        start.y,
        start.variance,
        value=padded(value),
        items=padded(items),
        known=padded(known),
        chance=chance,
        between=np.array([pooled / curve.seeds[-1] for curve in used]),
    )
    return made.about(made.y)


def _row(curve: Curve, pooled: float) -> tuple[np.ndarray, ...]:
    """ln n, the means, the number of items, and the variance by seeds."""
    spread = np.clip(curve.means * (1 - curve.means), EDGE, None)
    freedom = curve.seeds - 1
    own = np.array([v.var(ddof=1) if len(v) > 1 else 0.0 for v in curve.values])
    known = (freedom * own + CURVES_OWN * pooled * spread**2) / (freedom + CURVES_OWN) / curve.seeds
    return np.log(curve.sizes), curve.means, _items(curve), known


def _items(curve: Curve) -> np.ndarray:
    """The number of test items at each size: counted, or that of which the stated standard errors would be."""
    counted = [len(p.items) for p in curve.measurements if p.items is not None]
    if counted:
        return np.full(len(curve.sizes), float(counted[0]))
    variance = np.array([np.mean([np.square(p.stderr or 0.0) for p in curve.at(n)]) for n in curve.sizes])
    stated = variance > 0
    if not stated.any():
        return np.full(len(curve.sizes), np.inf if curve.seeds.max() > 1 else UNSTATED_ITEMS)
    spread, variance = curve.means * (1 - curve.means), np.where(stated, variance, 1.0)
    implied = (spread + np.sqrt(spread**2 + 2 * variance)) / (2 * variance)  # item_variance solved for items
    return np.where(stated, implied, np.median(implied[stated]))


def _between_seeds(curves: Sequence[Curve]) -> float:
    """The variance of a seed's accuracy on the logit scale, over all sizes of all curves that have several seeds."""
    total, freedom = 0.0, 0
    for curve in curves:
        for mean, values in zip(curve.means, curve.values, strict=True):
            if len(values) > 1:
                total += float(((values - mean) ** 2).sum()) / max(mean * (1 - mean), EDGE) ** 2
                freedom += len(values) - 1
    return total / freedom if freedom else 0.0
