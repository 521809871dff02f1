import numpy as np
import pytest

from src.errors import FathomError
from src.scaling.curve import Curve, Measurement
from src.scaling.joint import fit_joint

SIZES, SCALES = (100, 400, 1600, 6400, 25_600), (1e8, 4e8, 1.6e9)


def curves(noise: float) -> list[Curve]:
    rng = np.random.default_rng(0)

    def loss(scale: float, n: int) -> float:
        return float((20 * scale**-0.1 * n**-0.15 + 0.6) * np.exp(noise * rng.standard_normal()))

    return [Curve(f"{s:g}", "loss", "loss", tuple(Measurement(n, 0, loss(s, n)) for n in SIZES)) for s in SCALES]


def test_the_joint_law_is_recovered_from_its_own_points() -> None:
    fit = fit_joint(curves(0), SCALES)
    assert (fit.A, fit.alpha, fit.beta, fit.E) == pytest.approx((20, 0.1, 0.15, 0.6), rel=1e-3)
    assert fit.predict(np.array(8e9), np.array(1e5)) == pytest.approx(20 * 8e9**-0.1 * 1e5**-0.15 + 0.6, rel=1e-4)


def test_standard_errors_hold_under_noise() -> None:
    fit = fit_joint(curves(0.003), SCALES)
    truth = np.array([20, 0.1, 0.15, 0.6])
    off = np.abs(np.array([fit.A, fit.alpha, fit.beta, fit.E]) - truth) / np.array(fit.standard_errors)
    assert (off < 3).all() and fit.rmse == pytest.approx(0.003, rel=0.5)


def test_one_scale_or_few_points_are_refused() -> None:
    with pytest.raises(FathomError, match="needs at least two, all above 0"):
        fit_joint(curves(0), (1e8, 1e8, 1e8))
    with pytest.raises(FathomError, match="at least 6 points, there are 4"):
        fit_joint([c.between(100, 400) for c in curves(0)[:2]], SCALES[:2])
