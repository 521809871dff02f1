"""One noise: by how much a curve's means would change with other training examples and other test items.

What shows, weighs, tests or resamples a measurement takes its noise from here. The metric of test item i after training
on the examples of seed s at size n is taken as

    y[n, s, i] = mean[n] + a[n, s] + b[n, i] + e[n, s, i],

a between training sets (independent over sizes), b between test items, which all seeds and sizes share, and e the rest:
how an item takes to a training set (two-way random effects without replication: Searle, Casella, McCulloch, Variance
Components, 1992, chapter 4). The means over S seeds and I items then have the covariance

    cov(mean[n], mean[m]) = [n = m] var(a[n]) / S  +  cov(b[n], b[m]) / I  +  [n = m] var(e[n]) / (S·I).

The covariance over items of the seed means, divided by I, estimates the last two terms together; the variance of the
seeds' values estimates var(a) + var(e)/I, from which the share of e is taken off. Without per-item scores the stated
standard errors (binomial for shares) stand for the items, size by size.
"""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal
from zlib import crc32

import numpy as np
from scipy.stats import t as student

Kind = Literal["accuracy", "loss"]

# Degrees of freedom that the variance between seeds of the whole curve counts for beside those of one size: how it goes
# over sizes (`_spread`) is only roughly known, and two or three seeds tell little of one size.
WHOLE_CURVE = 4
EDGE = (
    0.005  # p·(1 − p) is taken to be no smaller: seeds differ a little even where nearly all items are right or wrong
)
ONE_SEED = "a single seed: what other training examples would change is not in it"
UNKNOWN = "a single seed, no per-item scores and no standard errors"


