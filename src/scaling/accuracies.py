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
from src.scaling.noise import item_variance, items_for
from src.scaling.pooled import PADDING, Observations, padded

UNSTATED_ITEMS = 1000  # a test of this size where neither its size nor an error is known
EDGE = 0.005  # where the logit of a measured value is cut before the first round
LARGEST_VARIANCE = PADDING / 100  # of a response: such a point tells nothing, and is still one
FARTHEST = 2.0  # by how much a response may differ from the latent value it is taken about


@dataclass(frozen=True, eq=False)
class Accuracies(Observations):
    """Accuracies about a latent value; `y` and `variance` are their working responses.

    `value`, `items` (inf: no noise of items) and `known`, the variance of a value by its seeds, have shape
    (curves, points), `chance` and `between`, the variance between seeds on the logit scale, shape (curves,). `slope` is
    d value / d latent where the responses were taken.
    """

    value: np.ndarray
    items: np.ndarray
    known: np.ndarray
    chance: np.ndarray
    between: np.ndarray
    slope: np.ndarray

    @property
    def stretch(self) -> np.ndarray:
        return -np.log(self.slope)

    @property
    def scales(self) -> tuple[float, float]:
        # Where seeds tell the noise between runs, little is left that is not smooth in n.
        return 0.1, 0.03 if (self.between > 0).all() else 0.15

    def about(self, latent: np.ndarray) -> "Accuracies":
        mean = self.metric(latent)
        variance = self.known + item_variance(mean, self.items)
        slope = np.maximum(self._slope(latent), np.sqrt(variance / LARGEST_VARIANCE))
        response = latent + np.clip((self.value - mean) / slope, -FARTHEST, FARTHEST)
        working = np.where(self.measured, variance / slope**2, PADDING)
        return replace(self, y=response, variance=working, slope=slope)

    def metric(self, latent: np.ndarray) -> np.ndarray:
        return self.chance[:, None] + (1 - self.chance[:, None]) * expit(latent)

    def with_noise(self, latent: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        once = (*latent.shape[:2], 1)  # one value of the noise for all sizes, as of losses
        first = latent + np.sqrt(self.between)[:, None] * rng.standard_normal(once)
        mean = self.metric(first)
        noisy = mean + np.sqrt(item_variance(mean, self.items[:, :1])) * rng.standard_normal(once)
        return np.clip(noisy, 0, 1)

    def _slope(self, latent: np.ndarray) -> np.ndarray:
        p = expit(np.clip(latent, -12, 12))
        return (1 - self.chance[:, None]) * p * (1 - p)


def accuracy_points(curves: Sequence[Curve]) -> Accuracies:
    """The curves' seed means at their n ≥ 1 as working responses about their own logits."""
    used = [curve.between(1) for curve in curves]
    freedom = [float(curve.noise.freedom.sum()) for curve in used]
    of_study = sum(f * c.noise.relative for f, c in zip(freedom, used, strict=True)) / max(1.0, sum(freedom))
    noises = [replace(curve.noise, of_study=of_study) for curve in used]
    rows = [(np.log(c.sizes), c.means, _items(c), of.between / c.seeds) for c, of in zip(used, noises, strict=True)]
    x, value, items, known = ([row[k] for row in rows] for k in range(4))
    chance = np.array([curve.chance for curve in used])
    above = [(v - c) / (1 - c) for v, c in zip(value, chance, strict=True)]
    made = Accuracies(
        x=padded(x),
        y=padded([logit(np.clip(p, EDGE, 1 - EDGE)) for p in above]),
        variance=padded([np.zeros(len(row)) for row in x], PADDING),
        value=padded(value),
        items=padded(items),
        known=padded(known),
        chance=chance,
        between=np.array([of_study / curve.seeds[-1] for curve in used]),
        slope=np.ones((len(used), max(len(row) for row in x))),
    )
    return made.about(made.y)


def _items(curve: Curve) -> np.ndarray:
    """The number of test items at each size: that which would leave the noise that it has by them."""
    variance = np.diag(curve.noise.over_items)
    if not variance.any():
        return np.full(len(curve.sizes), np.inf if curve.noise.knows_seeds else UNSTATED_ITEMS)
    return items_for(curve.means, variance)
