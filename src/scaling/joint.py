"""The multiplicative joint law: loss over the number of examples and another scale, such as model size, at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from src.errors import FathomError
from src.scaling.curve import Curve

LATEX = r"L = A\,X^{-\alpha}\,D^{-\beta} + E"
SOURCE = "Zhang et al. 2024, arXiv 2402.17193"


@dataclass(frozen=True)
class JointFit:
    """L = A·X^−alpha·D^−beta + E, with the standard errors of (A, alpha, beta, E) and the rms of the ln L residuals.

    A standard error is infinite where the data do not pin the parameter.
    """

    A: float
    alpha: float
    beta: float
    E: float
    standard_errors: tuple[float, float, float, float]
    rmse: float

    def predict(self, scale: np.ndarray, n: np.ndarray) -> np.ndarray:
        """The loss at scale X and n examples; the arguments broadcast."""
        return self.A * scale**-self.alpha * n**-self.beta + self.E


def fit_joint(curves: Sequence[Curve], scales: Sequence[float]) -> JointFit:
    """Least squares in ln L over all points n ≥ 1 of loss curves, each at its scale X, from a grid of starts.

    Raises FathomError for fewer than six points, fewer than two scales, or a scale that is not above 0.
    """
    if len(set(scales)) < 2 or min(scales) <= 0:
        raise FathomError(f"joint law: the scales are {list(scales)}; it needs at least two, all above 0")
    used = [curve.between(1) for curve in curves]
    x = np.log(np.concatenate([np.full(len(c.sizes), s) for c, s in zip(used, scales, strict=True)]))
    log_n, y = np.log(np.concatenate([c.sizes for c in used])), np.log(np.concatenate([c.means for c in used]))
    if len(y) < 6:
        raise FathomError(f"joint law: it has 4 parameters and needs at least 6 points, there are {len(y)}")
    middle = (x.mean(), log_n.mean())

    def residuals(t: np.ndarray) -> np.ndarray:
        level, alpha, beta, floor = t
        power = level - alpha * (x - middle[0]) - beta * (log_n - middle[1])
        return np.log(np.exp(power) + floor) - y

    lower, upper = [-50.0, -5.0, 0.0, 0.0], [50.0, 5.0, 5.0, float(np.exp(y.min()))]
    starts = [
        (np.log((1 - share) * np.exp(y.mean())), alpha, beta, share * np.exp(y.min()))
        for share in (0.01, 0.5, 0.9)
        for alpha in (0.03, 0.3)
        for beta in (0.03, 0.3)
    ]
    fits = [least_squares(residuals, start, bounds=(lower, upper), x_scale="jac", xtol=1e-14) for start in starts]
    best = min(fits, key=lambda fit: fit.cost)
    level, alpha, beta, floor = best.x
    A = float(np.exp(level + alpha * middle[0] + beta * middle[1]))
    variance = 2 * best.cost / max(1, len(y) - 4)
    # d(ln A) = d(level) + middle · d(alpha, beta); A's own error follows from it.
    turn = np.eye(4)
    turn[0] = A, A * middle[0], A * middle[1], 0
    jacobian = np.asarray(best.jac)
    singular = np.linalg.cond(jacobian) > 1e10
    errors = np.full(4, np.inf)
    if not singular:
        errors = np.sqrt(np.diag(turn @ np.linalg.inv(jacobian.T @ jacobian) @ turn.T) * variance)
    rmse = float(np.sqrt(2 * best.cost / len(y)))
    return JointFit(A, float(alpha), float(beta), float(floor), (errors[0], errors[1], errors[2], errors[3]), rmse)
