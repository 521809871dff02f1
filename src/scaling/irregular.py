"""What no law describes in a curve: single values wildly off it, and stretches over which it gets worse.

Both are judged in latent units, ln L of a loss and the logit of what lies above chance of an accuracy, signed so that
up is worse, against the noise that is known and the scatter of the sizes about their neighbours.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import logit

from src.scaling.accuracies import EDGE, UNSTATED_ITEMS
from src.scaling.curve import Curve, Measurement
from src.scaling.noise import item_variance

WILD = math.log(2)  # of no 10,000 real and simulated sizes of docs/laws.md is one farther outside its neighbours
TIMES = 6  # standard errors or scatters that a wild value is outside of its neighbours as well
CLEAR = 3  # standard errors of a stretch over which a curve gets worse: it is the worst of many stretches
MANY = 8  # sizes whose scatter about their neighbours is not mostly that of one bump
UNSTATED = 0.005  # standard error of ln L where nothing tells the noise: the forecaster's prior


@dataclass(frozen=True)
class Worsening:
    """The longest way up within a curve, by n at both ends; `lasting` where most of the gain is lost in the end."""

    start: int
    end: int
    lasting: bool


def without_wild(curve: Curve) -> tuple[Curve, tuple[Measurement, ...]]:
    """The curve without the values that lie wildly off it, and those, the wildest first.

    Such a value is outside what the two nearest sizes span by more than a factor of 2 (of a loss, or of the odds) and
    by more than 6 times the noise. The first size may be as bad as it likes, and the last accuracy as good: a task's
    format is learnt, and a skill emerges, in one step. The last loss may keep the slope of the two before. Of
    replicates, those that move the mean as far are left out, unless all lie there, which confirm each other: a run that
    fails among many others is the noise between seeds.
    """
    left_out: list[Measurement] = []
    while len(curve.sizes) > 2 and (off := _wildest(curve)):
        left_out.append(off)
        curve = replace(curve, measurements=tuple(point for point in curve.measurements if point is not off))
    return curve, tuple(left_out)


def worsening(curve: Curve) -> Worsening | None:
    """Where the curve gets worse by most, if by more than 3 standard errors.

    It lasts where at the last size more than half of what the curve had gained is lost, by as many standard errors.
    """
    count = len(curve.sizes)
    if count < 2:
        return None
    y = _latent(curve.means, curve)
    covariance = _covariance(curve)
    variance = np.diag(covariance)
    scatter = _scatter(np.log(curve.sizes), y) if count >= MANY else 0.0
    apart = variance[:, None] + variance - 2 * covariance + 2 * scatter**2
    up = np.triu(y - y[:, None], 1)
    clear = up > CLEAR * np.sqrt(np.maximum(apart, 0))
    best = int(y.argmin())
    if clear[best, -1] and y[-1] - y[best] > (y[0] - y[best]) / 2:
        return Worsening(int(curve.sizes[best]), int(curve.sizes[-1]), True)
    if not clear.any():
        return None
    start, end = np.unravel_index(np.where(clear, up, 0).argmax(), up.shape)
    return Worsening(int(curve.sizes[start]), int(curve.sizes[end]), False)


def _wildest(curve: Curve) -> Measurement | None:
    x, values = np.log(curve.sizes), [_latent(of, curve) for of in curve.values]
    y, known = np.array([np.median(of) for of in values]), np.sqrt(np.diag(_item_covariance(curve)))
    means = _latent(curve.means, curve)
    wildest, by = None, 0.0
    for place, own in enumerate(values):
        low, high = _neighbours(curve, x, y, place)
        others = np.arange(len(x)) != place
        limit = max(WILD, TIMES * max(known[place], _scatter(x[others], y[others])))
        outside = np.maximum(np.maximum(own - high, low - own), 0)
        confirmed = len(own) > 1 and (outside > limit).all()
        if outside.max() > max(limit, by) and max(means[place] - high, low - means[place]) > limit and not confirmed:
            wildest, by = curve.at(curve.sizes[place])[int(outside.argmax())], float(outside.max())
    return wildest


def _neighbours(curve: Curve, x: np.ndarray, y: np.ndarray, place: int) -> tuple[float, float]:
    """Between what the latent value may lie by the two nearest sizes."""
    last = len(x) - 1
    near = y[[place - 1, place + 1]] if 0 < place < last else y[1:3] if place == 0 else y[-3:-1]
    low, high = float(near.min()), float(near.max())
    if place == 0:
        return low, math.inf
    if place == last:
        # Of less than five sizes nothing tells whether a steep last step is the curve's own.
        if curve.kind == "accuracy" or len(x) < 5:
            return -math.inf, high
        slope = (y[-2] - y[-3]) / (x[-2] - x[-3])
        low = min(low, float(y[-2] + slope * (x[-1] - x[-2])))
    return low, high


def _latent(metric: np.ndarray, curve: Curve) -> np.ndarray:
    if curve.kind == "loss":
        return np.log(metric)
    return -logit(np.clip((metric - curve.chance) / (1 - curve.chance), EDGE, 1 - EDGE))


def _slope(curve: Curve) -> np.ndarray:
    """By how much the metric moves with the latent value, shape (sizes,)."""
    if curve.kind == "loss":
        return curve.means
    above = np.clip((curve.means - curve.chance) / (1 - curve.chance), EDGE, 1 - EDGE)
    return (1 - curve.chance) * above * (1 - above)


def _covariance(curve: Curve) -> np.ndarray:
    """Of the sizes' latent values, by seeds and test items where these are known, else as assumed."""
    if not curve.noise.knows_seeds:
        return _item_covariance(curve)
    slope = _slope(curve)
    return curve.noise.covariance / (slope[:, None] * slope)


def _item_covariance(curve: Curve) -> np.ndarray:
    """The same by test items alone."""
    slope, of_items = _slope(curve), curve.noise.over_items
    if not of_items.any():
        assumed = (
            item_variance(curve.means, UNSTATED_ITEMS) if curve.kind == "accuracy" else (UNSTATED * curve.means) ** 2
        )
        of_items = np.diag(assumed)
    return of_items / (slope[:, None] * slope)


def _scatter(x: np.ndarray, y: np.ndarray) -> float:
    """Standard deviation of the sizes about the line through their neighbours, by the median; 0 for less than four."""
    if len(x) < 4:
        return 0.0
    share = (x[1:-1] - x[:-2]) / (x[2:] - x[:-2])
    off = y[1:-1] - (1 - share) * y[:-2] - share * y[2:]
    return 1.4826 * float(np.median(np.abs(off) / np.sqrt(1 + share**2 + (1 - share) ** 2)))
