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
   M = (D⁻¹ + Σ_i (Sigma⁻¹ − Sigma⁻¹ C_i Sigma⁻¹))⁻¹.
M. mu is where r = D⁻¹ (m − mu) + Sigma⁻¹ Σ_i (theta_i − mu) is 0. EM's own step there is (D⁻¹ + c Sigma⁻¹)⁻¹ r, for c
   curves; with what is missing of the theta_i taken off the information (Louis 1982) it is M r, Newton's. Sigma is the
   mean of E[(theta_i − mu)(theta_i − mu)'] = (θ̂_i − μ̂)(θ̂_i − μ̂)' + C_i + (F_i − 1) M (F_i − 1)', the prior spread
   counting as PRIOR_CURVES more. tau and sigma maximise the expected ln N(y_i; f, V_i), in which the residuals' second
   moment is (y_i − f)(y_i − f)' + J_i T_i J_i' with T_i = C_i + F_i M F_i', all that is unknown of theta_i: for W =
   dV_i/d ln tau or d ln sigma the gradient is ½ Σ_i tr V_i⁻¹ W (V_i⁻¹ second − 1), the expected information between two
   of them ½ Σ_i tr V_i⁻¹ W V_i⁻¹ W', and a step is that of Fisher's scoring.

EM crawls along what the points hardly tell. So its steps go on towards Newton's (mu), or up to nine times as far (tau,
sigma), while they keep their direction, and less far each time that they turn: in the end it is EM. It is at rest when
a round moves no part of mu by SETTLED standard errors, nor ln tau, ln sigma or those of Sigma's spreads by SETTLED.

