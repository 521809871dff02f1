"""Fitting a law to a curve: weighted least squares, bounded, from many starts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from src.errors import FathomError
from src.scaling.curve import Curve
from src.scaling.laws.law import Law, Quantity
from src.scaling.levenberg_marquardt import solve_many

METHOD = (
    "Weighted least squares over the seed means, each size weighted by its number of seeds; residuals are taken in "
    "percent, share or error for accuracies and in ln(loss) for losses; every start of a grid is "
    "followed by a bounded Levenberg–Marquardt search and the best is polished by scipy's trust-region reflective."
)


@dataclass(frozen=True, eq=False)
class Fit:
    """A law with the parameters that fit a curve, or, of a law over sizes, several.

    `sizes` is n as `Law.predict` takes it, `jacobian` that of the weighted residuals, shape (points, parameters).
    `residuals` (measured − fitted) and `rmse` are on the law's residual scale: percent, error, or ln(loss). R² is
    weighted, on the same scale. `unpinned` names the parameters that move along a direction in which the fit does not
    change. `notes` are sentences: sizes left out, a parameter on its bound, what is unpinned, a search that did not
    converge.
    """

    law: Law
    quantity: Quantity
    sizes: np.ndarray
    weights: np.ndarray
    parameters: np.ndarray
    jacobian: np.ndarray
    objective: float
    r_squared: float
    residuals: np.ndarray
    rmse: float
    converged: bool
    starts: int
    starts_agreeing: int
    unpinned: tuple[str, ...]
    notes: tuple[str, ...]

    def predict(self, n: np.ndarray) -> np.ndarray:
        """The fitted metric (accuracy in [0, 1] or loss) at n as `Law.predict` takes it, shape (points,)."""
        return self.quantity.to_metric(self.law.predict(n, self.parameters))

    @property
    def named(self) -> dict[str, float]:
        """Parameter name to value."""
        return {p.name: float(v) for p, v in zip(self.law.parameters, self.parameters, strict=True)}


def points_needed(law: Law) -> int:
    """The fewest sizes that a fit of this law is made from: one more than it has parameters."""
    return len(law.parameters) + 1


def fit_law(curve: Curve, law: Law) -> Fit:
    """Fit one law to the seed means of a curve.

    Raises FathomError if the law is not meant for one curve, or for this kind of metric, or if the curve has too few
    sizes for it.
    """
    if law.over_sizes:
        raise FathomError(f"law {law.name} is fitted to models of several sizes together: curve {curve.name} is one")
    if curve.kind not in law.quantities:
        raise FathomError(f"law {law.name} is not meant for {curve.kind}: curve {curve.name}, metric {curve.metric}")
    quantity = law.quantities[curve.kind]
    if curve.kind == "accuracy":
        quantity = quantity.of_accuracy(curve.chance)
    used = curve.sizes >= law.smallest_n
    n, weights = curve.sizes[used], curve.seeds[used] / curve.seeds[used].mean() if used.any() else curve.seeds[used]
    if len(n) < points_needed(law):
        raise FathomError(
            f"curve {curve.name}: law {law.name} has {len(law.parameters)} parameters and needs at least "
            f"{points_needed(law)} sizes of n ≥ {law.smallest_n}, there are {len(n)}; measure more sizes"
        )
    left_out = [f"{size:g}" for size in curve.sizes[~used]]
    notes = [f"n={', '.join(left_out)} left out: the law needs n ≥ {law.smallest_n}"] if left_out else []
    return fit_points(law, quantity, n, quantity.from_metric(curve.means[used]), weights, notes)


def fit_points(
    law: Law, quantity: Quantity, n: np.ndarray, values: np.ndarray, weights: np.ndarray, notes: Sequence[str] = ()
) -> Fit:
    """Fit a law to values of its quantity at n as `Law.predict` takes it, with weights; both have shape (points,)."""
    targets = quantity.residual_scale(values)
    starts = law.starts(float(values.max()) or 1.0)
    found, objectives = solve_many(law, quantity, n, np.tile(targets, (len(starts), 1)), weights, starts)
    best = int(np.argmin(objectives))

    def residuals(parameters: np.ndarray) -> np.ndarray:
        return np.sqrt(weights) * (quantity.residual_scale(law.predict(n, parameters)) - targets)

    inside = np.clip(found[best], law.lower, law.upper)
    polished = least_squares(
        residuals, inside, bounds=(law.lower, law.upper), x_scale="jac", xtol=1e-14, ftol=1e-14, gtol=1e-14
    )
    # The polish steps off a bound by design; it is kept only where it helps.
    parameters = np.array(polished.x if 2 * polished.cost <= objectives[best] else inside)
    for bound in (law.lower, law.upper):
        parameters = np.where(_on_bound(parameters, bound), bound, parameters)
    objective = float((residuals(parameters) ** 2).sum())
    spread = float((weights * (targets - np.average(targets, weights=weights)) ** 2).sum())
    agreeing = int((objectives <= objective * 1.001 + 1e-9 * spread).sum())
    unpinned = _unpinned(law, np.asarray(polished.jac))
    flat = [f"not identifiable: the fit does not change along {', '.join(unpinned)}"] if unpinned else []
    stopped = [] if polished.success else ["the search did not converge"]
    deviations = targets - quantity.residual_scale(law.predict(n, parameters))
    return Fit(
        law=law,
        quantity=quantity,
        sizes=n,
        weights=weights,
        parameters=parameters,
        jacobian=np.asarray(polished.jac),
        objective=objective,
        r_squared=1 - objective / spread if spread > 0 else float("nan"),
        residuals=deviations,
        rmse=float(np.sqrt((deviations**2).mean())),
        converged=bool(polished.success),
        starts=len(starts),
        starts_agreeing=agreeing,
        unpinned=unpinned,
        notes=(*notes, *flat, *_on_bounds(law, parameters), *stopped),
    )


def _on_bounds(law: Law, parameters: np.ndarray) -> list[str]:
    return [
        f"{parameter.name} lies on its bound {value:g}"
        for parameter, value in zip(law.parameters, parameters, strict=True)
        if value in (parameter.lower, parameter.upper)
    ]


def _on_bound(parameters: np.ndarray, bound: np.ndarray) -> np.ndarray:
    return np.abs(parameters - bound) <= 1e-6 * np.maximum(1.0, np.abs(np.nan_to_num(bound, posinf=0, neginf=0)))


def _unpinned(law: Law, jacobian: np.ndarray) -> tuple[str, ...]:
    lengths = np.linalg.norm(jacobian, axis=0)
    _, singular, directions = np.linalg.svd(jacobian / np.where(lengths > 0, lengths, 1), full_matrices=False)
    flat = np.abs(directions[singular < 1e-4 * singular[0]])
    return tuple(p.name for k, p in enumerate(law.parameters) if (flat[:, k] > 0.1).any())
