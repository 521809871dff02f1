"""Curves that no law should be fitted to: a sentence in place of a number."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import t as student

from src.scaling.curve import Curve
from src.scaling.fit import points_needed
from src.scaling.laws import LAWS
from src.scaling.laws.law import Law

LEVEL = 0.05  # of the one-sided trend test


def refusal(curve: Curve, laws: Sequence[Law] = LAWS) -> str | None:
    """Why none of these laws is fitted to this curve, or None where one can be.

    Too few sizes, on the floor (no mean above chance by more than its noise), or no trend with ln n in the right
    direction: a one-sided t test of the slope over n ≥ 1, with the noise between seeds or test items where it is
    known and the scatter about the line where it is not.
    """
    sizes = curve.sizes[curve.sizes >= 1]
    needed = min(points_needed(law) for law in laws if curve.kind in law.quantities)
    if len(sizes) < needed:
        return f"too few points: {len(sizes)} sizes of n ≥ 1, a law needs at least {needed}; measure more sizes"
    trained = curve.between(1)
    if curve.kind == "accuracy":
        errors = trained.standard_errors
        noise = np.zeros(len(sizes)) if errors is None else errors
        if (trained.means <= curve.chance + 1.645 * noise).all():
            return (
                f"on the floor: no accuracy is above chance ({curve.chance:g}) by more than its noise; "
                "use more examples, a larger model, or look at the loss"
            )
    slope, error, freedom = _trend(trained)
    gain = slope if curve.kind == "accuracy" else -slope
    bound = float(student.ppf(1 - LEVEL, freedom)) * error
    worse = "accuracy falls" if curve.kind == "accuracy" else "loss rises"
    if gain < -bound:
        return f"decreasing: {worse} as n grows; these laws describe improvement"
    if gain <= bound:
        return (
            f"flat within noise: from n={sizes[0]:g} to {sizes[-1]:g} there is no trend that the noise would not give"
        )
    return None


def _trend(curve: Curve) -> tuple[float, float, float]:
    """The slope on ln n, its standard error, and the degrees of freedom of that error."""
    x = np.log(curve.sizes)
    weights = curve.seeds.astype(float)
    x = x - np.average(x, weights=weights)
    lever = weights * x / float(weights @ x**2)
    slope = float(lever @ curve.means)
    if curve.noise.known:
        return slope, *curve.noise.contrast(lever)
    left = curve.means - np.average(curve.means, weights=weights) - slope * x
    freedom = len(x) - 2
    return slope, float(np.sqrt(weights @ left**2 / freedom / (weights @ x**2))), freedom
