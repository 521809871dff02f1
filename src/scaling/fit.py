"""Fitting a law to a curve: weighted least squares, bounded, from many starts."""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag
from scipy.optimize import least_squares

from src.errors import FathomError
from src.scaling.curve import Curve
from src.scaling.laws.law import Law, Quantity
from src.scaling.levenberg_marquardt import solve_many

METHOD = (
    "Weighted least squares over the seed means; residuals are taken in percent, share or error for accuracies and in "
    "ln(loss) for losses. A size's weight is 1/(its noise + s²), s² the variance of the scatter about the law beyond "
    "the noise (by moments), so that a law that fits follows the best known sizes and one that does not "
    "weighs all alike; where no noise is known, the weight is the number of seeds. Every start of a grid "
    "is followed by a bounded Levenberg–Marquardt search and the best is polished by scipy's trust-region reflective."
)
WIDEST = 1000
WEIGHINGS = 4  # rounds of fit and s²: the weights move by less than a percent after three


@dataclass(frozen=True, eq=False)
class Fit:
    """A law with the parameters that fit a curve, or, of a law over sizes, several.

    `sizes` is n as `Law.predict` takes it, `jacobian` that of the fitted points times √weight, shape (points,
    parameters). `residuals` (measured − fitted) are on the law's residual scale: percent, error, or ln(loss). R² is
    weighted, on the same scale; `scatter` is s², the variance of the residuals beyond the sizes' noise, and
    `misses` says that both together are more than twice the noise. `unpinned`
    names the parameters that move along a direction in which the fit does not change. `notes` are sentences: sizes left
    out, a parameter on its bound, what is unpinned, a search that did not converge.
    """

    law: Law
    quantity: Quantity
    sizes: np.ndarray
    weights: np.ndarray
    scatter: float
    misses: bool
    parameters: np.ndarray
    jacobian: np.ndarray
    r_squared: float
    residuals: np.ndarray
    unpinned: tuple[str, ...]
    notes: tuple[str, ...]

    def predict(self, n: np.ndarray) -> np.ndarray:
        """The fitted metric (accuracy in [0, 1] or loss) at n as `Law.predict` takes it, shape (points,)."""
        return self.quantity.to_metric(self.law.predict(n, self.parameters))

    @property
    def named(self) -> dict[str, float]:
        """Parameter name to value."""
        return {p.name: float(v) for p, v in zip(self.law.parameters, self.parameters, strict=True)}


def unidentified(fit: Fit, intervals: np.ndarray) -> Set[str]:
    """The parameters of which the points tell no value: unpinned, or with an interval over a factor of `WIDEST`.

    intervals has shape (parameters, 2).
    """
    each = zip(fit.law.parameters, intervals, strict=True)
    return {p.name for p, (low, high) in each if p.lower > 0 and high > WIDEST * low}.union(fit.unpinned)


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
    n = curve.sizes[curve.sizes >= law.smallest_n]
    if len(n) < points_needed(law):
        raise FathomError(
            f"curve {curve.name}: law {law.name} has {len(law.parameters)} parameters and needs at least "
            f"{points_needed(law)} sizes of n ≥ {law.smallest_n}, there are {len(n)}; measure more sizes"
        )
    left_out = [f"{size:g}" for size in curve.sizes if size < law.smallest_n]
    notes = [f"n={', '.join(left_out)} left out: the law needs n ≥ {law.smallest_n}"] if left_out else []
    used = curve.between(law.smallest_n)
    return fit_points(law, quantity, n, [used], notes)


