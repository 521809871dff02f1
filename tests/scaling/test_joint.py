import numpy as np
import pytest

from src.errors import FathomError
from src.scaling.curve import Curve, Measurement
from src.scaling.joint import SizedCurves, analyse_joint, fit_joint, intervals, standard_errors
from src.scaling.laws.power_laws import JOINT

N, SIZES = (100, 400, 1600, 6400, 25_600), (1e8, 4e8, 1.6e9)


def curves(noise: float, seed: int = 0) -> list[tuple[Curve, float]]:
    rng = np.random.default_rng(seed)
    made = []
    for size in SIZES:
        exact = JOINT.predict(np.array([N, [size] * len(N)]), np.array(JOINT.example))
        values = exact * np.exp(noise * rng.standard_normal(len(N)))
        points = (Measurement(n, 0, float(value)) for n, value in zip(N, values, strict=True))
        made.append((Curve(f"{size:g}", "loss", "loss", tuple(points)), size))
    return made


def sized(pairs: list[tuple[Curve, float | None]]) -> SizedCurves:
    return SizedCurves("all", tuple(curve for curve, _ in pairs), tuple(size for _, size in pairs))


def test_the_joint_law_is_recovered_from_its_own_points() -> None:
    fit = fit_joint(curves(0), JOINT)
    assert fit.parameters == pytest.approx(JOINT.example, rel=1e-6) and fit.notes == ()
    elsewhere = 2.5 * 8**-0.1 * 1e5**-0.15 + 0.6
    assert fit.predict(np.array([[1e5], [8e9]])) == pytest.approx([elsewhere], rel=1e-6)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    inside = []
    for seed in range(40):
        fit = fit_joint(curves(0.003, seed), JOINT)
        low, high = intervals(fit, 0.9).T
        inside.append((low <= JOINT.example) & (JOINT.example <= high))
        assert np.sqrt((fit.residuals**2).mean()) == pytest.approx(0.003, rel=0.7)
    assert 0.8 < np.mean(inside) < 0.97


def test_what_the_points_do_not_pin_has_no_error() -> None:
    flat = [(Curve("c", "loss", "loss", tuple(Measurement(n, 0, 2.0) for n in N)), size) for size in SIZES]
    assert np.isinf(standard_errors(fit_joint(flat, JOINT))).all()


def test_the_largest_n_is_forecast_from_the_smaller_ones() -> None:
    made = analyse_joint(sized([*curves(0.003)]), JOINT, 0.9)
    assert (made.largest_n, made.held_out) == (25_600, 3)
    assert made.off is not None and 0 < made.off < 0.01


def test_a_model_of_unknown_size_is_left_out_and_said_so() -> None:
    unknown = Curve("unknown", "loss", "loss", tuple(Measurement(n, 0, 2.0) for n in N))
    made = analyse_joint(sized([*curves(0), (unknown, None)]), JOINT, 0.9)
    assert made.fit is not None and made.fit.parameters == pytest.approx(JOINT.example, rel=1e-6)
    assert made.notes == ("of unknown size and left out: unknown",)


def test_one_size_or_few_points_are_refused() -> None:
    one = [(curve, 1e8) for curve, _ in curves(0)]
    with pytest.raises(FathomError, match="sizes are 1e\\+08, 1e\\+08, 1e\\+08; it needs at least two, all above 0"):
        fit_joint(one, JOINT)
    assert "at least two known sizes, there is 1" in analyse_joint(sized([*one]), JOINT, 0.9).notes[0]
    few = [(curve.between(100, 400), size) for curve, size in curves(0)[:2]]
    with pytest.raises(FathomError, match="at least 6 points, there are 4"):
        fit_joint(few, JOINT)
