"""Laws over the number of examples and the model's size at once, fitted to curves of models of several sizes.

The fit is that of Hoffmann et al. 2022 (arXiv 2203.15556, approach 3): Huber's loss of ln(predicted / measured) with
δ = 10⁻³, from a grid of starts, so that a run that went wrong moves little. Besiroglu et al. 2024 (arXiv 2404.10102)
found that their search had stopped early: every start here is followed until nothing changes.

Intervals are a bootstrap of residuals and not a sandwich: with δ below the noise of finetuning the loss is nearly that
of absolute deviations, whose curvature the points themselves do not tell, and a study has few models. A model's runs
deviate from the law together, so that the residuals are split into what each model's runs share (variance `shared`) and
the rest. With r the weighted residuals, Q the projection off the law's tangent, G the runs' models and M = GᵀQG, by
moments:

    σ² from r within models,    E |Gᵀr|² = σ² tr M + shared · tr M²,    degrees of freedom: tr M / (runs of a model).

Three models leave none of these where the law has three terms in the size. `shared` is therefore thought to be as large
as σ² beforehand, at one degree of freedom. A replicate draws a deviation for each model, normal with a variance known
no better than that (√(ν/χ²)), and for each point one of the residuals, of either sign, scaled to σ.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from src.errors import FathomError
from src.scaling.curve import Curve
from src.scaling.fit import Fit, fit_points
from src.scaling.laws.law import Law
from src.scaling.levenberg_marquardt import solve_many

METHOD = (
    "Laws over model sizes: Huber's loss (δ = 10⁻³) of the residuals in ln(loss), over all points of their curves, "
    "weighted as those of one curve are, from a grid of starts; percentile bootstrap of the residuals, with a "
    "deviation that a model's points share. Forecasts are widened by what the third of the points with the "
    "largest size × n is missed by in a fit to the rest, in units of what that fit expected."
)
DELTA = 1e-3
REPLICATES, CHECK_REPLICATES = 500, 200
HELD_OUT = 1 / 3
# Of a normal distribution: the quantiles a standard deviation off the mean, and within how many of these half of it is.
NORMAL_68, MEDIAN_OF_NORMAL = (0.1587, 0.8413), 0.6745
NO_MATTER = 1e-4  # of a loss: what a forecast may miss by, exact as the points may be
# Misses of more than so many times what was expected are told.
TOLD = 2


@dataclass(frozen=True, eq=False)
class SizedCurves:
    """Curves of one metric that differ in the model, with its number of weights, None where it is not known."""

    name: str
    curves: tuple[Curve, ...]
    sizes: tuple[float | None, ...]

    @property
    def largest_n(self) -> int:
        return max(int(curve.sizes[-1]) for curve in self.curves)


@dataclass(frozen=True, eq=False)
class JointFit:
    """A fit with its replicates, shape (replicates, parameters), and `noise`, replicates of a new model's residual."""

    fit: Fit
    replicates: np.ndarray
    noise: np.ndarray

    @property
    def measured_sizes(self) -> np.ndarray:
        """The models' sizes, ascending."""
        return np.unique(self.fit.sizes[1])

    def intervals(self, confidence: float) -> np.ndarray:
        """Lower and upper end for each parameter, shape (parameters, 2)."""
        tail = (1 - confidence) / 2
        return np.quantile(self.replicates, [tail, 1 - tail], axis=0, method="weibull").T

    def draws(self, at: np.ndarray, widening: float = 1.0) -> np.ndarray:
        """Draws of the expected loss at n and sizes, shape (2, points): (replicates, points), about the fit's own."""
        middle = np.log(self.fit.predict(at))
        drawn = np.log(np.maximum(self.fit.law.predict(at, self.replicates), 1e-300))
        return np.exp(middle + widening * (drawn - middle))

    def measured(self, at: np.ndarray, widening: float = 1.0) -> np.ndarray:
        """Draws of a new measurement: of a model and a run that deviate from the law as those measured do."""
        return self.draws(at, widening) * np.exp(widening * self.noise)[:, None]


@dataclass(frozen=True, eq=False)
class Check:
    """The forecast of the points with the largest size × n from a fit to the others.

    `off` is the root mean square of ln(measured / predicted), `ratio` how large a typical error is beside what was
    expected: 1 where intervals hold.
    """

    held_out: int
    off: float
    ratio: float


@dataclass(frozen=True, eq=False)
class JointAnalysis:
    """A law over sizes on such curves. Without a fit, `notes` says why; without a check, too few points are left."""

    on: SizedCurves
    law: Law
    made: JointFit | None
    check: Check | None
    notes: tuple[str, ...]

    @cached_property
    def widening(self) -> float:
        """By how much forecasts are wider than the replicates."""
        return max(1.0, self.check.ratio) if self.check else 1.0


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
    used = _used(sized, law)
    at, needed = _points(used)[0], len(law.parameters) + 2
    if at.shape[1] < needed:
        raise FathomError(
            f"law {law.name}: it has {len(law.parameters)} parameters and needs at least {needed} points, "
            f"there are {at.shape[1]}"
        )
    return fit_points(law, law.quantities[kind], at, [curve for curve, _ in used], huber=DELTA)