@dataclass(frozen=True, eq=False)
class Noise:
    """The noise of a curve's seed means, of shape (sizes,) where nothing else is said.

    `seeds` counts them; `own` is the variance of their values with `freedom` degrees of freedom (0: one seed, or the
    base, which is not trained), `spread` what the variance of one training set is taken to be proportional to, and
    `rest` var(e)/I. `scores` are the items' seed means less their own mean, shape (sizes, items), or None; `stated` are
    the variances by items otherwise, or None. `of_study` is `relative` as pooled over the curves of a study that are
    taken together.
    """

    kind: Kind
    seeds: np.ndarray
    own: np.ndarray
    freedom: np.ndarray
    trained: np.ndarray
    spread: np.ndarray
    rest: np.ndarray
    scores: np.ndarray | None
    stated: np.ndarray | None
    of_study: float | None = None

    @property
    def knows_seeds(self) -> bool:
        """Whether several seeds tell the noise between training sets."""
        return bool(self.freedom.any())

    @property
    def known(self) -> bool:
        """Whether anything tells any noise."""
        return self.knows_seeds or self.scores is not None or self.stated is not None

    @property
    def note(self) -> str:
        """What the noise leaves out, as a sentence; empty where it leaves out nothing."""
        if not self.known:
            return UNKNOWN
        if not self.knows_seeds:
            return ONE_SEED
        return "" if self.scores is not None or self.stated is not None else "no per-item scores"

    @cached_property
    def relative(self) -> float:
        """The variance between training sets as a multiple of `spread`, pooled over the sizes."""
        told = self.freedom > 0
        return float((self.freedom * self.own)[told] @ (1 / self.spread[told])) / max(1.0, float(self.freedom.sum()))

    @cached_property
    def _moderated(self) -> np.ndarray:
        """var(a) + var(e)/I: a size's own variance and the curve's, each by its degrees of freedom."""
        own = self.freedom * self.own + WHOLE_CURVE * self._of_whole_curve
        return np.where(self.trained, own / (self.freedom + WHOLE_CURVE), 0.0)

    @property
    def _of_whole_curve(self) -> np.ndarray:
        return (self.relative if self.of_study is None else self.of_study) * self.spread

    @cached_property
    def between(self) -> np.ndarray:
        """var(a): the variance of the metric from one training set to another."""
        return np.maximum(self._moderated - self.rest, 0.0)

    @cached_property
    def over_items(self) -> np.ndarray:
        """Covariance of the means by the choice of test items, shape (sizes, sizes)."""
        if self.scores is None:
            return np.diag(np.zeros(len(self.seeds)) if self.stated is None else self.stated)
        items = self.scores.shape[1]
        return self.scores @ self.scores.T / (items * (items - 1)) + _half_an_item(self.kind, items) * np.eye(
            len(self.seeds)
        )

    @cached_property
    def covariance(self) -> np.ndarray:
        """Of the seed means, shape (sizes, sizes)."""
        return np.diag(self.between / self.seeds) + self.over_items

    @cached_property
    def pooled_covariance(self) -> np.ndarray:
        """As `covariance`, with the variance between seeds as the whole curve tells it.

        For weights: with a size's own variance in them, one that happened to look steady would count for more as well
        as seem better known, and the intervals of what is fitted would be too narrow.
        """
        if not self.knows_seeds:
            return self.covariance
        between = np.where(self.trained, np.maximum(self._of_whole_curve - self.rest, 0.0), 0.0)
        return np.diag(between / self.seeds) + self.over_items

    @cached_property
    def standard_errors(self) -> np.ndarray | None:
        """Of the seed means; None where nothing tells the noise."""
        return np.sqrt(np.diag(self.covariance)) if self.known else None

    def contrast(self, weights: np.ndarray) -> tuple[float, float]:
        """Standard error and degrees of freedom (Satterthwaite 1946) of the sum of weights · means."""
        return _together([self._by_seeds(weights), self._by_items(float(weights @ self.over_items @ weights))])

    def at(self, place: int) -> tuple[float, float]:
        """Standard error and degrees of freedom of the mean at one size, by its place."""
        return self.contrast(np.eye(len(self.seeds))[place])

    def draws(self, count: int, seed: int, name: str) -> np.ndarray:
        """Noise of the seed means, shape (count, sizes); `name` is the curve's.

        Normal; the part of the seeds is scaled by √(ν/χ²) in each draw and size, ν its degrees of freedom there, for
        what so few seeds leave unknown of it. Test items are drawn alike for all curves with as many: by the multiplier
        bootstrap (van der Vaart and Wellner 1996, 2.9), one normal weight an item, so that what curves share in them
        cancels.
        """
        rng = np.random.default_rng([seed, crc32(name.encode())])
        noise = np.sqrt(self.between / self.seeds) * rng.standard_normal((count, len(self.seeds)))
        if self.knows_seeds:
            # Infinite where seeds agree to the last digit: nothing is unknown of no noise.
            freedom = np.array([min(self._by_seeds(size)[1], 1e6) for size in np.eye(len(self.seeds))[self.trained]])
            noise[:, self.trained] *= np.sqrt(freedom / rng.chisquare(freedom, size=(count, len(freedom))))
        if self.scores is not None:
            items = self.scores.shape[1]
            noise += _weights_of_items(count, seed, items) @ self.scores.T / math.sqrt(items * (items - 1))
            noise += math.sqrt(_half_an_item(self.kind, items)) * rng.standard_normal(noise.shape)
        elif self.stated is not None:
            noise += np.sqrt(self.stated) * rng.standard_normal(noise.shape)
        return noise

    def _by_seeds(self, weights: np.ndarray) -> tuple[float, float]:
        """The variance that training sets leave of the sum of weights · means, and its degrees of freedom."""
        total = float(weights**2 @ (self.between / self.seeds))
        if not self.knows_seeds:
            return total, math.inf
        # `_moderated` is linear in the sizes' own variances: `each` is by how much the sum moves with each of them.
        share, per_seed = self.freedom / (self.freedom + WHOLE_CURVE), weights**2 * self.trained / self.seeds
        through_all = per_seed @ ((1 - share) * self.spread) / self.freedom.sum()
        each = per_seed * share + self.freedom / self.spread * through_all
        told = self.freedom > 0
        doubt = float(((each * self._moderated)[told] ** 2 / self.freedom[told]).sum())
        return total, float(per_seed @ self._moderated) ** 2 / doubt if doubt > 0 else math.inf

    def _by_items(self, variance: float) -> tuple[float, float]:
        return variance, math.inf if self.scores is None else self.scores.shape[1] - 1.0


def estimate(
    kind: Kind,
    chance: float,
    sizes: np.ndarray,
    values: list[np.ndarray],
    items: list[np.ndarray] | None,
    stderrs: list[np.ndarray] | None,
) -> Noise:
    """The noise of a curve, whose lists have an entry a size.

    `values` are the seeds' values, `items` their per-item scores, shape (seeds, items), `stderrs` the standard errors
    stated for them. The base (n = 0) is not trained: no seed moves it.
    """
    seeds = np.array([len(of) for of in values])
    means = np.array([of.mean() for of in values])
    trained = sizes > 0
    freedom = np.where(trained, seeds - 1, 0)
    own = np.array([of.var(ddof=1) if len(of) > 1 else 0.0 for of in values])
    scores, rest, stated = None, np.zeros(len(sizes)), None
    if items is not None and items[0].shape[1] > 1:
        of_items = np.stack([of.mean(axis=0, dtype=float) for of in items])
        scores = of_items - of_items.mean(axis=1, keepdims=True)
        rest = np.where(freedom > 0, [_rest(of) for of in items], 0.0)
    elif stderrs is not None:
        variances = np.array([np.mean(np.square(of)) for of in stderrs])
        if (variances > 0).any():
            # An error stated as 0 is none that was measured.
            stated = np.where(variances > 0, variances, variances.max())
    return Noise(kind, seeds, own, freedom, trained, _spread(kind, chance, means), rest, scores, stated)


