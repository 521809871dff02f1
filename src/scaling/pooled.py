"""Partial pooling: one shape fitted to all curves of a study together, each helped by the others.

The latent value of curve i at x = ln n, ln L of a loss, is

    y_i = f(theta_i, x_i) + s_i·g_i(x_i) + noise,    theta_i ~ N(mu, Sigma),    mu ~ N(m, D),

f the shape, s_i the share of a deviation that its bounds let through, g_i an integrated Brownian motion of size tau, so
that a curve that leaves the shape keeps the slope at which it left, and noise of variance v_i (known) + sigma². Given
theta_i, y_i is normal about f with the covariance V_i = tau² s_i s_i' ∘ K + diag(sigma² + v_i), K that of g_i/tau.

mu, Sigma, tau and sigma come from the study's own curves by EM (empirical Bayes) with weak priors. In each round:

E. theta_i at its most probable, with f linear about it (Laplace; J_i = df/dtheta_i):
   C_i = (J_i' V_i⁻¹ J_i + Sigma⁻¹)⁻¹, the covariance of theta_i for a known mu. When mu moves, theta_i follows by
   F_i = C_i Sigma⁻¹. With all theta_i integrated out, mu has the covariance
   M = (D⁻¹ + Σ_i (Sigma⁻¹ − Sigma⁻¹ C_i Sigma⁻¹))⁻¹ about the solution of
   (D⁻¹ + c Sigma⁻¹) mu = D⁻¹ m + Sigma⁻¹ Σ_i theta_i, for c curves.
M. Sigma is the mean of E[(theta_i − mu)(theta_i − mu)'] = (θ̂_i − μ̂)(θ̂_i − μ̂)' + C_i + (F_i − 1) M (F_i − 1)', the prior
   spread counting as PRIOR_CURVES more. tau and sigma maximise the expected ln N(y_i; f, V_i), in which the residuals'
   second moment is (y_i − f)(y_i − f)' + J_i T_i J_i' with T_i = C_i + F_i M F_i', all that is unknown of theta_i.

Dempster, Laird, Rubin 1977; for mixed models that are linear about the mode, Lindstrom and Bates 1990.
"""

from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from scipy.optimize import minimize

from src.scaling.laws.law import Shape

PADDING = 1e6  # variance of a place that holds no measurement: latent values differ by tens at most
PRIOR_CURVES = 5  # how many curves the prior spread counts for: from six curves on, the study's own counts for more
ROUNDS = 60  # a fixed number, so that a study's answer does not turn on a tolerance
FIRST_STEPS, STEPS = 60, 10  # of theta: the first round starts from the prior mean, the others from the last theta
LARGEST_STEP = 2  # of theta, whose coordinates are logarithms or logits: a factor of e² at a time


