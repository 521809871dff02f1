"""Laws over the number of examples and the model's size at once, fitted to curves of models of several sizes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from src.errors import FathomError
from src.scaling.curve import Curve
from src.scaling.fit import Fit, fit_points
from src.scaling.laws.law import Law

METHOD = (
    "Laws over model sizes: least squares over all points of their curves, weighted as those of one curve are; "
    "intervals by Student's t from the scatter about the law, in the logarithm of parameters above 0."
)


@dataclass(frozen=True, eq=False)
class SizedCurves:
    """Curves of one metric that differ in the model, with its number of weights, None where it is not known."""

    name: str
    curves: tuple[Curve, ...]
    sizes: tuple[float | None, ...]


@dataclass(frozen=True, eq=False)
class JointAnalysis:
    """A law over sizes on such curves, `intervals` of shape (parameters, 2). Without a fit, `notes` says why.

    `off` is the root mean square of ln(predicted / measured) at `largest_n`, over the `held_out` curves that reach it,
    of a fit without it; None where too little is left.
    """

    on: SizedCurves
    law: Law
    fit: Fit | None
    intervals: np.ndarray | None
    largest_n: int
    held_out: int
    off: float | None
    notes: tuple[str, ...]


def fit_joint(sized: Sequence[tuple[Curve, float]], law: Law) -> Fit:
    """Fit a law over sizes to all points of curves, each with its model's size.

    Raises FathomError for a metric that the law is not meant for, fewer points than it has parameters and two more,
    fewer than two sizes, or a size that is not above 0.
    """
    kind, sizes = sized[0][0].kind, [size for _, size in sized]
    if kind not in law.quantities:
        raise FathomError(f"law {law.name} is not meant for {kind}: curve {sized[0][0].name}")
    if len(set(sizes)) < 2 or min(sizes) <= 0:
        given = ", ".join(f"{size:g}" for size in sizes)
        raise FathomError(f"law {law.name}: the models' sizes are {given}; it needs at least two, all above 0")
    used = [curve.between(law.smallest_n) for curve, _ in sized]
    n = np.concatenate([curve.sizes for curve in used])
    needed = len(law.parameters) + 2
    if len(n) < needed:
        raise FathomError(
            f"law {law.name}: it has {len(law.parameters)} parameters and needs at least {needed} points, "
            f"there are {len(n)}"
        )
    at = np.stack([n, np.repeat(sizes, [len(curve.sizes) for curve in used])])
    return fit_points(law, law.quantities[kind], at, used)


def standard_errors(fit: Fit) -> np.ndarray:
    """Of each parameter, shape (parameters,), from the scatter about the law; infinite where the points pin none."""
    lengths = np.linalg.norm(fit.jacobian, axis=0)
    scaled = fit.jacobian / np.where(lengths > 0, lengths, 1)
    if np.linalg.cond(scaled) > 1e8:
        return np.full(len(lengths), np.inf)
    # Gauss–Newton: the inverse of JᵀJ, times the variance that a point of mean weight has about the law.
    variance = fit.objective / (len(fit.residuals) - len(lengths))
    return np.sqrt(np.diag(np.linalg.inv(scaled.T @ scaled)) * variance) / lengths


def intervals(fit: Fit, confidence: float) -> np.ndarray:
    """Lower and upper end for each parameter, shape (parameters, 2)."""
    half = stdtrit(len(fit.residuals) - len(fit.parameters), (1 + confidence) / 2) * standard_errors(fit)
    relative = np.array([p.lower > 0 for p in fit.law.parameters])
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        factor = np.exp(half / fit.parameters)
        low = np.where(relative, fit.parameters / factor, fit.parameters - half)
        high = np.where(relative, fit.parameters * factor, fit.parameters + half)
    return np.stack([np.maximum(low, fit.law.lower), np.minimum(high, fit.law.upper)], axis=1)


def analyse_joint(on: SizedCurves, law: Law, confidence: float) -> JointAnalysis:
    """Fit a law over sizes, give intervals, and forecast the largest n from the smaller ones."""
    known = [(curve, size) for curve, size in zip(on.curves, on.sizes, strict=True) if size is not None]
    largest = max(int(curve.sizes[-1]) for curve in on.curves)
    different = len({size for _, size in known})
    if different < 2:
        why = f"the law needs models of at least two known sizes, there is {different or 'none'}"
        return JointAnalysis(on, law, None, None, largest, 0, None, (why,))
    try:
        fit = fit_joint(known, law)
    except FathomError as error:
        return JointAnalysis(on, law, None, None, largest, 0, None, (str(error),))
    left_out = [curve.name for curve, size in zip(on.curves, on.sizes, strict=True) if size is None]
    notes = [f"of unknown size and left out: {', '.join(left_out)}"] if left_out else []
    held, off = _held_out(known, law, largest)
    return JointAnalysis(on, law, fit, intervals(fit, confidence), largest, held, off, (*notes, *fit.notes))


def _held_out(known: Sequence[tuple[Curve, float]], law: Law, largest: int) -> tuple[int, float | None]:
    smaller = [(curve.between(0, largest - 1), size) for curve, size in known if curve.sizes[0] < largest]
    reach = [(curve.means[-1], size) for curve, size in known if curve.sizes[-1] == largest]
    try:
        fit = fit_joint(smaller, law)
    except FathomError:
        return len(reach), None
    measured, sizes = np.array(reach).T
    predicted = fit.predict(np.stack([np.full(len(sizes), float(largest)), sizes]))
    return len(reach), float(np.sqrt((np.log(predicted / measured) ** 2).mean()))