def difference(a: Noise, at_a: int, b: Noise, at_b: int) -> tuple[float, float]:
    """Standard error and degrees of freedom of b's mean less a's, each at one size, by its place.

    Paired where both were measured on as many test items: those that both find hard or easy take nothing from it. The
    training sets are taken to be independent, which is rather too wide for those of the same seed.
    """
    one_a, one_b = np.eye(len(a.seeds))[at_a], np.eye(len(b.seeds))[at_b]
    parts = [a._by_seeds(one_a), b._by_seeds(one_b)]
    if a.scores is not None and b.scores is not None and a.scores.shape[1] == b.scores.shape[1]:
        apart = b.scores[at_b] - a.scores[at_a]
        items = len(apart)
        variance = float(apart @ apart) / (items * (items - 1)) + 2 * _half_an_item(a.kind, items)
        return _together([*parts, a._by_items(variance)])
    return _together(
        [*parts, a._by_items(float(a.over_items[at_a, at_a])), b._by_items(float(b.over_items[at_b, at_b]))]
    )


def interval(
    value: float, stderr: float, freedom: float, confidence: float, kind: Kind | Literal["difference"]
) -> tuple[float, float]:
    """The two-sided interval of a mean, within what the metric can be.

    Student's for differences and, of ln L, for losses; Wilson's (1927) for shares, with the items that would leave the
    standard error.
    """
    t = float(student.ppf((1 + confidence) / 2, freedom))
    if kind == "difference" or stderr == 0:
        return value - t * stderr, value + t * stderr
    if kind == "loss":
        factor = math.exp(t * stderr / value)
        return value / factor, value * factor
    items = float(items_for(np.array(value), np.array(stderr**2)))
    middle, shrunk = (value + t**2 / (2 * items)) / (1 + t**2 / items), 1 + t**2 / items
    half = t / shrunk * math.sqrt(value * (1 - value) / items + (t / (2 * items)) ** 2)
    return max(0.0, middle - half), min(1.0, middle + half)


def item_variance(share: np.ndarray, items: np.ndarray | float) -> np.ndarray:
    """The variance that so many test items leave of a share."""
    # Half an item more of each kind: where all or none are right, it is not known without error either.
    return (share * (1 - share) + 0.5 / items) / items


def items_for(share: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """The number of test items that would leave a share this variance: `item_variance` solved for it."""
    spread = share * (1 - share)
    return (spread + np.sqrt(spread**2 + 2 * variance)) / (2 * variance)


def _half_an_item(kind: Kind, items: int) -> float:
    """What `item_variance` adds for all or none."""
    return 0.5 / items**2 if kind == "accuracy" else 0.0


def _rest(items: np.ndarray) -> float:
    """var(e)/I from per-item scores, shape (seeds, items): the interaction's mean square."""
    if len(items) < 2:
        return 0.0
    apart = items - items.mean(axis=1, keepdims=True, dtype=float) - items.mean(axis=0, dtype=float) + items.mean()
    return float((apart**2).sum()) / ((len(items) - 1) * (items.shape[1] - 1)) / items.shape[1]


def _spread(kind: Kind, chance: float, means: np.ndarray) -> np.ndarray:
    """What the variance between training sets goes with: even in ln L, and in the logit of what lies above chance."""
    if kind == "loss":
        return means**2
    above = np.clip((means - chance) / (1 - chance), 0, 1)
    return np.maximum((1 - chance) * above * (1 - above), EDGE) ** 2


def _together(parts: list[tuple[float, float]]) -> tuple[float, float]:
    """Independent variances with their degrees of freedom as one standard error with its own (Satterthwaite)."""
    total = sum(variance for variance, _ in parts)
    doubt = sum(variance**2 / freedom for variance, freedom in parts)
    return math.sqrt(total), total**2 / doubt if doubt > 0 else math.inf


@lru_cache(maxsize=2)
def _weights_of_items(count: int, seed: int, items: int) -> np.ndarray:
    """One weight for each draw and item, shape (count, items): the same for every curve."""
    weights = np.random.default_rng([seed, items]).standard_normal((count, items))
    weights.setflags(write=False)
    return weights
