"""The algebra of partial pooling, held to closed forms: a shape that is linear in theta, with Gaussian noise."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import src.scaling.pooled as pooled
from src.scaling.laws.law import Coordinate, Latent, Law, Shape
from src.scaling.pooled import PADDING, PRIOR_CURVES, Observations, pool

COORDINATES = (
    Coordinate("level", 1.0, 2.0, 0.4, natural=lambda v: v),
    Coordinate("slope", -0.2, 0.5, 0.1, natural=lambda v: v),
)
LINE = Shape(
    Law("line", lambda n, level, slope: level + slope * (np.log(n) - 6), (), "", "", ()),
    Latent(COORDINATES, link=lambda value: value),
)
CURVES, SIZES = 6, np.log([50.0, 100, 300, 800, 2000])
MEASURED = np.arange(CURVES)[:, None] + 5 > np.arange(5)[None, :] + 1  # the first curve lacks its last size


def study() -> Observations:
    rng = np.random.default_rng(0)
    level, slope = rng.normal(0.5, 0.4, CURVES), rng.normal(-0.3, 0.1, CURVES)
    x = np.tile(SIZES, (CURVES, 1))
    y = level[:, None] + slope[:, None] * (x - 6) + 0.02 * rng.standard_normal(x.shape)
    return Observations(x, y, np.where(MEASURED, 1e-4, PADDING))


def joint(points: Observations, spread: np.ndarray, tau: float, sigma: float, at: np.ndarray):
    """Mean and covariance of the measured points and, after them, of the latent value at x = `at` for every curve.

    By integrating mu, theta, g and noise out, curve by curve and block by block, without any of the module's own.
    """
    doubt = np.diag([c.doubt**2 for c in COORDINATES])
    x = np.concatenate([points.x, np.tile(at, (CURVES, 1))], axis=1)
    design = np.stack([np.ones(x.shape), x - 6], axis=-1)  # (curves, points, 2)
    mean = (design @ np.array([c.mean for c in COORDINATES])).ravel()
    from_start = x - (points.x[:, :1] - np.log(2))
    short = np.minimum(from_start[:, :, None], from_start[:, None, :])
    long = np.maximum(from_start[:, :, None], from_start[:, None, :])
    brownian = tau**2 * short**2 * (3 * long - short) / 6
    stacked = design.reshape(-1, 2)
    covariance = stacked @ doubt @ stacked.T
    width = x.shape[1]
    for curve in range(CURVES):
        block = slice(curve * width, (curve + 1) * width)
        own = np.append(points.variance[curve] + sigma**2, np.zeros(len(at)))
        covariance[block, block] += design[curve] @ spread @ design[curve].T + brownian[curve] + np.diag(own)
    ahead = np.concatenate([np.zeros_like(MEASURED), np.ones((CURVES, len(at)), dtype=bool)], axis=1).ravel()
    seen = np.concatenate([MEASURED, np.zeros((CURVES, len(at)), dtype=bool)], axis=1).ravel()
    order = np.concatenate([np.flatnonzero(seen), np.flatnonzero(ahead)])
    return mean[order], covariance[np.ix_(order, order)], int(seen.sum())


@pytest.fixture(scope="module")
def fitted() -> pooled.Pooled:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pooled, "SETTLED", 1e-6)
        return pool(study(), LINE)


def test_the_evidence_is_the_points_probability(fitted: pooled.Pooled) -> None:
    def exact(of: pooled.Pooled) -> float:
        mean, covariance, seen = joint(of.points, of.spread, of.tau, of.sigma, np.empty(0))
        padding = np.log(of.points.variance[~MEASURED] + of.sigma**2).sum() / 2  # the constant of a place without one
        return float(multivariate_normal(mean, covariance).logpdf(of.points.y[MEASURED])) + (
            seen * np.log(2 * np.pi) / 2 - padding
        )

    assert fitted.evidence == pytest.approx(exact(fitted), abs=1e-3)


def test_forecasts_are_those_of_the_normal_distribution_given_the_points(fitted: pooled.Pooled) -> None:
    at = np.log([2000.0, 10_000])
    mean, covariance, seen = joint(fitted.points, fitted.spread, fitted.tau, fitted.sigma, at)
    gain = covariance[seen:, :seen] @ np.linalg.inv(covariance[:seen, :seen])
    wanted = mean[seen:] + gain @ (fitted.points.y[MEASURED] - mean[:seen])
    left = covariance[seen:, seen:] - gain @ covariance[:seen, seen:]
    drawn = fitted.draws(np.exp(at), 20_000, 0, noise=False).reshape(20_000, -1)
    widths = np.sqrt(np.diag(left))
    np.testing.assert_allclose((drawn.mean(axis=0) - wanted) / widths, 0, atol=0.04)
    np.testing.assert_allclose(np.corrcoef(drawn.T), left / np.outer(widths, widths), atol=0.04)
    np.testing.assert_allclose(drawn.std(axis=0) / widths, 1, atol=0.03)


def test_em_comes_to_rest_where_the_points_and_the_priors_are_likeliest(fitted: pooled.Pooled) -> None:
    """Sigma, tau and sigma of highest density: no small step from there raises it."""
    points = fitted.points
    wanted = np.diag([c.spread**2 for c in COORDINATES])

    def density(spread: np.ndarray, logs: np.ndarray) -> float:
        mean, covariance, _ = joint(points, spread, *np.exp(logs), np.empty(0))
        seen = float(multivariate_normal(mean, covariance).logpdf(points.y[MEASURED]))
        prior = np.linalg.slogdet(spread)[1] + np.trace(np.linalg.solve(spread, wanted))
        return seen - PRIOR_CURVES * prior / 2 - float(((logs - np.log(points.scales)) ** 2).sum()) / 2

    logs, step = np.log([fitted.tau, fitted.sigma]), 1e-3
    slopes = [
        (density(fitted.spread, logs + d) - density(fitted.spread, logs - d)) / (2 * step) for d in step * np.eye(2)
    ]
    for row, column in ((0, 0), (0, 1), (1, 1)):
        turn = np.zeros((2, 2))
        turn[row, column] = turn[column, row] = step * np.sqrt(fitted.spread[row, row] * fitted.spread[column, column])
        slopes.append((density(fitted.spread + turn, logs) - density(fitted.spread - turn, logs)) / (2 * step))
    assert fitted.settled
    np.testing.assert_allclose(slopes, 0, atol=2e-3)


def test_too_few_rounds_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooled, "ROUNDS", 1)
    assert not pool(study(), LINE).settled