def resample(fit: Fit, replicates: int = REPLICATES, seed: int = 0) -> JointFit:
    """Refit to what other runs and other models would give."""
    model = np.unique(fit.sizes[1], return_inverse=True)[1]
    models, root = model.max() + 1, np.sqrt(fit.weights)
    rng = np.random.default_rng([seed, len(model)])
    rest, shared, freedom = _components(fit, model)
    own = root * fit.residuals
    own *= np.sqrt(rest / max(float((own**2).mean()), 1e-300))

    def deviations(models: int) -> np.ndarray:
        widths = np.sqrt(shared * freedom / rng.chisquare(freedom, (replicates, 1)))
        return widths * rng.standard_normal((replicates, models))

    def others(points: int) -> np.ndarray:
        return rng.choice(np.concatenate([own, -own]), (replicates, points))

    targets = np.log(fit.predict(fit.sizes)) + deviations(models)[:, model] + others(len(own)) / root
    starts = np.tile(fit.parameters, (replicates, 1))
    found, _ = solve_many(fit.law, fit.quantity, fit.sizes, targets, fit.weights, starts, DELTA)
    return JointFit(fit, found, (deviations(1) + others(1))[:, 0])


def _components(fit: Fit, model: np.ndarray) -> tuple[float, float, float]:
    """σ², `shared` and the degrees of freedom with which that is known, as above."""
    of_model = np.sqrt(fit.weights)[:, None] * (model[:, None] == np.arange(model.max() + 1))
    left = np.sqrt(fit.weights) * fit.residuals
    off, within = (
        np.eye(len(left)) - of @ np.linalg.pinv(of) for of in (fit.jacobian, np.hstack([fit.jacobian, of_model]))
    )
    if np.trace(within) < 0.5:  # a point a model, or hardly more
        within = off
    rest = float(left @ within @ left / np.trace(within))
    between = of_model.T @ off @ of_model
    told = float(((of_model.T @ left) ** 2).sum() - rest * np.trace(between)) / float((between**2).sum())
    freedom = float(np.trace(between) / fit.weights.sum()) * len(between)
    return rest, (freedom * max(0.0, told) + rest) / (freedom + 1), freedom + 1


def analyse_joint(on: SizedCurves, law: Law, seed: int = 0) -> JointAnalysis:
    """Fit a law over sizes, resample it, and forecast the points with the largest size × n from the others."""
    known = [(curve, size) for curve, size in zip(on.curves, on.sizes, strict=True) if size is not None]
    different = len({size for _, size in known})
    if different < 2:
        why = f"the law needs models of at least two known sizes, there is {different or 'none'}"
        return JointAnalysis(on, law, None, None, (why,))
    try:
        fit = fit_joint(known, law)
    except FathomError as error:
        return JointAnalysis(on, law, None, None, (str(error),))
    left_out = [curve.name for curve, size in zip(on.curves, on.sizes, strict=True) if size is None]
    notes = [f"of unknown size and left out: {', '.join(left_out)}"] if left_out else []
    check = check_joint(known, law, seed)
    if check is None:
        notes.append("too few points to hold some out: nothing checks its forecasts")
    elif check.ratio > TOLD:
        notes.append(
            f"lack of fit: the {check.held_out} points with the largest size × n are missed by {check.off:.1%}, "
            f"{check.ratio:.1f} times what a fit to the others expects; forecasts are widened by that, and the "
            "parameters describe the measured range alone"
        )
    return JointAnalysis(on, law, resample(fit, seed=seed), check, (*notes, *fit.notes))


def check_joint(sized: Sequence[tuple[Curve, float]], law: Law, seed: int = 0) -> Check | None:
    """None where the points with smaller size × n are too few for the law."""
    used = _used(sized, law)
    at, losses = _points(used)
    # Below that quantile: of points that tie, as those of a grid do, all are held out.
    limit = float(np.quantile(at.prod(axis=0), 1 - HELD_OUT)) * (1 - 1e-9)
    kept = [(curve.between(0, limit / size), size) for curve, size in used if curve.sizes[0] <= limit / size]
    out = at[0] > limit / at[1]
    try:
        made = resample(fit_joint(kept, law), CHECK_REPLICATES, seed)
    except FathomError:
        return None
    error = np.log(losses[out] / made.fit.predict(at[:, out]))
    low, high = np.log(np.quantile(made.measured(at[:, out]), NORMAL_68, axis=0))
    # By the median: a run that went wrong is no fault of the law.
    ratio = float(np.median(np.abs(error) / np.maximum((high - low) / 2, NO_MATTER))) / MEDIAN_OF_NORMAL
    return Check(int(out.sum()), float(np.sqrt((error**2).mean())), ratio)


def _used(sized: Sequence[tuple[Curve, float]], law: Law) -> list[tuple[Curve, float]]:
    return [(curve.between(law.smallest_n), size) for curve, size in sized if curve.sizes[-1] >= law.smallest_n]


def _points(used: Sequence[tuple[Curve, float]]) -> tuple[np.ndarray, np.ndarray]:
    """n and size of all points, shape (2, points), and their means, shape (points,)."""
    n = np.concatenate([curve.sizes for curve, _ in used])
    size = np.repeat([size for _, size in used], [len(curve.sizes) for curve, _ in used])
    return np.stack([n, size]), np.concatenate([curve.means for curve, _ in used])
