"""Bounded least squares for many data sets and starts at once: Levenberg–Marquardt with an active set, in numpy."""

from collections.abc import Callable

import numpy as np

from src.scaling.laws.law import Law, Quantity


def solve_many(
    law: Law,
    quantity: Quantity,
    n: np.ndarray,
    targets: np.ndarray,
    weights: np.ndarray,
    starts: np.ndarray,
    huber: float = np.inf,
) -> tuple[np.ndarray, np.ndarray]:
    """Minimise Σ r² of r = √weights·(scale(law) − target) for each row; an |r| above `huber` counts as 2·huber·|r|.

    n and weights have shape (sizes,); targets, on the residual scale, (rows, sizes); starts (rows, parameters). Gives
    the parameters, shape (rows, parameters), and the objectives, shape (rows,).
    """
    lower, upper, root = law.lower, law.upper, np.sqrt(weights)
    theta = np.array(starts, dtype=float)

    def residuals(parameters: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        return root * (quantity.residual_scale(law.predict(n, parameters)) - wanted)

    def total(r: np.ndarray) -> np.ndarray:
        square = np.minimum(np.abs(r), huber)
        return (square * (2 * np.abs(r) - square)).sum(1)

    r = residuals(theta, targets)
    objective = total(r)
    damping = np.full(len(theta), 1e-2)
    live = np.arange(len(theta))
    for _ in range(200):
        t, y = theta[live], targets[live]
        jacobian = _jacobian(residuals, t, y, r[live], upper)
        # Huber's loss as least squares whose weights follow the residuals (Holland, Welsch 1977); 1 without it.
        share = np.minimum(1, huber / np.maximum(np.abs(r[live]), 1e-300))
        gradient = np.einsum("rsp,rs->rp", jacobian, share * r[live])
        # A parameter on its bound whose descent direction leads outside is held for this step.
        held = ((t <= lower) & (gradient > 0)) | ((t >= upper) & (gradient < 0))
        normal = (
            np.einsum("rsp,rsq->rpq", share[..., None] * jacobian, jacobian) * ~held[:, :, None] * ~held[:, None, :]
        )
        diagonal = np.einsum("rpp->rp", normal)
        ridge = np.where(held, 1.0, diagonal * damping[live, None] + 1e-300)
        step = -np.linalg.solve(normal + ridge[:, :, None] * np.eye(t.shape[1]), np.where(held, 0, gradient)[..., None])
        trial = np.clip(t + step[..., 0], lower, upper)
        trial_r = residuals(trial, y)
        trial_objective = np.nan_to_num(total(trial_r), nan=np.inf)
        better = trial_objective < objective[live]
        gain = objective[live] - trial_objective
        done = np.where(better, gain <= 1e-12 * objective[live], damping[live] > 1e8)
        won = live[better]
        theta[won], r[won], objective[won] = trial[better], trial_r[better], trial_objective[better]
        damping[live] = np.where(better, np.maximum(damping[live] / 5, 1e-12), damping[live] * 4)
        live = live[~done]
        if not len(live):
            break
    return theta, objective


def _jacobian(
    residuals: Callable[[np.ndarray, np.ndarray], np.ndarray],
    t: np.ndarray,
    y: np.ndarray,
    r: np.ndarray,
    upper: np.ndarray,
) -> np.ndarray:
    columns = []
    for k in range(t.shape[1]):
        width = 1e-7 * np.maximum(np.abs(t[:, k]), 1e-4)
        width = np.where(t[:, k] + width > upper[k], -width, width)
        moved = t.copy()
        moved[:, k] += width
        columns.append((residuals(moved, y) - r) / width[:, None])
    return np.nan_to_num(np.stack(columns, axis=2), posinf=1e150, neginf=-1e150)