@dataclass(frozen=True, eq=False)
class Observations:
    """Losses as arrays, shape (curves, points): x = ln n, y = ln L, and the known variance of y (PADDING: no point)."""

    x: np.ndarray
    y: np.ndarray
    variance: np.ndarray

    @property
    def scales(self) -> tuple[float, float]:
        """Prior medians of tau and sigma, each within a factor of e: half a percent of a loss."""
        return 0.005, 0.005

    @property
    def measured(self) -> np.ndarray:
        """Where there is a measurement."""
        return self.variance < PADDING

    def without(self, held: np.ndarray) -> Self:
        """The same with some measurements taken out."""
        return replace(self, variance=np.where(held, PADDING, self.variance))

    def only(self, curves: slice) -> Self:
        """The same of some of the curves."""
        rows = {field.name: getattr(self, field.name)[curves] for field in fields(self)}
        return replace(self, **rows)

    def about(self, latent: np.ndarray) -> Self:
        """The points as they look from a fitted latent value, shape (curves, points): of losses, as they are."""
        return self

    def metric(self, latent: np.ndarray) -> np.ndarray:
        """The metric at latent values of shape (…, curves, sizes)."""
        return np.exp(latent)

    def with_noise(self, latent: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A new measurement of the metric, with the noise known at the curve's last point beside sigma."""
        last = self.measured.sum(1) - 1
        known = np.sqrt(self.variance[np.arange(len(last)), last])
        return np.exp(latent + known[:, None] * rng.standard_normal(latent.shape))


def padded(rows: list[np.ndarray], fill: float | None = None) -> np.ndarray:
    """Rows of different lengths as one array, filled up at their ends: with `fill`, or each with its last value."""
    longest = max(len(row) for row in rows)
    return np.stack([np.pad(r, (0, longest - len(r)), constant_values=r[-1] if fill is None else fill) for r in rows])


@dataclass(frozen=True, eq=False)
class Pooled:
    """A fitted study: theta (curves, coordinates) with its covariance given mu, mu with its own, Sigma, tau, sigma.

    `first` is the place in the study of the first of its curves.
    """

    shape: Shape
    points: Observations
    theta: np.ndarray
    covariance: np.ndarray
    mean: np.ndarray
    mean_covariance: np.ndarray
    spread: np.ndarray
    tau: float
    sigma: float
    first: int = 0

    def only(self, curves: slice) -> "Pooled":
        """Some of the curves, which are drawn as they are among all."""
        theta, covariance = self.theta[curves], self.covariance[curves]
        first = self.first + curves.start
        return replace(self, points=self.points.only(curves), theta=theta, covariance=covariance, first=first)

    @property
    def evidence(self) -> float:
        """ln of the study's probability under the shape, over theta and mu (Laplace), at the fitted Sigma, tau, sigma.

        Up to a constant that is the same for every shape fitted to the same points.
        """
        # ln p(y) ≈ ln p(y | theta) + ln p(theta | mu) + ln p(mu) at the mode + ½ Σ ln |C_i| + ½ ln |M|: the powers of
        # 2π of theta and mu cancel, those of y are the constant. `unlikely` holds the quadratic forms, `volume` the
        # determinants, both times −2.
        noise = _noise(self.points, self.shape, self.theta, self.tau, self.sigma)
        off = self.points.y - self.shape.at(self.theta, self.points.x)
        away = self.theta - self.mean
        doubt = np.array([c.doubt for c in self.shape.coordinates])
        unlikely = (
            np.einsum("cs,cst,ct->", off, np.linalg.inv(noise), off)
            + np.einsum("cp,pq,cq->", away, np.linalg.inv(self.spread), away)
            + (((self.mean - _prior_mean(self.points, self.shape)) / doubt) ** 2).sum()
        )
        volume = (
            np.linalg.slogdet(noise)[1].sum()
            + len(away) * np.linalg.slogdet(self.spread)[1]
            - np.linalg.slogdet(self.covariance)[1].sum()
            + 2 * np.log(doubt).sum()
            - np.linalg.slogdet(self.mean_covariance)[1]
        )
        return -float(unlikely + volume) / 2

    def draws(self, n: np.ndarray, count: int, seed: int, noise: bool) -> np.ndarray:
        """Draws of the latent value at n, of shape (sizes,) or (curves, sizes): (count, curves, sizes).

        Of a new measurement where `noise` is set, else of what is measured.
        """
        curves, size = self.theta.shape
        # What all curves share comes from one stream, the rest from one for each, so that some can be drawn alone.
        rng = np.random.default_rng(seed)
        streams = [np.random.default_rng([seed, 1 + self.first + curve]) for curve in range(curves)]
        x = np.broadcast_to(np.log(n), (curves, n.shape[-1]))

        def normal(each: int) -> np.ndarray:
            return np.stack([stream.standard_normal((count, each)) for stream in streams], axis=1)

        # theta_i = θ̂_i + F_i (mu − μ̂) + C_i^½ z: curves move together with mu, and each by itself.
        mean = rng.multivariate_normal(np.zeros(size), self.mean_covariance, count, method="eigh")
        follow = self.covariance @ np.linalg.inv(self.spread)
        own = np.einsum("cpq,dcq->dcp", np.linalg.cholesky(self.covariance), normal(size))
        theta = self.theta + np.einsum("cpq,dq->dcp", follow, mean) + own
        # g at x given the points (y, at X): mean K(x, X) s V⁻¹ (y − f), covariance K(x, x) − K(x, X) s V⁻¹ s' K(X, x),
        # both with tau² in K. The mean follows each draw of theta, the covariance is taken at θ̂.
        start = _start(self.points)
        across = self.tau**2 * _brownian(x, self.points.x, start)
        seen = self.shape.share_at(self.theta, self.points.x)[:, None, :]
        noise_of = np.linalg.inv(_noise(self.points, self.shape, self.theta, self.tau, self.sigma))
        left = self.tau**2 * _brownian(x, x, start) - across * seen @ noise_of @ np.swapaxes(across * seen, 1, 2)
        root = np.linalg.cholesky(left + 1e-10 * np.eye(x.shape[1]))  # rounding can make a small eigenvalue negative
        pull = np.einsum("cst,dct->dcs", across, self._pull(theta))
        g = pull + np.einsum("cst,dct->dcs", root, normal(x.shape[1]))
        latent = self.shape.at(theta, x) + self.shape.share_at(theta, x) * g
        return latent + self.sigma * normal(x.shape[1]) if noise else latent

    def _pull(self, theta: np.ndarray) -> np.ndarray:
        """What the points are off the shape for each draw of theta, weighed for g, shape (draws, curves, points)."""
        off = self.points.y - self.shape.at(theta, self.points.x)
        share = self.shape.share_at(theta, self.points.x)
        alone = self.points.variance + self.sigma**2
        brownian = self.tau**2 * _brownian(self.points.x, self.points.x, _start(self.points))
        pull = np.empty_like(off)
        for curve, of in enumerate(brownian):  # one at a time: a matrix for each draw is large
            own = share[:, curve]
            noise = own[:, :, None] * own[:, None, :] * of + alone[curve] * np.eye(len(of))
            pull[:, curve] = own * np.linalg.solve(noise, off[:, curve, :, None])[..., 0]
        return pull


def pool(points: Observations, shape: Shape) -> Pooled:
    """Fit a shape to all curves together. Needs one point in each curve; more tell more."""
    curves, size = len(points.y), len(shape.coordinates)
    start = _prior_mean(points, shape)
    doubt = np.diag([1 / c.doubt**2 for c in shape.coordinates])
    wanted = np.diag([c.spread**2 for c in shape.coordinates])
    mean, spread, logs = start, wanted, np.log(points.scales)
    theta = np.tile(mean, (curves, 1))
    for round_ in range(ROUNDS):
        precision = np.linalg.inv(spread)
        inverse = np.linalg.inv(_noise(points, shape, theta, *np.exp(logs)))
        theta, covariance = _most_probable(
            points, shape, theta, mean, precision, inverse, STEPS if round_ else FIRST_STEPS
        )
        follow = covariance @ precision  # F_i
        mean_covariance = np.linalg.inv(doubt + curves * precision - (precision @ follow).sum(0))
        mean = np.linalg.solve(doubt + curves * precision, doubt @ start + precision @ theta.sum(0))
        away = follow - np.eye(size)
        away_covariance = covariance + away @ mean_covariance @ np.swapaxes(away, 1, 2)
        off = theta - mean
        spread = (off.T @ off + away_covariance.sum(0) + PRIOR_CURVES * wanted) / (curves + PRIOR_CURVES)
        total = covariance + follow @ mean_covariance @ np.swapaxes(follow, 1, 2)
        logs = _noise_sizes(points, shape, theta, total, logs)
        points = points.about(_latent(points, shape, theta, *np.exp(logs)))
    tau, sigma = np.exp(logs)
    return Pooled(shape, points, theta, covariance, mean, mean_covariance, spread, float(tau), float(sigma))


def _latent(points: Observations, shape: Shape, theta: np.ndarray, tau: float, sigma: float) -> np.ndarray:
    """The most probable latent values at the points: the shape, and of what is off it the share of g and of sigma.

    f + (V − diag(v)) V⁻¹ (y − f): of V, all but the known noise is of the latent value itself.
    """
    noise, at = _noise(points, shape, theta, tau, sigma), shape.at(theta, points.x)
    error = points.variance[:, :, None] * np.eye(points.x.shape[1])
    return at + np.einsum("cst,ctu,cu->cs", noise - error, np.linalg.inv(noise), points.y - at)


def _prior_mean(points: Observations, shape: Shape) -> np.ndarray:
    last = points.measured.sum(1) - 1
    rows = np.arange(len(last))
    anchors = {"none": 0.0, "last": np.median(points.y[rows, last]), "largest": np.median(points.x[rows, last])}
    return np.array([c.mean + anchors[c.anchor] for c in shape.coordinates])


def _most_probable(
    points: Observations,
    shape: Shape,
    theta: np.ndarray,
    mean: np.ndarray,
    precision: np.ndarray,
    inverse: np.ndarray,
    steps: int,
) -> tuple[np.ndarray, np.ndarray]:
    """The theta of highest posterior density and the inverse of its Gauss–Newton Hessian, by Levenberg–Marquardt."""

    def objective(at: np.ndarray) -> np.ndarray:
        off, away = shape.at(at, points.x) - points.y, at - mean
        return np.einsum("cs,cst,ct->c", off, inverse, off) + np.einsum("cp,pq,cq->c", away, precision, away)

    def hessian(at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        weighted = np.einsum("csp,cst->cpt", shape.jacobian(at, points.x), inverse)
        return weighted, np.einsum("cps,csq->cpq", weighted, shape.jacobian(at, points.x)) + precision

    value, damping = objective(theta), np.full(len(theta), 1e-2)
    for _ in range(steps):
        weighted, curvature = hessian(theta)
        gradient = np.einsum("cpt,ct->cp", weighted, shape.at(theta, points.x) - points.y) + (theta - mean) @ precision
        ridge = damping[:, None, None] * curvature * np.eye(theta.shape[1])
        step = np.linalg.solve(curvature + ridge, -gradient[..., None])[..., 0]
        trial = theta + np.clip(step, -LARGEST_STEP, LARGEST_STEP)
        trial_value = objective(trial)
        better = trial_value < value
        gain = np.where(better, value - trial_value, 0)
        theta, value = np.where(better[:, None], trial, theta), np.where(better, trial_value, value)
        damping = np.clip(np.where(better, damping / 5, damping * 4), 1e-8, 1e8)
        if (gain < 1e-6).all() and (better | (damping > 1e2)).all():
            break
    return theta, np.linalg.inv(hessian(theta)[1])


def _noise_sizes(
    points: Observations, shape: Shape, theta: np.ndarray, covariance: np.ndarray, logs: np.ndarray
) -> np.ndarray:
    """ln tau and ln sigma that maximise the expected likelihood of the residuals.

    With `covariance` T_i of theta_i: the minimum of ½ Σ_i [ln |V_i| + tr V_i⁻¹ ((y_i − f)(y_i − f)' + J_i T_i J_i')]
    plus ½ of the squares of both logarithms about their prior medians.
    """
    jacobian = shape.jacobian(theta, points.x)
    off = points.y - shape.at(theta, points.x)
    second = np.einsum("cs,ct->cst", off, off) + jacobian @ covariance @ np.swapaxes(jacobian, 1, 2)

    brownian, count = _deviations(points, shape, theta), points.x.shape[1]

    def loss(at: np.ndarray) -> float:
        noise = np.exp(2 * at[0]) * brownian + (np.exp(2 * at[1]) + points.variance)[:, :, None] * np.eye(count)
        fit = np.linalg.slogdet(noise)[1].sum() + np.einsum("cst,cts->", np.linalg.inv(noise), second)
        return float(fit + ((at - np.log(points.scales)) ** 2).sum()) / 2

    # Each round of EM needs a better pair, not the best one (generalised EM).
    return minimize(loss, logs, method="Nelder-Mead", options={"maxiter": 40}).x


def _start(points: Observations) -> np.ndarray:
    """Where each curve's g begins, shape (curves,): one doubling below its smallest n."""
    return points.x[:, 0] - np.log(2)


def _deviations(points: Observations, shape: Shape, theta: np.ndarray) -> np.ndarray:
    """Covariance of what g/tau moves at the points: s_i s_i' ∘ K."""
    share = shape.share_at(theta, points.x)
    return share[:, :, None] * share[:, None, :] * _brownian(points.x, points.x, _start(points))


def _noise(points: Observations, shape: Shape, theta: np.ndarray, tau: float, sigma: float) -> np.ndarray:
    """V_i = tau² s_i s_i' ∘ K + diag(sigma² + v_i), shape (curves, points, points)."""
    return tau**2 * _deviations(points, shape, theta) + (sigma**2 + points.variance)[:, :, None] * np.eye(
        points.x.shape[1]
    )


def _brownian(x: np.ndarray, other: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Covariance of an integrated Brownian motion that starts at rest, shape (curves, sizes of x, sizes of other).

    g(a) = ∫₀ᵃ B(u) du has cov(g(a), g(b)) = ∫₀ᵃ∫₀ᵇ min(u, w) dw du = a²(3b − a)/6 for a ≤ b, both counted from `start`.
    """
    a, b = x[:, :, None] - start[:, None, None], other[:, None, :] - start[:, None, None]
    short, long = np.maximum(np.minimum(a, b), 0), np.maximum(a, b)
    return short**2 * (3 * long - short) / 6