def fit_points(
    law: Law,
    quantity: Quantity,
    n: np.ndarray,
    curves: Sequence[Curve],
    notes: Sequence[str] = (),
    huber: float = np.inf,
) -> Fit:
    """Fit a law to the seed means of all these curves, whose points are at n as `Law.predict` takes it.

    Where no noise is known, the weights are the numbers of seeds. Weighted residuals above `huber` count by their
    size, not its square.
    """
    values = quantity.from_metric(np.concatenate([curve.means for curve in curves]))
    noise = block_diag(*(_noise_of_targets(curve, quantity) for curve in curves))
    seeds = np.concatenate([curve.seeds for curve in curves])
    targets = quantity.residual_scale(values)

    def fitted(parameters: np.ndarray) -> np.ndarray:
        return quantity.residual_scale(law.predict(n, parameters))

    weights, scatter = seeds / seeds.mean(), 0.0
    grid = law.starts(float(values.max()) or 1.0)
    found = grid
    for round_ in range(WEIGHINGS if noise.any() else 1):
        if round_:
            weights = 1 / (np.diag(noise) + scatter)
            weights /= weights.mean()
        found, objectives = solve_many(law, quantity, n, np.tile(targets, (len(grid), 1)), weights, found, huber)
        best = int(np.argmin(objectives))
        scatter = _beyond_noise(fitted, found[best], fitted(found[best]) - targets, np.sqrt(weights), noise)

    def residuals(parameters: np.ndarray) -> np.ndarray:
        return np.sqrt(weights) * (fitted(parameters) - targets)

    inside = np.clip(found[best], law.lower, law.upper)
    loss = {"loss": "huber", "f_scale": huber} if np.isfinite(huber) else {}
    polished = least_squares(
        residuals, inside, bounds=(law.lower, law.upper), x_scale="jac", xtol=1e-14, ftol=1e-14, gtol=1e-14, **loss
    )
    # The polish steps off a bound by design; it is kept only where it helps.
    parameters = np.array(polished.x if 2 * polished.cost <= objectives[best] else inside)
    for bound in (law.lower, law.upper):
        parameters = np.where(_on_bound(parameters, bound), bound, parameters)
    squares = float((residuals(parameters) ** 2).sum())
    spread = float((weights * (targets - np.average(targets, weights=weights)) ** 2).sum())
    jacobian = np.sqrt(weights)[:, None] * _tangent(fitted, parameters)
    unpinned = _unpinned(law, jacobian)
    flat = [f"not identifiable: the fit does not change along {', '.join(unpinned)}"] if unpinned else []
    stopped = [] if polished.success else ["the search did not converge"]
    # Twice the noise in all: less happens to a law that holds, with so few points.
    misses = bool(noise.any() and scatter > 3 * np.diag(noise).mean())
    missed = ["misses its points by more than twice their noise: the intervals hold what it misses"] if misses else []
    return Fit(
        law=law,
        quantity=quantity,
        sizes=n,
        weights=weights,
        scatter=scatter,
        misses=misses,
        parameters=parameters,
        jacobian=jacobian,
        r_squared=1 - squares / spread if spread > 0 else float("nan"),
        residuals=targets - fitted(parameters),
        unpinned=unpinned,
        notes=(*notes, *missed, *flat, *_on_bounds(law, parameters), *stopped),
    )


def _noise_of_targets(curve: Curve, quantity: Quantity) -> np.ndarray:
    """Covariance of the seed means on the residual scale, shape (sizes, sizes); zeros where no noise is known."""
    if not curve.noise.known:
        return np.zeros((len(curve.sizes), len(curve.sizes)))
    step = 1e-6 * np.maximum(curve.means, 1e-3)
    up, down = (quantity.residual_scale(quantity.from_metric(curve.means + of)) for of in (step, -step))
    slope = (up - down) / (2 * step)
    covariance = curve.noise.pooled_covariance * np.outer(slope, slope)
    # Seeds that agree to the last digit are not known without error.
    return covariance + 1e-3 * np.trace(covariance) / len(slope) * np.eye(len(slope))


def _beyond_noise(
    fitted: Callable[[np.ndarray], np.ndarray],
    parameters: np.ndarray,
    left: np.ndarray,
    root: np.ndarray,
    noise: np.ndarray,
) -> float:
    """s²: what the weighted residuals sum to beyond what the noise leaves of them, by moments, at least 0.

    The residuals of a fit are H·noise, H the projection off the law's tangent, so that Σ w·residual² is expected to be
    tr(H √W (C + s²) √W). Noise that all sizes share, as that of the test items, hardly leaves any.
    """
    tangent = root[:, None] * _tangent(fitted, parameters)
    off = np.eye(len(left)) - tangent @ np.linalg.pinv(tangent)
    expected = np.trace(off @ (root[:, None] * noise * root))
    return max(0.0, float(((root * left) ** 2).sum() - expected) / float(np.trace(off @ np.diag(root**2))))


def _tangent(fitted: Callable[[np.ndarray], np.ndarray], parameters: np.ndarray) -> np.ndarray:
    """The derivative of the fitted points by the parameters, shape (points, parameters), by central differences."""
    columns = []
    for k, value in enumerate(parameters):
        step = np.zeros(len(parameters))
        step[k] = 1e-6 * max(abs(value), 1e-6)
        up, down = (fitted(parameters + of) for of in (step, -step))
        columns.append((up - down) / (2 * step[k]))
    return np.nan_to_num(np.stack(columns, axis=1))


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