Dempster, Laird, Rubin 1977; for mixed models that are linear about the mode, Lindstrom and Bates 1990. With f linear
and noise normal, evidence, forecasts and the point of rest are exact (tests/scaling/test_pooled.py).
"""

from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from scipy.special import log_ndtr

from src.scaling.laws.law import Shape

PADDING = 1e6  # variance of a place that holds no measurement: latent values differ by tens at most
PRIOR_CURVES = 5  # how many curves the prior spread counts for: from six curves on, the study's own counts for more
ROUNDS = 100  # at most: what is not at rest by then is told
SETTLED = 1e-2  # as above
FIRST_STEPS, STEPS = 60, 10  # of theta: the first round starts from the prior mean, the others from the last theta
NO_GAIN = 1e-8  # of twice the log density of theta: less is not looked for
TRIES = 4  # of theta for each draw
SCORING_STEPS = 2  # of tau and sigma in a round
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
    def stretch(self) -> np.ndarray:
        """ln of d y / d metric at the points, less what is the same for every shape: of losses 0."""
        return np.zeros(self.y.shape)

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
        """A new measurement of the metric, with the noise known at the curve's last point beside sigma.

        Shape (draws, curves, sizes). A draw has one value of the noise for all sizes: as likely at each of them, and
        what is drawn over n is as smooth as the latent value.
        """
        last = self.measured.sum(1) - 1
        known = np.sqrt(self.variance[np.arange(len(last)), last])
        return np.exp(latent + known[:, None] * rng.standard_normal((*latent.shape[:2], 1)))


def padded(rows: list[np.ndarray], fill: float | None = None) -> np.ndarray:
    """Rows of different lengths as one array, filled up at their ends: with `fill`, or each with its last value."""
    longest = max(len(row) for row in rows)
    return np.stack([np.pad(r, (0, longest - len(r)), constant_values=r[-1] if fill is None else fill) for r in rows])


@dataclass(frozen=True, eq=False)
class Pooled:
    """A fitted study: theta (curves, coordinates) with its covariance given mu, mu with its own, Sigma, tau, sigma.

    `settled` is whether EM came to rest, `first` the place in the study of the first of its curves.
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
    settled: bool = True
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
        # determinants, both times −2. The points are compared as measured: y of an accuracy differs between shapes.
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
        return float(self.points.stretch[self.points.measured].sum() - (unlikely + volume) / 2)

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
        middle = self.theta + np.einsum("cpq,dq->dcp", follow, mean)
        own = np.einsum("cpq,kdcq->kdcp", np.linalg.cholesky(self.covariance), [normal(size) for _ in range(TRIES)])
        theta, pull = self._resampled(middle, own, self.mean + mean, normal(TRIES))
        # g at x given the points (y, at X): mean K(x, X) s V⁻¹ (y − f), covariance K(x, x) − K(x, X) s V⁻¹ s' K(X, x),
        # both with tau² in K. The mean follows each draw of theta, the covariance is taken at θ̂.
        start = _start(self.points)
        across = self.tau**2 * _brownian(x, self.points.x, start)
        seen = self.shape.share_at(self.theta, self.points.x)[:, None, :]
        noise_of = np.linalg.inv(_noise(self.points, self.shape, self.theta, self.tau, self.sigma))
        left = self.tau**2 * _brownian(x, x, start) - across * seen @ noise_of @ np.swapaxes(across * seen, 1, 2)
        root = np.linalg.cholesky(left + 1e-10 * np.eye(x.shape[1]))  # rounding can make a small eigenvalue negative
        g = np.einsum("cst,dct->dcs", across, pull) + np.einsum("cst,dct->dcs", root, normal(x.shape[1]))
        latent = self.shape.at(theta, x) + self.shape.share_at(theta, x) * g
        # One value of the noise for all n of a draw, as in `with_noise`.
        return latent + self.sigma * normal(1) if noise else latent

    def _resampled(
        self, middle: np.ndarray, own: np.ndarray, mean: np.ndarray, by_chance: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """One theta of those about its middle, shape (tries, draws, curves, coordinates), for each draw; and its pull.

        By what the points say of it over what Laplace's normal does (sampling importance resampling, Rubin 1987): a
        normal about the mode reaches into theta that the points contradict. `by_chance`, (draws, curves, tries), is
        standard normal.
        """
        log_weights, pulls = [], []
        for apart in own:
            likelihood, pull = self._seen_from(middle + apart)
            away = middle + apart - mean[:, None]
            prior = np.einsum("dcp,pq,dcq->dc", away, np.linalg.inv(self.spread), away)
            normal = np.einsum("dcp,cpq,dcq->dc", apart, np.linalg.inv(self.covariance), apart)
            log_weights.append(likelihood - (prior - normal) / 2)
            pulls.append(pull)
        # The largest of log weight + Gumbel noise is drawn by its weight.
        gumbel = -np.log(-log_ndtr(np.moveaxis(by_chance, -1, 0)))
        taken = (np.array(log_weights) + gumbel).argmax(axis=0)[None, ..., None]
        theta = middle + np.take_along_axis(own, taken, axis=0)[0]
        return theta, np.take_along_axis(np.array(pulls), taken, axis=0)[0]

    def _seen_from(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For each draw of theta, ln N(y; f, V) but for a constant, (draws, curves), and s V⁻¹ (y − f), for g."""
        off = self.points.y - self.shape.at(theta, self.points.x)
        share = self.shape.share_at(theta, self.points.x)
        alone = self.points.variance + self.sigma**2
        brownian = self.tau**2 * _brownian(self.points.x, self.points.x, _start(self.points))
        likelihood, pull = np.empty(off.shape[:2]), np.empty_like(off)
        for curve, of in enumerate(brownian):  # one at a time: a matrix for each draw is large
            # Without bounds every draw has the same.
            own = share[:, curve] if self.shape.latent.bounded else share[:1, curve]
            noise = own[:, :, None] * own[:, None, :] * of + alone[curve] * np.eye(len(of))
            weighed = (np.linalg.inv(noise) @ off[:, curve, :, None])[..., 0]
            likelihood[:, curve] = -((weighed * off[:, curve]).sum(1) + np.linalg.slogdet(noise)[1]) / 2
            pull[:, curve] = own * weighed
        return likelihood, pull


def pool(points: Observations, shape: Shape) -> Pooled:
    """Fit a shape to all curves together. Needs one point in each curve; more tell more."""
    curves, size = len(points.y), len(shape.coordinates)
    start = _prior_mean(points, shape)
    doubt = np.diag([1 / c.doubt**2 for c in shape.coordinates])
    wanted = np.diag([c.spread**2 for c in shape.coordinates])
    mean, spread, logs = start, wanted, np.log(points.scales)
    theta = np.tile(mean, (curves, 1))
    sizes, step, change = np.log(np.append(np.sqrt(np.diag(wanted)), points.scales)), np.zeros(size), np.zeros(2)
    pace, most_pace, stride, most_stride, settled = 1.0, 1.0, 1.0, 8.0, False
    for round_ in range(ROUNDS):
        precision = np.linalg.inv(spread)
        inverse = np.linalg.inv(_noise(points, shape, theta, *np.exp(logs)))
        theta, covariance = _most_probable(
            points, shape, theta, mean, precision, inverse, STEPS if round_ else FIRST_STEPS
        )
        follow = covariance @ precision  # F_i
        mean_covariance = np.linalg.inv(doubt + curves * precision - (precision @ follow).sum(0))
        rise = doubt @ (start - mean) + precision @ (theta - mean).sum(0)
        pace, most_pace = _paced(pace, most_pace, bool(rise @ step >= 0))
        slow = np.linalg.inv(doubt + curves * precision)
        step = np.clip((slow + pace * (mean_covariance - slow)) @ rise, -LARGEST_STEP, LARGEST_STEP)
        mean, theta = mean + step, theta + np.einsum("cpq,q->cp", follow, step)
        away = follow - np.eye(size)
        away_covariance = covariance + away @ mean_covariance @ np.swapaxes(away, 1, 2)
        off = theta - mean
        spread = (off.T @ off + away_covariance.sum(0) + PRIOR_CURVES * wanted) / (curves + PRIOR_CURVES)
        total = covariance + follow @ mean_covariance @ np.swapaxes(follow, 1, 2)
        before, change = change, _noise_sizes(points, shape, theta, total, logs) - logs
        stride, most_stride = _paced(stride, most_stride, bool(change @ before >= 0))
        logs = logs + np.clip((1 + stride) * change, -1, 1)
        points = points.about(_latent(points, shape, theta, *np.exp(logs)))
        last, sizes = sizes, np.append(np.log(np.diag(spread)) / 2, logs)
        settled = bool((np.abs(step) < SETTLED * np.sqrt(np.diag(mean_covariance))).all())
        settled &= bool((np.abs(sizes - last) < SETTLED).all())
        if settled:
            break
    tau, sigma = np.exp(logs)
    return Pooled(
        shape, points, theta, covariance, mean, mean_covariance, spread, float(tau), float(sigma), settled=settled
    )


def _paced(pace: float, most: float, onward: bool) -> tuple[float, float]:
    """How far beyond EM's own step the next one goes, and may ever go: less each time that the last went too far."""
    return (min(most, 1.5 * pace), most) if onward else (pace / 2, 0.7 * most)


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

    def slopes(at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Half the gradient of the objective, and half its Gauss–Newton Hessian."""
        jacobian = shape.jacobian(at, points.x)
        weighted = np.einsum("csp,cst->cpt", jacobian, inverse)
        gradient = np.einsum("cpt,ct->cp", weighted, shape.at(at, points.x) - points.y) + (at - mean) @ precision
        return gradient, weighted @ jacobian + precision

    value, damping = objective(theta), np.full(len(theta), 1e-2)
    gradient, curvature = slopes(theta)
    for _ in range(steps):
        ridge = damping[:, None, None] * curvature * np.eye(theta.shape[1])
        step = np.linalg.solve(curvature + ridge, -gradient[..., None])[..., 0]
        if (-(step * gradient).sum(1) < NO_GAIN).all():
            break
        trial = theta + np.clip(step, -LARGEST_STEP, LARGEST_STEP)
        trial_value = objective(trial)
        better = trial_value < value
        theta, value = np.where(better[:, None], trial, theta), np.where(better, trial_value, value)
        damping = np.clip(np.where(better, damping / 5, damping * 4), 1e-8, 1e8)
        gradient, curvature = slopes(theta)
    return theta, np.linalg.inv(curvature)


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
    brownian, eye = _deviations(points, shape, theta), np.eye(points.x.shape[1])
    prior = np.log(points.scales)
    # Each round of EM needs a better pair, not the best one (generalised EM): steps of Fisher's scoring.
    for _ in range(SCORING_STEPS):
        parts = np.exp(2 * logs[0]) * brownian, np.broadcast_to(np.exp(2 * logs[1]) * eye, brownian.shape)
        inverse = np.linalg.inv(sum(parts) + points.variance[:, :, None] * eye)
        by = [2 * inverse @ part for part in parts]  # V⁻¹ dV/d ln
        left = inverse @ second
        gradient = np.array([np.einsum("css->", of) - np.einsum("cst,cts->", of, left) for of in by]) / 2
        information = np.array([[np.einsum("cst,cts->", a, b) for b in by] for a in by]) / 2
        step = np.linalg.solve(information + np.eye(2), gradient + logs - prior)
        logs = logs - np.clip(step, -1, 1)
    return logs


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
