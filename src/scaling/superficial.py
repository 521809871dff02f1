"""Is a capability superficial: is all that finetuning gives there after a few hundred examples, or does it scale?

The Superficial Alignment Hypothesis (Zhou et al. 2305.11206) says the former; Raghavendra et al. 2410.03717 ask it.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import stdtr, stdtrit

from src.scaling.curve import Curve
from src.scaling.noise import ONE_SEED, Kind

LEVEL = 0.05
# The smallest gain per decade of n that is of interest: a point of accuracy, 2 % of the loss.
SMALLEST = {"accuracy": 0.01, "loss": -math.log(0.98)}
UNITS = {"accuracy": "points of accuracy", "loss": "% off the loss"}
EXACT = 1e-9  # the error of points that lie on a line to the last digit
EARLIEST = 10  # n0 lies within this factor below `by`: to saturate by 1,000, a curve must be known from 100 on

Verdict = Literal["saturated", "scales", "cannot tell"]


@dataclass(frozen=True)
class Superficial:
    """Whether a curve still gains beyond `n0`. Gains are of the accuracy or of −ln L, so that up is better.

    `slope` is the gain per decade of n by weighted least squares over all sizes from n0 on, with `freedom` degrees of
    freedom of its noise (None: normal); `percent`, from `low` to `high` with 90 % confidence, is the same in
    points of accuracy or as the share of the loss that a decade takes away. `p_gain` is that of no gain at all
    (one-sided t), `p_small` that of a gain at least as large as the smallest of interest: the upper of the two
    one-sided tests of equivalence. `gain` is that from n0 to the largest n. None where it cannot be had.
    """

    curve: str
    metric: str
    verdict: Verdict
    sentence: str
    n0: int | None = None
    largest: int | None = None
    gain: float | None = None
    slope: float | None = None
    slope_stderr: float | None = None
    freedom: float | None = None
    percent: float | None = None
    low: float | None = None
    high: float | None = None
    p_gain: float | None = None
    p_small: float | None = None


def superficial(curve: Curve, by: int = 1000, smallest: float | None = None) -> Superficial:
    """Test at the level of 5 % whether the curve has saturated by n0, its largest n ≤ `by` that is not its last.

    "saturated": the gain per decade is below `smallest` (accuracy or ln L; by default a point, 2 %), though it may be
    above 0. "scales": it is above 0, and not shown to be that small. The noise is the curve's; without any, it
    is the scatter about the line.
    """
    smallest = SMALLEST[curve.kind] if smallest is None else smallest
    earliest, largest = max(1, by // EARLIEST), int(curve.sizes[-1])
    early = curve.sizes[(curve.sizes >= earliest) & (curve.sizes <= by) & (curve.sizes < largest)]
    if not len(early):
        return _cannot_tell(curve, f"it takes a size with {earliest:,} ≤ n ≤ {by:,} and one beyond it")
    n0 = int(early[-1])
    used = curve.sizes >= n0
    x = np.log10(curve.sizes[used])
    y = curve.means[used] if curve.kind == "accuracy" else -np.log(curve.means[used])
    if curve.noise.known:
        slope, stderr, freedom = _slope(curve, used, x, y)
    elif len(x) > 2:
        slope, stderr, freedom = _slope_by_scatter(x, y)
    else:
        return _cannot_tell(curve, "two sizes without seeds or standard errors do not tell the noise")
    p_gain, p_small = (float(stdtr(freedom, t)) for t in (-slope / stderr, (slope - smallest) / stderr))
    verdict: Verdict = "saturated" if p_small < LEVEL else "scales" if p_gain < LEVEL else "cannot tell"
    half = float(stdtrit(freedom, 1 - LEVEL)) * stderr
    percent, low, high = (_percent(gain, curve.kind) for gain in (slope, slope - half, slope + half))
    sentence = (
        f"{verdict}: a decade of n brings {percent:+.1f} {UNITS[curve.kind]} (90 % interval {low:+.1f} to {high:+.1f}) "
        f"from n = {n0:,} to {largest:,}; p = {p_gain:.2g} of no gain, {p_small:.2g} of "
        f"{_percent(smallest, curve.kind):.2g} or more ({_kind_of_noise(curve, freedom)})"
    )
    told = freedom if math.isfinite(freedom) else None
    return Superficial(
        curve.name, curve.metric, verdict, sentence, n0, largest, float(y[-1] - y[0]), slope, stderr, told,
        percent, low, high, p_gain, p_small,
    )  # fmt: skip


def _cannot_tell(curve: Curve, why: str) -> Superficial:
    return Superficial(curve.name, curve.metric, "cannot tell", f"cannot tell: {why}")


def _percent(gain: float, kind: Kind) -> float:
    return 100 * (gain if kind == "accuracy" else -math.expm1(-gain))


def _kind_of_noise(curve: Curve, freedom: float) -> str:
    if curve.noise.note == ONE_SEED:
        return ONE_SEED
    return f"t with {freedom:.3g} degrees of freedom" if math.isfinite(freedom) else "normal"


def _slope(curve: Curve, used: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """The slope of the line weighted by the sizes' own noise, its standard error and degrees of freedom.

    The error holds what the sizes share: test items that are hard at every n move the level, not the slope.
    """
    errors = np.sqrt(np.diag(curve.noise.covariance))[used]
    d_mean = np.ones(len(x)) if curve.kind == "accuracy" else -1 / curve.means[used]  # dy / d mean
    weights = 1 / np.maximum(errors * np.abs(d_mean), EXACT) ** 2
    centred = x - np.average(x, weights=weights)
    lever = weights * centred / float(weights @ centred**2)
    contrast = np.zeros(len(used))
    contrast[used] = lever * d_mean
    stderr, freedom = curve.noise.contrast(contrast)
    return float(lever @ y), max(stderr, EXACT), freedom


def _slope_by_scatter(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """The same where nothing tells the noise but the scatter about the line."""
    centred = x - x.mean()
    slope = float(centred @ y / (centred @ centred))
    scatter = float(((y - y.mean() - slope * centred) ** 2).sum()) / (len(x) - 2)
    return slope, max(math.sqrt(scatter / float(centred @ centred)), EXACT), len(x) - 2.0
